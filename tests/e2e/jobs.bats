#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# jobs.bats - commands that are left in a sandbox: listed, attached to, waited for, signalled.
load helper

setup_file() {
  cluster_setup
  export BOX=e2e-jobs-$$
  asb run -q --name "$BOX" --keep true
}
teardown_file() { remove "$BOX"; }

detach() { asb exec --detach "$BOX" "$@"; }
job() { asb jobs "$BOX" -o json | jq -r --arg id "$1" ".jobs[] | select(.id == \$id).$2"; } # job ID MEMBER

@test "exec --detach leaves a command there; attach shows all of it and ends as it does" {
  id=$(detach 'echo out; echo err >&2; until [ -e go ]; do sleep 0.1; done; echo more; exit 7')
  [[ "$id" =~ ^[0-9a-f]{32}$ ]]
  [ "$(job "$id" state)" = running ]
  asb exec "$BOX" 'touch go'
  run -7 --separate-stderr asb attach "$BOX" "${id:0:8}"
  [ "$output" = $'out\nmore' ]
  [ "$stderr" = err ]
  run -7 --separate-stderr asb attach "$BOX" "$id" --from 4 --stderr-from 4 # once more, but for what is known
  [ "$output" = more ]
  [ -z "$stderr" ]
  [ "$(job "$id" state) $(job "$id" exitCode) $(job "$id" stdout.end)" = "ended 7 9" ]
  run -7 asb wait "$BOX" "$id"
  run -0 asb jobs "$BOX"
  [[ "$output" == *"${id:0:12}   exited 7 "* ]]
}

@test "exec --detach: who attaches may leave, and come again; the job goes on" {
  id=$(detach 'n=0; until [ -e stop ]; do echo $((n += 1)); sleep 0.1; done')
  KUBECONFIG=$USER_KUBECONFIG env --default-signal=INT kubectl-agentsandbox attach -n $NS "$BOX" "$id" >seen 3>&- &
  plugin=$!
  within 40 grep -qx 3 seen
  kill -INT $plugin
  ends_with 130 20
  [ "$(job "$id" state)" = running ]
  asb exec "$BOX" 'touch stop'
  known=$(stat -c %s seen)
  asb attach "$BOX" "$id" --from "$known" >rest
  cat rest >>seen
  [ "$(cat seen)" = "$(seq "$(tail -n 1 seen)")" ]
}

@test "exec --detach: 8 MiB that nobody reads are kept, and read twice" {
  id=$(detach 'head -c 8M /dev/urandom | tee kept')
  asb wait "$BOX" "$id"
  sum=$(asb exec "$BOX" 'sha256sum <kept')
  [ "$(asb attach "$BOX" "$id" | sha256sum)" = "$sum" ]
  [ "$(asb attach "$BOX" "$id" | sha256sum)" = "$sum" ]
}

@test "kill signals a job, wait tells of several how they ended" {
  one=$(detach -- sleep 1000)
  two=$(detach 'exit 3')
  asb kill "$BOX" "$one"
  run -143 asb wait "$BOX" "$one" "$two"
  [ "$output" = "$one killed by TERM
$two exited 3" ]
  asb kill "$BOX" "$two" --signal SIGKILL # it has ended: nothing happens
  [ "$(job "$two" exitCode)" = 3 ]
}

@test "exec --detach: what can't be meant is a usage error, what is not there is said" {
  run -2 asb exec "$BOX" --detach -i cat
  run -2 asb exec "$BOX" --detach -o json ls
  run -2 asb wait "$BOX"
  run -2 asb attach "$BOX" xyz
  run -2 asb kill "$BOX" abcdef --signal NOW
  run -127 asb exec "$BOX" --detach -- no-such-program
  run -125 asb attach "$BOX" 00000000
  [[ "$output" == *"knows no job"* ]]
}

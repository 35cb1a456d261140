#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# exec.bats - further commands in a sandbox that stays, in every cell of the matrix.
load helper

setup_file() {
  cluster_setup
  cell_setup
  export BOX=e2e-box-$$
  cell_ready
  asb run -q --name "$BOX" --keep true
}
teardown_file() {
  remove "$BOX"
  cell_teardown
}

@test "exec runs further commands as run does; files stay, variables do not" {
  run -0 --separate-stderr asb exec "$BOX" --env TEAM=blue 'echo $TEAM >note; cat note'
  [ "$output" = blue ]
  [ -z "$stderr" ]
  run -0 asb exec "$BOX" 'cat note; echo "[$TEAM]"'
  [ "$output" = $'blue\n[]' ]
  run -0 asb exec "$BOX" -- printf '%s|' 'a b' '$HOME'
  [ "$output" = 'a b|$HOME|' ]
}

@test "exec: all of it happens in one pod, that of the sandbox" {
  pod=$(pod_of "$BOX")
  uid=$(admin -n $NS get pod "$pod" -o jsonpath='{.metadata.uid}')
  run -0 asb exec "$BOX" hostname
  [ "$output" = "$pod" ]
  asb exec "$BOX" true
  [ "$(admin -n $NS get pod "$pod" -o jsonpath='{.metadata.uid}')" = "$uid" ]
}

@test "exec: stdout and stderr stay apart, exit codes are the command's" {
  run -7 --separate-stderr asb exec "$BOX" 'echo out; echo err >&2; exit 7'
  [ "$output" = out ]
  [ "$stderr" = err ]
  run -137 asb exec "$BOX" 'kill -9 $$'
  run -127 asb exec "$BOX" -- no-such-program
  run -126 asb exec "$BOX" -- /etc/passwd
}

@test "exec: --timeout ends the whole tree, with 124; -i sends stdin, -w chooses the directory" {
  run -124 asb exec "$BOX" --timeout 1s 'setsid sleep 61 & sleep 60'
  run ! asb exec "$BOX" -- pgrep sleep
  run -0 asb exec "$BOX" -i -w /tmp -- sh -c 'pwd; cat' <<<typed
  [ "$output" = $'/tmp\ntyped' ]
}

@test "exec: 8 MiB through stdin and 8 MiB out arrive unchanged" {
  head -c 8M /dev/urandom >in
  asb exec "$BOX" -i -- tee kept <in >out
  cmp in out
  run -0 asb exec "$BOX" 'sha256sum <kept'
  [ "${output%% *}" = "$(sha256sum <in | cut -d' ' -f1)" ]
}

@test "exec: the agent's kubectl works" {
  run -0 asb exec "$BOX" "kubectl get namespace $NS -o name"
  [ "$output" = "namespace/$NS" ]
}

@test "exec: -o json names the sandbox" {
  run -3 --separate-stderr asb exec "$BOX" -o json 'exit 3'
  [ "$(jq -r '.sandbox + " " + (.exitCode | tostring)' <<<"$output")" = "$BOX 3" ]
}

@test "exec: what a command leaves running ends with it" {
  asb exec "$BOX" 'sleep 1000 & true'
  within 60 no_sleep
}
no_sleep() { asb exec "$BOX" '! cat /proc/[0-9]*/comm 2>/dev/null | grep -qx sleep'; }

@test "exec: two commands at once do not disturb each other" {
  background exec "$BOX" 'echo slow; sleep 2; echo end' >slow
  run -0 asb exec "$BOX" 'echo quick'
  [ "$output" = quick ]
  ends_with 0 30
  [ "$(cat slow)" = $'slow\nend' ]
}

@test "exec: what can't be meant is a usage error, what is not there is said to be missing" {
  run -2 asb exec "$BOX"
  run -2 asb exec -- ls
  run -2 asb exec "$BOX" ls -- -l
  run -125 asb exec no-such-sandbox true
  [[ "$output" == *"not found"* ]]
}

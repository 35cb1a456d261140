#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# logs.bats - the audit trail of sandboxes, claims and plain pods; as it is, as it grows, and who may read it.
load helper

HOSTILE=$'\e]0;title\a\u202e it\'s \\n'

setup_file() {
  cluster_setup
  BOX=$(unique logs)
  export BOX
  asb create "$BOX" --ttl 20m -q
  asb exec "$BOX" 'echo hello; echo bad >&2'
  asb exec "$BOX" -- sh -c $'echo "a\tb"\nexit 3' || true
  asb exec "$BOX" -- echo "$HOSTILE" 'two words' >/dev/null
  asb exec "$BOX" -- no-such-program || true
  asb exec "$BOX" --timeout 1s 'sleep 60' || true
}

teardown_file() {
  asb delete "$BOX" --ignore-not-found
  gone "$BOX"
}

@test "logs shows each command with its end" {
  run -0 --separate-stderr asb logs "$BOX"
  [ -z "$stderr" ]
  [[ "${lines[0]}" =~ ^TIME\ +JOB\ +STATUS\ +DURATION\ +OUT\ +ERR\ +COMMAND$ ]]
  [[ "${lines[1]}" =~ ^20[0-9T:-]+Z\ +[0-9a-f]{8}\ +exit\ 0\ +[0-9]+ms\ +6\ +4\ +echo\ hello\;\ echo\ bad\ \>\&2$ ]]
  [[ "${lines[2]}" =~ exit\ 3\ .*"sh -c \$'echo \"a\\tb\"\\nexit 3'"$ ]]
  [[ "${lines[4]}" =~ \ failed\ .*no-such-program ]]
  [[ "${lines[5]}" =~ SIGTERM\ \(timeout\)\ .*sleep\ 60$ ]]
  [ "${#lines[@]}" -eq 6 ]
}

@test "nothing in a command steers the terminal, and what is shown is what was run" {
  asb logs "$BOX" >out
  run ! env LC_ALL=C grep -qP '[\x00-\x09\x0b-\x1f\x7f]|\xe2\x80\xae' out
  shown=$(sed -n 's/.* \(echo \$.*two words.\)$/\1/p' out)
  [ "$(eval "$shown")" = "$HOSTILE two words" ]
  asb logs "$BOX" -o json >out
  run ! env LC_ALL=C grep -qP '[\x00-\x09\x0b-\x1f\x7f]|\xe2\x80\xae' out
  [ "$(jq -rs '[.[] | select(.argv[0]? == "echo")][0].argv[1]' out)" = "$HOSTILE" ]
}

@test "-o json gives the records, --tail and --since choose commands" {
  run -0 --separate-stderr asb logs "$BOX" -o json
  [ "$(jq -s 'map(select(.event == "end")) | length' <<<"$output")" -eq 4 ]
  [ "$(jq -rs '.[0].line' <<<"$output")" = 'echo hello; echo bad >&2' ]
  run -0 asb logs "$BOX" --tail 1 -o json
  [ "$(jq -rs 'map(.event) | join(" ")' <<<"$output")" = "start end" ]
  run -0 asb logs "$BOX" --tail 2
  [ "${#lines[@]}" -eq 3 ]
  run -0 asb logs "$BOX" --tail 0
  [ "${#lines[@]}" -eq 1 ]
  asb exec "$BOX" 'echo late'
  run -0 asb logs "$BOX" --since 2s --tail 1
  [[ "${lines[1]}" == *"echo late" ]]
  run -0 asb logs "$BOX" --since 2h
  [ "${#lines[@]}" -eq 7 ]
}

@test "a command that runs is shown as running; --follow shows what comes, and ends with the sandbox" {
  name=$(unique follow)
  asb create "$name" --ttl 10m -q
  asb exec "$name" 'echo first'
  background exec "$name" 'sleep 600'
  job=$plugin
  within 30 shows "$name" 'running .* sleep 600$'
  background logs "$name" --follow >followed 2>followed.err
  within 30 grep -qE 'exit 0 .* echo first$' followed
  asb exec "$name" 'echo second'
  within 30 grep -qE ' started +- +- +- +echo second$' followed
  within 30 grep -qE ' exit 0 .* echo second$' followed
  asb delete "$name"
  ends_with 0 30
  [ "$(grep -c 'echo first' followed)" -eq 1 ]
  [ ! -s followed.err ]
  within 30 ended "$job"
  gone "$name"
}
shows() { asb logs "$1" | grep -qE "$2"; }

@test "Ctrl-C ends --follow" {
  background logs "$BOX" -f >followed
  within 30 grep -q COMMAND followed
  kill -INT $plugin
  ends_with 130 30
}

@test "claims and plain pods have a trail too" {
  pool=$(unique pool) name=$(unique claim) plain=$(unique plain)
  asb pool create "$pool" --size 1
  within 90 asb pool status "$pool"
  asb run -q --pool "$pool" --keep --name "$name" 'echo claimed'
  run -0 asb logs "$name"
  [[ "$output" =~ exit\ 0\ .*echo\ claimed ]]
  admin -n $NS delete sandboxclaim "$name"
  asb pool delete "$pool"
  asb run -q --sandbox k8s --keep --name "$plain" 'echo plain'
  run -0 asb logs "$plain"
  [[ "$output" =~ exit\ 0\ .*echo\ plain ]]
  admin -n $NS delete pod "$plain" --grace-period=0
  gone "$plain"
  gone "$name"
}

@test "what has no trail is said: no such sandbox, a suspended one, one of somebody else" {
  run -125 asb logs no-such-sandbox
  [[ "$output" == *'sandboxes.agents.x-k8s.io "no-such-sandbox" not found'* ]]
  run -2 asb logs
  run -2 asb logs "$BOX" -o yaml
  run -2 asb logs "$BOX" --tail -3
  name=$(unique asleep)
  asb create "$name" --ttl 10m -q
  run -0 --separate-stderr asb logs "$name"
  [ "$stderr" = "No commands were run in $name." ]
  asb suspend "$name"
  within 30 says_suspended "$name" # before v0.5 nothing says that the pod has gone
  asb delete "$name"
  gone "$name"
}
says_suspended() { asb logs "$1" 2>&1 | grep -q 'is suspended: its pod has gone'; }

@test "who may not read logs is told which right is missing, with the Role that grants it" {
  user reader >reader.kubeconfig
  admin -n $NS create role e2e-logs --verb=get --resource=pods,sandboxes.agents.x-k8s.io,sandboxclaims.extensions.agents.x-k8s.io --dry-run=client -o yaml |
    admin apply -f - >/dev/null
  grant reader e2e-logs
  run -125 as_user reader.kubeconfig logs "$BOX"
  [[ "$output" == *'missing rights in namespace "computer": get pods/log'* ]]
  [[ "$output" == *'resources: ["pods/log"]'* ]]
  admin -n $NS delete rolebinding e2e-reader
  admin -n $NS delete role e2e-logs
}

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# persist.bats - the process that `exec` leaves in the background, and commands that go through it.
load helper

setup_file() {
  cluster_setup
  export BOX=e2e-held-$$ IDLE=60s
  asb run -q --name "$BOX" --keep true
}
teardown_file() { remove "$BOX"; }

setup() { # short: a socket's path has 107 bytes
  RUN=$(mktemp -d /tmp/asb-persist.XXXXXX)
}
teardown() {
  local pid
  for pid in $(holders); do kill "$pid"; done
  within 20 no_holder
  rm -rf "$RUN"
}

held() { KUBECTL_AGENTSANDBOX_PERSIST=$IDLE XDG_RUNTIME_DIR=$RUN asb "$@"; }
holders() { # their pids: those of this test only
  local pid
  for pid in $(pgrep -fx 'kubectl-agentsandbox hold'); do
    tr '\0' '\n' 2>/dev/null <"/proc/$pid/environ" | grep -qx "XDG_RUNTIME_DIR=$RUN" && echo "$pid"
  done
  return 0
}
no_holder() { [ -z "$(holders)" ]; }
sockets() { find "$RUN" -name '[0-9a-f]*' -type s; }
listens() { [ "$(sockets | wc -l)" -eq "${1:-1}" ]; }
no_socket() { [ -z "$(find "$RUN" ! -type d)" ]; }
held_plugin() { # in the background, without kubectl around it; its pid is in $plugin
  KUBECTL_AGENTSANDBOX_PERSIST=$IDLE XDG_RUNTIME_DIR=$RUN background "$@"
}
hold() { # a holder that listens
  held exec "$BOX" -- true
  within 40 listens
}
has_line() { grep -qx "$1" "$2"; }

@test "the first command leaves a holder, the next ones ask the API server for nothing" {
  hold
  run -7 --separate-stderr held exec -v=6 "$BOX" 'echo out; echo err >&2; exit 7'
  [ "$output" = out ]
  [[ "$stderr" == *err* && "$stderr" != *https://* ]]
  run -0 --separate-stderr held exec -v=6 --no-persist "$BOX" true
  [[ "$stderr" == *https://* ]]
  run -137 held exec "$BOX" 'kill -9 $$'
  run -127 held exec "$BOX" -- no-such-program
  run -124 held exec "$BOX" --timeout 1s 'sleep 60'
  [ "$(holders | wc -l)" -eq 1 ]
}

@test "8 MiB go in and out through a holder, and -o json names the sandbox" {
  hold
  head -c 8M /dev/urandom >in
  held exec "$BOX" -i -- cat <in >out
  cmp in out
  run -3 --separate-stderr held exec "$BOX" -o json 'exit 3'
  [ "$(jq -r '.sandbox + " " + (.exitCode | tostring)' <<<"$output")" = "$BOX 3" ]
}

@test "neither a command substitution nor a pipe waits for the holder" {
  local start=$SECONDS
  x=$(held exec "$BOX" 'echo out')
  [ "$x" = out ]
  [ "$(held exec "$BOX" 'echo out' 2>&1 | cat)" = out ]
  within 40 listens
  [ "$(held exec "$BOX" 'echo out' 2>&1 | cat)" = out ]
  elapsed_below $start 50
}

@test "a holder has no terminal, no directory and no descriptor of who started it, and no secret in its arguments" {
  local token pid
  token=$(admin -n e2e-users create token agent-user)
  held exec --token "$token" "$BOX" -- true 9>kept-open
  within 40 listens
  pid=$(holders)
  [ "$(tr '\0' ' ' <"/proc/$pid/cmdline")" = 'kubectl-agentsandbox hold ' ]
  run ! grep -q -e "$token" "/proc/$pid/environ"
  [ "$(ps -o sid=,tty= -p "$pid" | tr -d ' ')" = "$pid?" ]
  [ "$(readlink "/proc/$pid/cwd")" = / ]
  run find "/proc/$pid/fd" -lname "$PWD/*"
  [ -z "$output" ]
  [ "$(readlink "/proc/$pid/fd/0" "/proc/$pid/fd/1" "/proc/$pid/fd/2" | sort -u)" = /dev/null ]
  [ "$(stat -c %a "$RUN/kubectl-agentsandbox" "$(sockets)" | paste -sd' ')" = '700 600' ]
}

@test "first callers at once do not collide: all are served, one holder stays" {
  local pids=() pid i
  for i in 1 2 3 4; do
    held exec "$BOX" "exit $i" &
    pids+=($!)
  done
  for i in 1 2 3 4; do
    pid=0
    wait "${pids[i - 1]}" || pid=$?
    [ "$pid" -eq "$i" ]
  done
  within 40 listens
  within 40 one_holder
}
one_holder() { [ "$(holders | wc -l)" -eq 1 ]; }

@test "50 callers at once each get their own output and exit status" {
  local pids=() i code
  hold
  for ((i = 1; i <= 50; i++)); do
    held_quick "exec" "$BOX" "echo $i; exit $i" >"out.$i" &
    pids+=($!)
  done
  for ((i = 1; i <= 50; i++)); do
    code=0
    wait "${pids[i - 1]}" || code=$?
    [ "$code" -eq "$i" ]
    [ "$(cat "out.$i")" = "$i" ]
  done
  one_holder
}
held_quick() { # without kubectl's start, fifty times
  KUBECTL_AGENTSANDBOX_PERSIST=$IDLE XDG_RUNTIME_DIR=$RUN KUBECONFIG=$USER_KUBECONFIG kubectl-agentsandbox "$@"
}

@test "a socket that is left by a holder that was killed is replaced" {
  local first
  hold
  first=$(holders)
  kill -KILL "$first"
  within 20 no_holder
  [ -n "$(sockets)" ]
  run -5 held exec "$BOX" 'exit 5'
  within 40 one_holder
  within 40 answers
  [ "$(holders)" != "$first" ]
}
answers() { held exec -v=6 "$BOX" true 2>&1 | { ! grep -q https://; }; }

@test "a holder that is killed takes no command along: input, output and exit status arrive" {
  hold
  head -c 3M /dev/urandom >in
  mkfifo typed
  { head -c 1M; within 60 test -e killed; cat; } <in >typed &
  held_quick exec "$BOX" -i 'echo run >>runs; tee part; echo end >&2; exit 9' <typed >out 2>err &
  plugin=$!
  within 60 test -s out
  kill -KILL "$(holders)"
  touch killed
  ends_with 9 120
  cmp in out
  has_line end err
  run -0 held exec "$BOX" 'cat runs; rm runs part'
  [ "$output" = run ]
}

@test "a holder that hangs is given up after a while, and nothing is lost" {
  hold
  kill -STOP "$(holders)"
  run -4 held exec "$BOX" 'echo run >>runs; echo here; exit 4'
  [ "$output" = here ]
  kill -CONT "$(holders)" # what it had not handed on by then is not run a second time
  run -0 held exec "$BOX" 'cat runs; rm runs'
  [ "$output" = run ]
}

@test "a folder that is not ours alone, or a link, is not used" {
  mkdir -m 755 "$RUN/kubectl-agentsandbox"
  run -6 held exec "$BOX" 'exit 6'
  rmdir "$RUN/kubectl-agentsandbox"
  mkdir -m 700 elsewhere
  ln -s "$PWD/elsewhere" "$RUN/kubectl-agentsandbox"
  run -6 held exec "$BOX" 'exit 6'
  within 20 no_holder
  no_socket_in elsewhere
}
no_socket_in() { [ -z "$(ls -A "$1")" ]; }

@test "a holder leaves when nobody has used it for a while, and on SIGTERM; --no-persist and \"no\" start none" {
  IDLE=2s hold
  within 40 no_holder
  no_socket
  hold
  kill "$(holders)"
  within 20 no_holder
  no_socket
  held exec --no-persist "$BOX" true
  IDLE=no held exec "$BOX" true
  no_holder
  IDLE=soon run -2 held exec "$BOX" true
  [[ "$output" == *KUBECTL_AGENTSANDBOX_PERSIST* ]]
}

@test "another identity has a holder of its own" {
  hold
  KUBECTL_AGENTSANDBOX_PERSIST=$IDLE XDG_RUNTIME_DIR=$RUN admin agentsandbox exec "$BOX" true
  within 40 listens 2
  [ "$(holders | wc -l)" -eq 2 ]
}

@test "an interrupt reaches the command of who got it, and no other" {
  hold
  held_plugin exec "$BOX" 'echo ready; sleep 300' >first
  local first=$plugin
  held_plugin exec "$BOX" 'trap "echo hit" INT; echo ready; until [ -e go ]; do sleep 0.1; done; rm go; exit 8' >second
  local second=$plugin
  within 60 has_line ready first
  within 60 has_line ready second
  kill -INT "$first"
  plugin=$first ends_with 130 60
  held exec "$BOX" 'touch go'
  plugin=$second ends_with 8 60
  [ "$(cat second)" = ready ]
  one_holder
}

@test "the sandbox lives on while a command runs through a holder, and not because of the holder" {
  local soon
  hold
  soon=$(date -u -d '+70 seconds' +%Y-%m-%dT%H:%M:%SZ)
  admin -n $NS patch sandbox "$BOX" --type merge -p "{\"spec\":{\"shutdownTime\":\"$soon\"}}" >/dev/null
  held exec "$BOX" true
  [ "$(end_of "$BOX")" = "$soon" ] || moved "$soon" # a command may have been in time
  admin -n $NS patch sandbox "$BOX" --type merge -p "{\"spec\":{\"shutdownTime\":\"$soon\"}}" >/dev/null
  held_plugin exec "$BOX" 'until [ -e go ]; do sleep 0.1; done; rm go'
  within 60 moved "$soon"
  held exec "$BOX" 'touch go'
  ends_with 0 60
  admin -n $NS patch sandbox "$BOX" --type merge \
    -p "{\"spec\":{\"shutdownTime\":\"$(date -u -d '+1 hour' +%Y-%m-%dT%H:%M:%SZ)\"}}" >/dev/null
}
end_of() { admin -n $NS get sandbox "$1" -o jsonpath='{.spec.shutdownTime}'; }
moved() { [[ "$(end_of "$BOX")" > "$1" ]]; }

@test "a holder ends with its sandbox, and a sandbox made anew under its name is another one" {
  local box
  box=$(unique held)
  asb run -q --name "$box" --keep 'echo old >note'
  held exec "$box" true
  within 40 listens
  asb delete "$box"
  gone "$box" 60
  within 40 no_holder
  run -125 held exec "$box" true
  [[ "$output" == *"not found"* ]]
  asb run -q --name "$box" --keep true
  run -0 held exec "$box" 'cat note 2>/dev/null; hostname'
  [ "$output" = "$(pod_of "$box")" ]
  remove "$box"
}

@test "what is deleted under a command that runs through a holder is said, as without one" {
  local box
  box=$(unique held)
  asb run -q --name "$box" --keep true
  held exec "$box" true
  within 40 listens
  held_plugin exec "$box" 'echo ready; sleep 300' >out 2>err
  within 60 has_line ready out
  asb delete "$box"
  ends_with 143 60
  grep -q 'the sandbox was stopped while the command ran: .*not found' err
  gone "$box" 60
}

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# attack.bats - commands that do their worst: PID 1 survives them, other commands go on, and each is told the truth about its end.
# What one kernel's PID 1 does to the other's: gvisor.bats, kata.bats; single faults of processes: tests/shim.
load helper
load attack.bash

setup_file() {
  cluster_setup
  export BOX=e2e-attack-$$ KUBECTL_AGENTSANDBOX_PERSIST=no
  asb create "$BOX" --ttl 1h >/dev/null
}
teardown_file() { remove "$BOX"; }
setup() { cd "$BATS_TEST_TMPDIR" || return 1; }
teardown() { [ -z "${plugin:-}" ] || kill -KILL "$plugin" 2>/dev/null || true; }

# The witness: another command, with a session of its own, that runs before, during and after the attack.
witness() {
  # shellcheck disable=SC2016 # for the shell inside
  background exec "${1:-$BOX}" 'echo ready; while [ ! -e /tmp/go ]; do sleep 0.1; done; rm /tmp/go; seq 1000; exit 7' >witness
  within 60 grep -q ready witness
}
witness_lives() { # so does PID 1: it starts one more
  asb exec "${1:-$BOX}" 'touch /tmp/go'
  ends_with 7 60
  [ "$(<witness)" = $'ready\n'"$(seq 1000)" ]
}

nobody() { # nobody COMMAND-LINE: no process with such arguments runs inside (a regular expression)
  # shellcheck disable=SC2016 # for the shell inside
  asb exec "$BOX" "! for f in /proc/[0-9]*/cmdline; do tr '\0' ' ' <\$f; echo; done 2>/dev/null | grep -qxE '$1 '"
}

@test "a command can't stop PID 1, look into it, or become its client" {
  witness
  run -0 --separate-stderr asb exec "$BOX" "kill -KILL 1; kill -STOP 1; kill -TERM 1; $ATTACK"
  log=$(admin -n "$NS" logs "$BOX")
  attack_failed "$log"
  witness_lives
}

@test "a fork bomb is ended by its timeout, and nothing of it stays" {
  witness
  # -u counts the user's processes on the whole node; where there are many it is a small bomb
  # shellcheck disable=SC2016 # for the shell inside
  run -124 asb exec "$BOX" --timeout 2s 'ulimit -u 500; bomb() { sleep 1000 & bomb & bomb & wait; }
    trap "" TERM; bomb 2>/dev/null; while :; do :; done'
  within 60 nobody "sleep 1000"
  witness_lives
}

@test "kill -9 -1 ends the other commands; who sent it goes on, and all are told" {
  witness
  run -3 --separate-stderr asb exec "$BOX" 'echo before; kill -9 -1; echo after; exit 3'
  [ "$output" = $'before\nafter' ]
  ends_with 137 60
  asb exec "$BOX" 'rm -f /tmp/go'
  run -0 asb exec "$BOX" 'seq 100000 | tail -n 1'
  [ "$output" = 100000 ]
}

@test "a command that closes every descriptor is waited for" {
  witness
  run -4 asb exec "$BOX" 'for fd in $(ls /proc/self/fd); do eval "exec $fd>&-"; done; exec >&- 2>&- <&-; sleep 2; exit 4'
  [ -z "$output" ]
  witness_lives
}

@test "full disks and full pipes stop who fills them" {
  witness
  # what nobody reads: this one is as it is until it is killed
  mkfifo pipe
  exec 4<>pipe
  KUBECONFIG=$USER_KUBECONFIG kubectl-agentsandbox exec "$BOX" 'echo started >/tmp/started; yes' >pipe 2>/dev/null 3>&- &
  writer=$!
  within 60 asb exec "$BOX" 'test -e /tmp/started'
  run -1 asb exec "$BOX" 'cat /dev/zero >/dev/shm/full'
  [[ "$output" == *"No space left on device"* ]]
  run -0 asb exec "$BOX" 'seq 100000 | tail -n 1'
  [ "$output" = 100000 ]
  ! ended "$writer" || { echo "the writer has ended" && return 1; }
  kill -TERM "$writer"
  within 60 ended "$writer"
  exec 4>&-
  within 60 nobody yes
  asb exec "$BOX" 'rm /dev/shm/full'
  witness_lives
}

# What the witness sleeps in is one for a moment, too.
no_zombie() { asb exec "$BOX" '! grep -q "^State:.Z" /proc/[0-9]*/status 2>/dev/null'; }

@test "thousands of zombies" {
  witness
  run -0 asb exec "$BOX" 'perl -e '\''
    for (1 .. 2000) { my $pid = fork; defined $pid or die "fork: $!"; exit unless $pid }
    sleep 1; # until all have ended
    system("grep -l \"^State:.Z\" /proc/[0-9]*/status 2>/dev/null | wc -l")'\'
  [ "$output" -ge 1900 ]
  # and orphans, which PID 1 or the keeper of the job gets
  run -0 asb exec "$BOX" 'for i in $(seq 500); do (sleep 0.2 &); done; sleep 1; echo done'
  [ "$output" = "done" ]
  within 60 no_zombie
  witness_lives
}

@test "what is stopped, or waits where signals don't reach, is ended all the same" {
  witness
  run -124 asb exec "$BOX" --timeout 1s 'sleep 1000 & kill -STOP $!; kill -STOP $$'
  [ "$(uname -m)" != x86_64 ] ||
    run -124 asb exec "$BOX" --timeout 1s 'exec perl -e '\''syscall(58); sleep 1000; exit'\' # in vfork a parent's state is D
  within 60 nobody "sleep 1000"
  within 60 nobody "perl .*"
  witness_lives
}

@test "out of memory: who used it up is killed, and told so" {
  local small
  small=$(unique memory)
  asb create "$small" --ttl 1h --memory 64Mi >/dev/null
  witness "$small"
  run -137 asb exec "$small" 'tail /dev/zero'
  [[ "$output" == *"memory"*"64Mi"* ]]
  witness_lives "$small"
  remove "$small"
}

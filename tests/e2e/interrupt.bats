#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# interrupt.bats - whenever the user or the machine stops the plugin, nothing of the run stays.
load helper

setup_file() { cluster_setup; }

start() { # start NAME ARG...: the plugin itself, in the background; its pid is in $plugin, what it says in said
  background run --name "$1" "${@:2}" >said 2>&1
}

@test "Ctrl-C during creation" {
  for delay in 0 0.02 0.05 0.1 0.2 0.4; do
    name=$(unique create)
    start "$name" 'sleep 100'
    sleep $delay # the moment of the interrupt is what varies
    kill -INT $plugin
    ends_with 130 20 || { echo "after $delay s"; cat said; return 1; }
    gone "$name"
  done
}

@test "Ctrl-C while the image can't be pulled yet" {
  name=$(unique pull)
  start "$name" --image unreachable.test/nothing:1 true
  within 30 sandbox_exists "$name"
  kill -INT $plugin
  ends_with 130 30
  gone "$name"
}

@test "during streaming the first Ctrl-C goes to the command and its exit code counts" {
  name=$(unique int)
  start "$name" 'trap "echo caught; exit 42" INT; echo ready; while :; do sleep 0.1; done'
  within 30 grep -q ready said
  kill -INT $plugin
  ends_with 42 30
  grep -q caught said
  gone "$name"
}

@test "a second Ctrl-C ends it at once" {
  name=$(unique int2)
  start "$name" 'trap "echo caught" INT; echo ready; while :; do sleep 0.1; done'
  within 30 grep -q ready said
  kill -INT $plugin
  within 30 grep -q caught said
  kill -INT $plugin
  ends_with 130 30
  gone "$name"
}

@test "SIGTERM and SIGHUP end the command and the sandbox" {
  for pair in TERM:143 HUP:129; do
    name=$(unique term)
    start "$name" 'echo ready; sleep 100'
    within 30 grep -q ready said
    kill -"${pair%:*}" $plugin
    ends_with "${pair#*:}" 30
    gone "$name"
  done
}

@test "Ctrl-C during deletion" {
  for delay in 0 0.01 0.02 0.05; do
    name=$(unique del)
    start "$name" 'echo ready'
    within 30 grep -q ready said
    sleep $delay # the moment of the interrupt is what varies
    kill -INT $plugin 2>/dev/null || true
    within 30 ended $plugin
    gone "$name"
  done
}

@test "SIGKILL leaves nothing after the lease" {
  name=$(unique kill)
  start "$name" --lease 10s 'echo ready; sleep 1000'
  within 30 grep -q ready said
  kill -KILL $plugin
  wait $plugin || true
  sandbox_exists "$name"
  gone "$name" 40
}

@test "the lease is renewed while we are there" {
  name=$(unique lease)
  start "$name" --lease 10s 'echo ready; sleep 25; echo still here'
  ends_with 0 60
  grep -q 'still here' said
  gone "$name"
}

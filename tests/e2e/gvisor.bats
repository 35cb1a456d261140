#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# gvisor.bats - another kernel below PID 1, so all that the shim asks of one is asked of that. What run.bats and
# exec.bats say holds under gVisor too: those are cells of the matrix.
load helper
load attack.bash

setup_file() {
  cluster_setup
  admin get runtimeclass gvisor >/dev/null 2>&1 || export NO_GVISOR=1
}

setup() { [ -z "${NO_GVISOR:-}" ] || skip "the cluster has no RuntimeClass gvisor"; }

gvisor() { asb run --runtime-class gvisor "$@"; }

@test "gVisor: the kernel is gVisor's, and nothing is left" {
  name=$(unique gvisor)
  run -0 --separate-stderr gvisor --name "$name" 'dmesg | head -n 1; echo hi'
  [[ "${lines[0]}" == *"Starting gVisor"* ]]
  [ "${lines[1]}" = hi ]
  [ -z "$stderr" ]
  gone "$name"
}

@test "gVisor: an interrupt ends the run and leaves nothing" {
  name=$(unique gvisor)
  background run --runtime-class gvisor --name "$name" 'sleep 60'
  within 30 pod_runs "$name"
  kill -INT $plugin
  ends_with 130 30
  gone "$name"
}

@test "gVisor: a command can't become a client of PID 1, nor look into it" {
  name=$(unique gvisor)
  run -0 --separate-stderr gvisor --name "$name" --keep "$ATTACK"
  log=$(admin -n $NS logs "$name")
  admin -n $NS delete sandbox "$name"
  attack_failed "$log"
}

@test "gVisor: PID 1 reaps orphans" {
  name=$(unique gvisor)
  run -0 gvisor --name "$name" --keep 'for i in 1 2 3 4 5 6 7 8; do (sleep 0.1 &) ; done; sleep 0.5; grep -l "^State:.Z" /proc/[0-9]*/status 2>/dev/null | wc -l'
  remove "$name"
  [ "${lines[0]}" = 0 ]
}

@test "gVisor: under a RuntimeClass of any name" {
  class=$(unique class)
  admin apply -f - <<END
{apiVersion: node.k8s.io/v1, kind: RuntimeClass, metadata: {name: $class}, handler: runsc}
END
  run asb run --runtime-class "$class" 'dmesg | head -n 1; stat -Lc %a /agentsandbox/shim'
  admin delete runtimeclass "$class"
  [ "$status" -eq 0 ]
  [[ "${lines[0]}" == *"Starting gVisor"* ]]
  [ "${lines[1]}" = 555 ]
}

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# cell.bats - a cell of the matrix is what it is called, or its other files would prove nothing.
load helper

setup_file() {
  cluster_setup
  cell_setup
}
teardown_file() { cell_teardown; }
setup() { cell_ready; }

@test "the kernel is the runtime's" {
  run -0 --separate-stderr asb run 'dmesg 2>&1 | head -n 1; uname -r'
  case $E2E_RUNTIME in
  gvisor) [[ "${lines[0]}" == *"Starting gVisor"* ]] ;;
  runc)
    [[ "$output" != *gVisor* ]]
    [ "${lines[-1]}" = "$(uname -r)" ] || [ -n "${AGENTSANDBOX_TEST_KUBECONFIG:-}" ]
    ;;
  esac
}

@test "what a command runs in is what was asked for: a Sandbox of its own, one of the pool, a plain pod" {
  name=$(unique cell)
  run -0 --separate-stderr asb run --name "$name" --keep hostname
  case $E2E_MODE in
  warm)
    [[ "$stderr" != *"no sandbox ready"* ]]
    [[ "$output" == "$E2E_POOL-"* ]]
    admin -n $NS get sandboxclaim "$name"
    ;;
  cold)
    [ "$output" = "$name" ]
    sandbox_exists "$name"
    ;;
  k8s)
    [ "$output" = "$name" ]
    no_sandbox "$name"
    ;;
  esac
  [ "$(pod_of "$name")" = "$output" ]
  remove "$name"
}

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# versions.bats - what releases of agent-sandbox do differently does not show, or is as docs/versions.md says.
load helper

setup_file() { cluster_setup; }
teardown() { # of the one with a pool, also when it has failed
  [ -n "${E2E_POOL:-}" ] || return 0
  remove "$name"
  E2E_MODE=warm cell_teardown
}

served() { admin get --raw /apis/agents.x-k8s.io | jq -r '.versions[].version'; }
phase() { asb list | awk -v n="$1" '$1 == n {print $2}'; }
is_phase() { [ "$(phase "$1")" = "$2" ]; }
no_pod() { ! admin -n $NS get pod "$1" >/dev/null 2>&1; }
ended_by_lease() { # the first release leaves the object, without a pod
  no_pod "$1" && { no_sandbox "$1" || is_phase "$1" Expired; }
}

@test "versions: the newest API that is served is used, and no release warns of what we send" {
  name=$(unique version)
  run -0 --separate-stderr asb run --name "$name" 'echo hi; sleep 1'
  [ "$output" = hi ]
  [ -z "$stderr" ]
  want=v1alpha1
  ! served | grep -qx v1beta1 || want=v1beta1
  background run --name "$name" 'sleep 60'
  within 30 pod_runs "$name"
  run -0 asb list -o json
  kill -INT $plugin
  ends_with 130 30
  [ "$(jq -r --arg n "$name" '.items[] | select(.metadata.name == $n).apiVersion' <<<"$output")" = "agents.x-k8s.io/$want" ]
  gone "$name"
}

@test "versions: create, list, suspend, resume, extend and delete" {
  name=$(unique life)
  run -0 --separate-stderr asb create "$name"
  [ "$output" = "$name" ]
  [ -z "$stderr" ]
  within 30 is_phase "$name" Running
  run -0 --separate-stderr asb suspend "$name"
  [ "$output" = "sandbox \"$name\" suspended" ]
  [ -z "$stderr" ]
  no_pod "$name"
  within 30 is_phase "$name" Suspended
  run -125 asb exec "$name" true
  [[ "$output" == *suspended* ]]
  run -0 --separate-stderr asb resume "$name"
  [ -z "$stderr" ]
  run -0 asb exec "$name" 'echo again'
  [ "$output" = again ]
  run -0 --separate-stderr asb extend "$name" --ttl 3h
  [ -z "$stderr" ]
  [[ "$output" == *"$(admin -n $NS get sandbox "$name" -o jsonpath='{.spec.shutdownTime}')"* ]]
  asb delete "$name"
  gone "$name"
}

@test "versions: a plugin that was killed leaves nothing that runs" {
  name=$(unique killed)
  background run --lease 10s --name "$name" 'sleep 600'
  within 30 pod_runs "$name"
  kill -KILL $plugin
  wait $plugin || true
  within 40 ended_by_lease "$name"
  asb delete "$name" --ignore-not-found
  gone "$name"
}

@test "versions: from a warm pool too: no warning, and nothing runs on after a kill, or it is said" {
  admin get crd sandboxclaims.extensions.agents.x-k8s.io >/dev/null 2>&1 || skip "this release has no pools"
  E2E_MODE=warm cell_setup
  within 60 pool_has 1
  name=$(unique killed)
  background run --lease 10s --name "$name" 'hostname; sleep 600' >said 2>warned
  within 30 test -s said
  pod=$(cat said)
  [[ "$pod" == "$E2E_POOL-"* ]]
  kill -KILL $plugin
  wait $plugin || true
  if [ -n "$(admin -n $NS get sandboxclaim "$name" -o jsonpath='{.spec.lifecycle}')" ]; then
    within 40 no_pod "$pod"
    [ ! -s warned ]
  else
    run cat warned
    [[ "$output" == "note: claims of this agent-sandbox have no end"* ]]
    [ "${#lines[@]}" -eq 1 ]
  fi
}

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# kata.bats - Kata Containers, as far as a cluster without its runtime shows them: a RuntimeClass whose handler no node has, what
# it adds to a pod, and which shim a pod of a RuntimeClass gets. Kata's own fault with stdin is in tests/unit/test_kata.c.
load helper
load attack.bash

setup_file() {
  cluster_setup
  admin get runtimeclass kata >/dev/null 2>&1 || export NO_KATA=1
  export OBJECT=e2e-kata-$$ # in the cluster's scope
  export READER_KUBECONFIG=$BATS_FILE_TMPDIR/reader.kubeconfig
  user "$OBJECT" >"$READER_KUBECONFIG"
  grant "$OBJECT" kubectl-agentsandbox-user
  admin create clusterrole "$OBJECT" --verb=get --resource=runtimeclasses.node.k8s.io
  admin create clusterrolebinding "$OBJECT" --clusterrole="$OBJECT" --serviceaccount="e2e-users:$OBJECT"
  # what an administrator would write for Kata, with a handler that is there
  admin apply -f - <<END
apiVersion: node.k8s.io/v1
kind: RuntimeClass
metadata: {name: $OBJECT}
handler: runc
overhead: {podFixed: {cpu: 250m, memory: 160Mi}}
scheduling:
  nodeSelector: {kubernetes.io/os: linux, kubernetes.io/arch: amd64}
  tolerations: [{key: kata, operator: Exists, effect: NoSchedule}]
END
}

teardown_file() {
  admin delete --ignore-not-found clusterrole "$OBJECT"
  admin delete --ignore-not-found clusterrolebinding "$OBJECT"
  admin delete --ignore-not-found runtimeclass "$OBJECT"
  admin delete --ignore-not-found namespace "$OBJECT"
  admin -n $NS delete --ignore-not-found rolebinding "e2e-$OBJECT"
  admin -n e2e-users delete --ignore-not-found serviceaccount "$OBJECT"
}

setup() { [ -z "${NO_KATA:-}" ] || skip "the cluster has no RuntimeClass kata"; }

pod_of() { admin -n "${2:-$NS}" get pod "$1" -o json; }
has_pod() { pod_of "$@" >/dev/null 2>&1; }

@test "kata: a node without the runtime is told at once, and nothing is left" {
  name=$(unique kata)
  start=$SECONDS
  run -125 --separate-stderr asb run --runtime-class kata --name "$name" -- true
  elapsed_below $start 30
  [ -z "$output" ]
  [[ "$stderr" == *"does not have the runtime that RuntimeClass \"kata\" names: "*"no runtime for \"kata\" is configured"* ]]
  [[ "$stderr" == *"hint: "*"--runtime-class"* ]]
  gone "$name"
}

@test "kata: the same for create, and for a plain pod" {
  name=$(unique kata)
  run -125 asb create "$name" --runtime-class kata
  [[ "$output" == *"does not have the runtime that RuntimeClass \"kata\" names"* ]]
  gone "$name"
  run -125 asb run --sandbox k8s --name "$name" --runtime-class kata -- true
  [[ "$output" == *"does not have the runtime that RuntimeClass \"kata\" names"* ]]
  gone "$name"
}

@test "kata: the overhead of the virtual machine comes from the RuntimeClass, the Sandbox says nothing of it" {
  name=$(unique kata)
  asb create "$name" --runtime-class "$OBJECT"
  run -0 --separate-stderr pod_of "$name"
  [ "$(jq -c '.spec.overhead' <<<"$output")" = '{"cpu":"250m","memory":"160Mi"}' ]
  [ "$(admin -n $NS get sandbox "$name" -o json | jq -c '.spec.podTemplate.spec.overhead')" = null ]
  # what is asked for is what --cpu and --memory say, whatever the overhead
  [ "$(jq -r '.spec.containers[0].resources.limits.memory' <<<"$output")" = 512Mi ]
  asb delete "$name"
  gone "$name"
}

@test "kata: node selector and tolerations of the RuntimeClass join those of the pod" {
  name=$(unique kata)
  asb create "$name" --runtime-class "$OBJECT" --wait=false
  within 30 has_pod "$name"
  run -0 --separate-stderr pod_of "$name"
  asb delete "$name"
  [ "$(jq -c '.spec.nodeSelector' <<<"$output")" = '{"kubernetes.io/arch":"amd64","kubernetes.io/os":"linux"}' ]
  [ "$(jq -c '.spec.tolerations | map(select(.key == "kata")) | length' <<<"$output")" = 1 ]
  gone "$name"
}

@test "kata: a quota counts the overhead, and the refusal says so" {
  admin create namespace "$OBJECT"
  admin -n "$OBJECT" create serviceaccount normal-user
  # a tenth of 512Mi is requested: it fits once, with the overhead it does not
  admin -n "$OBJECT" create quota small --hard=requests.memory=100Mi
  run -0 --separate-stderr admin agentsandbox -n "$OBJECT" run 'echo fits'
  [ "$output" = fits ]
  run -125 --separate-stderr admin agentsandbox -n "$OBJECT" run --runtime-class "$OBJECT" 'echo fits'
  [[ "$stderr" == *"exceeded quota: small, requested: requests.memory=211Mi, used: "*", limited: requests.memory=100Mi"* ]]
  [[ "$stderr" == *"hint: "*"describe resourcequota"* ]]
  admin delete namespace "$OBJECT"
}

@test "kata: a class whose handler is not known to be runc's like may read the shim, one that is may not" {
  run -0 --separate-stderr asb run --runtime-class "$OBJECT" 'stat -Lc %a /agentsandbox/shim'
  [ "$output" = 555 ] # this user can't look at it
  run -0 --separate-stderr as_user "$READER_KUBECONFIG" run --runtime-class "$OBJECT" 'stat -Lc %a /agentsandbox/shim'
  [ "$output" = 111 ]
  run -0 --separate-stderr asb run 'stat -Lc %a /agentsandbox/shim'
  [ "$output" = 111 ]
}

@test "kata: where the shim may be read, a command still can't look into PID 1 or become its client" {
  name=$(unique kata)
  run -0 --separate-stderr asb run --runtime-class "$OBJECT" --name "$name" --keep "$ATTACK"
  log=$(admin -n $NS logs "$name")
  admin -n $NS delete sandbox "$name"
  attack_failed "$log"
  gone "$name"
}

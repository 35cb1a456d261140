#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# from_kubectl_ai.bats - the command blocks of the page that docs/from-kubectl-ai.md goes through, each under its heading there. Where
# the page has a sentence for a model, the command stands that it means. "Using Warm Pools" is in pool.bats.
load helper

setup_file() {
  cluster_setup
  if admin get runtimeclass gvisor >/dev/null 2>&1; then export GVISOR=1; fi
}

@test "Basic Usage" {
  run -0 asb run --sandbox=agent-sandbox "kubectl get pods -n $NS" # its own pod is one of them
  [[ "$output" == NAME*READY*STATUS* ]]
}

@test "With Custom Image" {
  image=$(admin get nodes -o jsonpath='{.items[0].status.images[*].names}' | tr -d '[]"' | tr ', ' '\n\n' | grep -m1 '^registry.k8s.io/kubectl:')
  run -0 asb run --sandbox=agent-sandbox --image="$image" -- kubectl cluster-info
  [[ "$output" == *"control plane"* ]]
}

@test "With Enhanced Isolation (gVisor)" {
  [ -n "${GVISOR:-}" ] || skip "the cluster has no RuntimeClass gvisor"
  run -0 asb run --sandbox=agent-sandbox --runtime-class=gvisor "dmesg | head -1; kubectl get all -n agent-sandbox-system"
  [[ "$output" == *"Starting gVisor"*agent-sandbox-controller* ]]
}

@test "With Kata Containers" { # works where nodes have Kata; elsewhere the cause is said at once
  name=$(unique kata)
  run asb run --sandbox=agent-sandbox --runtime-class=kata --name "$name" "kubectl get namespaces"
  if [ "$status" -ne 0 ]; then
    [ "$status" -eq 125 ]
    [[ "$output" == *'RuntimeClass "kata"'* ]]
  else
    [[ "$output" == *"$NS"* ]]
  fi
  gone "$name"
}

@test "Configuration File, then run without flags" {
  export XDG_CONFIG_HOME=$BATS_TEST_TMPDIR/config
  mkdir -p "$XDG_CONFIG_HOME/kubectl-ai"
  cat >"$XDG_CONFIG_HOME/kubectl-ai/config.yaml" <<END
sandbox: agent-sandbox
sandboxImage: bitnami/kubectl:latest
${GVISOR:+runtimeClass: gvisor  # optional}
END
  run -0 asb run "kubectl describe deployment -n agent-sandbox-system agent-sandbox-controller; dmesg | head -1"
  [[ "$output" == *Name:*agent-sandbox-controller* ]]
  [ -z "${GVISOR:-}" ] || [[ "$output" == *"Starting gVisor"* ]]
}

@test "Sandbox Not Ready" {
  name=$(unique unready)
  asb create "$name" --wait=false --image registry.test/no-such-image:1
  KUBECONFIG=$USER_KUBECONFIG run -0 kubectl get sandboxes -n $NS
  [[ "$output" == *"$name"* ]]
  KUBECONFIG=$USER_KUBECONFIG run -0 kubectl describe sandbox "$name" -n $NS
  run -0 admin logs -n agent-sandbox-system deployment/agent-sandbox-controller --tail=1
  within 30 says_image_not_found "$name"
  asb delete "$name"
  gone "$name"
}
says_image_not_found() { asb status "$1" 2>&1 | grep -q 'registry.test/no-such-image:1" was not found'; }

@test "RuntimeClass Not Found" {
  name=$(unique noclass)
  run -0 admin get runtimeclass
  run -125 asb run --runtime-class no-such-class --name "$name" true
  [[ "$output" == *'RuntimeClass "no-such-class"'* ]]
  run -1 asb status --runtime-class no-such-class
  [[ "$output" =~ problem\ +RuntimeClass\ .*no-such-class ]]
  gone "$name"
}

@test "Permission Denied" {
  user unbound-user >"$BATS_TEST_TMPDIR/kc"
  KUBECONFIG=$BATS_TEST_TMPDIR/kc run -1 kubectl auth can-i create sandboxes.agents.x-k8s.io -n $NS
  [[ "$output" == *no* ]]
  run -125 as_user "$BATS_TEST_TMPDIR/kc" run true
  [[ "$output" == *sandboxes*pods/exec* || "$output" == *pods/exec*sandboxes* ]]
  run -1 as_user "$BATS_TEST_TMPDIR/kc" status
  [[ "$output" =~ problem\ +rights ]]
  run -0 admin get rolebindings -n $NS
  KUBECONFIG=$USER_KUBECONFIG run -0 kubectl auth can-i create sandboxes.agents.x-k8s.io -n $NS
}

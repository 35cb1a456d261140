#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# seed.bats - each command block of kubectl-ai's guide to agent-sandbox under its own name, and what it is here
# (docs/from-kubectl-ai.md). There an agent makes commands of a sentence: here the commands that it would have run do.
load helper

setup_file() {
  cluster_setup
  admin get runtimeclass gvisor >/dev/null 2>&1 || export NO_GVISOR=1
  admin -n default create deployment e2e-seed --image=bitnami/kubectl:latest --replicas=0 >/dev/null
  admin -n default apply -f - >/dev/null <<'END' # never placed: it is only to be listed
{apiVersion: v1, kind: Pod, metadata: {name: e2e-seed-pod},
 spec: {nodeSelector: {e2e: none}, containers: [{name: it, image: bitnami/kubectl:latest}]}}
END
}
teardown_file() {
  admin -n default delete deployment/e2e-seed pod/e2e-seed-pod --ignore-not-found >/dev/null
}

with_gvisor() { [ -z "${NO_GVISOR:-}" ] || skip "the cluster has no RuntimeClass gvisor"; }

@test "Basic Usage: list all pods in the default namespace" {
  run -0 --separate-stderr asb run --sandbox=agent-sandbox "kubectl get pods -n default"
  [[ "$output" == NAME*READY*STATUS*e2e-seed-pod* ]]
  [ -z "$stderr" ]
}

@test "With Custom Image: show me cluster info" {
  image=$(admin get nodes -o jsonpath='{.items[0].status.images[*].names}' | tr -d '[]"' | tr ', ' '\n\n' | grep -m1 '^registry.k8s.io/kubectl:')
  name=$(unique image)
  run -0 --separate-stderr asb run --sandbox=agent-sandbox --image="$image" --name "$name" --keep -- kubectl cluster-info
  [[ "$output" == *"Kubernetes control plane"*"is running at"* ]]
  [ "$(admin -n $NS get pod "$name" -o jsonpath='{.spec.containers[0].image}')" = "$image" ]
  remove "$name"
}

@test "With Enhanced Isolation (gVisor): analyze the cluster resources" {
  with_gvisor
  run -0 --separate-stderr asb run --sandbox=agent-sandbox --runtime-class=gvisor 'dmesg | head -n 1; kubectl get nodes,deployments -A'
  [[ "${lines[0]}" == *"Starting gVisor"* ]]
  [[ "$output" == *node/*deployment.apps/agent-sandbox-controller* ]]
}

@test "With Kata Containers: check pod security policies, or why not" {
  admin get runtimeclass kata >/dev/null 2>&1 || skip "the cluster has no RuntimeClass kata"
  name=$(unique kata)
  run -125 asb run --sandbox=agent-sandbox --runtime-class=kata --name "$name" "kubectl get validatingadmissionpolicies"
  [[ "$output" == *kata* ]]
  [[ "$output" == *hint:*handler* ]]
  gone "$name"
}

@test "Configuration File: kubectl-ai's own, then run without flags: describe deployment" {
  with_gvisor
  export XDG_CONFIG_HOME=$BATS_TEST_TMPDIR/config
  mkdir -p "$XDG_CONFIG_HOME/kubectl-ai"
  cat >"$XDG_CONFIG_HOME/kubectl-ai/config.yaml" <<'END'
sandbox: agent-sandbox
sandboxImage: bitnami/kubectl:latest
runtimeClass: gvisor  # optional
END
  run -0 --separate-stderr asb run 'dmesg | head -n 1; kubectl describe deployment e2e-seed'
  [[ "${lines[0]}" == *"Starting gVisor"* ]]
  [[ "$output" == *"Name:"*e2e-seed*Replicas:* ]]
  [ -z "$stderr" ]
}

@test "Troubleshooting, Sandbox Not Ready: its status, the controller's logs, its conditions" {
  name=$(unique notready)
  asb create "$name" --image registry.test/no-such-image:1 --wait=false
  run -0 asb list # kubectl get sandboxes -n computer
  [[ "$output" == *"$name"* ]]
  run -0 admin get sandboxes -n $NS
  [[ "$output" == *"$name"* ]]
  run -0 admin logs -n agent-sandbox-system deployment/agent-sandbox-controller --tail 5
  [ -n "$output" ]
  run -0 admin describe sandbox "$name" -n $NS
  [[ "$output" == *Conditions:*Ready* ]]
  # all three at once, and the cause
  within 30 says_cause "$name"
  remove "$name"
}
says_cause() { # the first line names the image
  local said
  said=$(asb status "$1") && return 1
  [[ "$said" == *registry.test/no-such-image:1* ]]
}

@test "Troubleshooting, RuntimeClass Not Found: which there are, and what the node supports" {
  run -0 admin get runtimeclass
  [ -n "$output" ]
  run -0 bash -c 'KUBECONFIG=$ADMIN_KUBECONFIG kubectl describe node | grep -i runtime'
  [[ "$output" == *"Container Runtime Version"* ]]
  name=$(unique class)
  run -125 asb run --runtime-class no-such-class --name "$name" true
  [[ "$output" == *"RuntimeClass"*no-such-class* ]]
  [[ "$output" == *"kubectl get runtimeclass"* ]]
  gone "$name"
}

@test "Troubleshooting, Permission Denied: who may create sandboxes, and by which binding" {
  run -0 env KUBECONFIG="$USER_KUBECONFIG" kubectl auth can-i create sandboxes.agents.x-k8s.io -n $NS
  [ "$output" = yes ]
  user seed-nobody >nobody.kubeconfig
  run -1 env KUBECONFIG="$PWD/nobody.kubeconfig" kubectl auth can-i create sandboxes.agents.x-k8s.io -n $NS
  [[ "$output" == no* ]]
  run -0 admin get rolebindings -n $NS
  [[ "$output" == *kubectl-agentsandbox-user* ]]
  # both at once
  run -125 as_user "$PWD/nobody.kubeconfig" run true
  [[ "$output" == *"create sandboxes.agents.x-k8s.io"* ]]
  [[ "$output" == *"kind: Role"* ]]
}

@test "Using Warm Pools: the guide's SandboxWarmPool, and a command in one of its sandboxes" {
  with_gvisor
  pool=kubectl-ai-pool
  cat >pool.yaml <<'END'
apiVersion: agents.x-k8s.io/v1alpha1
kind: SandboxWarmPool
metadata:
  name: kubectl-ai-pool
  namespace: computer
spec:
  template:
    spec:
      podTemplate:
        spec:
          containers:
          - name: main
            image: bitnami/kubectl:latest
          runtimeClassName: gvisor
  minSize: 3
  maxSize: 10
END
  run -0 asb pool create -f pool.yaml
  [[ "$output" == *"pool \"$pool\" created"* ]]
  within 90 pool_full $pool
  [ "$(admin -n $NS get sandboxwarmpool $pool -o jsonpath='{.spec.replicas}')" = 3 ]
  [ "$(admin -n $NS get horizontalpodautoscaler $pool -o jsonpath='{.spec.minReplicas} {.spec.maxReplicas}')" = "3 10" ]
  run -0 --separate-stderr asb run --pool $pool --cold=never 'dmesg | head -n 1; kubectl get pods -n default'
  [[ "${lines[0]}" == *"Starting gVisor"* ]]
  [[ "$output" == *e2e-seed-pod* ]]
  asb pool delete $pool
}
pool_full() { asb pool status "$1" >/dev/null; }

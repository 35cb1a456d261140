#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# failures.bats - what can't work is said at once, names the cause and the next step, ends with 125 and leaves nothing.
load helper

setup_file() { cluster_setup; }

# fails NAME SECONDS ARG...: run --name NAME ARG... ends with 125 within SECONDS, with an error and a hint, and leaves nothing
fails() {
  local name=$1 seconds=$2 start=$SECONDS
  shift 2
  run -125 asb run --name "$name" "$@"
  elapsed_below "$start" "$seconds"
  [[ "$output" == *"error: "* ]]
  [[ "$output" == *"hint: "* ]]
  gone "$name"
}

@test "an image that does not exist" {
  fails "$(unique noimage)" 30 --image docker.io/library/no-such-image:1 true
  [[ "$output" == *no-such-image* ]]
  [[ "$output" == *"not found"* || "$output" == *"does not exist"* ]]
}

@test "an image that is denied" {
  fails "$(unique denied)" 30 --image docker.io/denied/private:1 true
  [[ "$output" == *denied* || "$output" == *unauthorized* ]]
  [[ "$output" == *imagePullSecret* ]]
}

@test "an image name that is invalid" {
  fails "$(unique badname)" 30 --image 'UPPER/Case::x' true
  [[ "$output" == *UPPER/Case* ]]
}

@test "a registry that can't be reached is said at once and waited for" {
  name=$(unique registry)
  background run --name "$name" --ready-timeout 25s --image unreachable.test/x:1 true >said 2>&1
  within 30 grep -q unreachable.test said
  run ! ended $plugin
  ends_with 125 40
  grep -q 'error: ' said
  gone "$name"
}

@test "a pod that fits on no node" {
  fails "$(unique big)" 30 --cpu 1000 true
  [[ "$output" == *"nsufficient cpu"* ]]
}

@test "no capacity, but the autoscaler says that nodes are coming" {
  name=$(unique scale)
  background run --name "$name" --ready-timeout 30s --cpu 1000 true >said 2>&1
  within 30 admin -n $NS get pod "$name"
  admin -n $NS create -f - <<END
apiVersion: v1
kind: Event
metadata: {name: $name.scaleup, namespace: $NS}
involvedObject: {apiVersion: v1, kind: Pod, name: $name, namespace: $NS, uid: $(admin -n $NS get pod "$name" -o jsonpath='{.metadata.uid}')}
reason: TriggeredScaleUp
type: Normal
message: "pod triggered scale-up: [{group 1->2 (max: 3)}]"
source: {component: cluster-autoscaler}
firstTimestamp: $(date -u +%Y-%m-%dT%H:%M:%SZ)
lastTimestamp: $(date -u +%Y-%m-%dT%H:%M:%SZ)
count: 1
END
  within 30 grep -qi 'nodes are coming\|scale-up\|scaling up' said
  run ! ended $plugin
  kill -INT $plugin
  ends_with 130 30
  gone "$name"
}

@test "a RuntimeClass that does not exist" {
  fails "$(unique rc)" 30 --runtime-class no-such-class true
  [[ "$output" == *no-such-class* ]]
  [[ "$output" == *"kubectl get runtimeclass"* ]]
}

@test "a RuntimeClass whose handler the node does not have" {
  admin apply -f - <<'END'
apiVersion: node.k8s.io/v1
kind: RuntimeClass
metadata: {name: e2e-nohandler}
handler: no-such-handler
END
  fails "$(unique handler)" 30 --runtime-class e2e-nohandler true
  [[ "$output" == *no-such-handler* ]]
}

@test "a ServiceAccount that does not exist" {
  fails "$(unique sa)" 30 --service-account nobody-here true
  [[ "$output" == *nobody-here* ]]
}

@test "quota exceeded" {
  admin -n $NS create quota e2e-quota --hard=pods=0
  within 30 quota_counted
  name=$(unique quota)
  start=$SECONDS
  run asb run --name "$name" true
  took=$((SECONDS - start))
  admin -n $NS delete quota e2e-quota
  [ "$status" -eq 125 ]
  [ "$took" -le 40 ]
  [[ "$output" == *"exceeded quota"* ]]
  [[ "$output" == *"hint: "* ]]
  gone "$name"
}
quota_counted() { [ -n "$(admin -n $NS get quota e2e-quota -o jsonpath='{.status.used.pods}')" ]; }

@test "PodSecurity forbids it" {
  fails "$(unique psa)" 30 --user 0 true
  [[ "$output" == *PodSecurity* ]]
}

@test "an unknown namespace" {
  run -125 env KUBECONFIG="$ADMIN_KUBECONFIG" kubectl agentsandbox -n no-such-namespace run true
  [[ "$output" == *no-such-namespace* ]]
  [[ "$output" == *"hint: "* ]]
}

@test "an API server that does not answer" {
  cp "$USER_KUBECONFIG" kc
  KUBECONFIG=kc kubectl config set-cluster c --server=https://127.0.0.1:1 >/dev/null
  run -125 as_user "$PWD/kc" run true
  [[ "$output" == *"127.0.0.1:1"* ]]
  [[ "$output" == *refused* ]]
}

@test "a certificate that is not the cluster's" {
  cp "$USER_KUBECONFIG" kc
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k.pem -out ca.pem -subj /CN=other -days 1 2>/dev/null
  KUBECONFIG=kc kubectl config set-cluster c --certificate-authority=ca.pem --embed-certs=true >/dev/null
  run -125 as_user "$PWD/kc" run true
  [[ "$output" == *certificate* ]]
}

@test "no controller" {
  admin -n agent-sandbox-system scale deployment agent-sandbox-controller --replicas=0
  within 30 no_controller
  name=$(unique noctl)
  start=$SECONDS
  run asb run --name "$name" true
  took=$((SECONDS - start))
  admin -n agent-sandbox-system scale deployment agent-sandbox-controller --replicas=1
  admin -n agent-sandbox-system rollout status deployment agent-sandbox-controller --timeout=60s
  [ "$status" -eq 125 ]
  [ "$took" -le 40 ]
  [[ "$output" == *controller* ]]
  [[ "$output" == *"hint: "* ]]
  gone "$name"
}
no_controller() { [ -z "$(admin -n agent-sandbox-system get pods -o name)" ]; }

@test "no CRD" {
  crd=sandboxes.agents.x-k8s.io
  admin get crd $crd -o json | jq 'del(.metadata.uid, .metadata.resourceVersion, .metadata.creationTimestamp, .metadata.generation, .status)' >crd.json
  admin delete crd $crd --wait=true >/dev/null
  run asb run true
  admin create -f crd.json >/dev/null
  within 30 established $crd
  # the controller's caches start anew, so that what follows finds a working cluster
  admin -n agent-sandbox-system rollout restart deployment agent-sandbox-controller
  admin -n agent-sandbox-system rollout status deployment agent-sandbox-controller --timeout=60s
  [ "$status" -eq 125 ]
  [[ "$output" == *"not installed"* ]]
  [[ "$output" == *"hint: "* ]]
  # API server and garbage collector look for new kinds every 30 s only
  name=$(unique again)
  within 60 asb run --name "$name" true
  gone "$name" 60
}
established() { [ "$(admin get crd "$1" -o jsonpath='{.status.conditions[?(@.type=="Established")].status}')" = True ]; }

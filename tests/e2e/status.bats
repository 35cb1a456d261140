#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# status.bats - each fault of an installation, really produced: the first problem names the cause, its next step repairs it.
#
# What an administrator repairs is repaired as one. Two things of a next step are put in by the tests: the release's file, for
# there is no internet (local_release), and words in capitals, which are the reader's to choose.
load helper

SYSTEM=agent-sandbox-system
CONTROLLER=agent-sandbox-controller

setup_file() {
  [ -z "${AGENTSANDBOX_TEST_KUBECONFIG:-}" ] || skip "these tests break the cluster: only that of tests/cluster"
  cluster_setup
  release >"$BATS_FILE_TMPDIR/release.yaml"
  admin get runtimeclass gvisor -o json | jq '{apiVersion, kind, metadata: {name: .metadata.name}, handler}' >"$BATS_FILE_TMPDIR/gvisor.json"
}

setup() { cd "$BATS_TEST_TMPDIR" || return 1; }

teardown() { # whole again, whatever the test has come to
  unset AGENTSANDBOX_USER AGENTSANDBOX_MEMORY KUBECONFIG_OF
  continue_kubelet
  admin -n $NS delete resourcequota,limitrange,networkpolicy --all --ignore-not-found >/dev/null
  admin -n $NS get roles,rolebindings -o name | grep -E '/(agentsandbox-|e2e-status$|e2e-status-user$)' |
    xargs -r env KUBECONFIG="$ADMIN_KUBECONFIG" kubectl -n $NS delete >/dev/null
  admin delete runtimeclass e2e-status-handler --ignore-not-found >/dev/null
  admin delete namespace e2e-status --ignore-not-found >/dev/null
  admin delete clusterrolebinding e2e-status --ignore-not-found >/dev/null
  admin apply -f "$BATS_FILE_TMPDIR/gvisor.json" >/dev/null
  within 30 healthy || mend
  within 90 healthy
}

mend() {
  admin apply --server-side --force-conflicts -f "$BATS_FILE_TMPDIR/release.yaml" >/dev/null
  admin -n $SYSTEM rollout restart deployment $CONTROLLER >/dev/null
  admin -n $SYSTEM rollout status deployment $CONTROLLER --timeout=60s >/dev/null
  admin apply -k "$ROOT/manifests" >/dev/null
}

# What the running cluster was made of: the same objects as in the release's sandbox-with-extensions.yaml.
release() {
  local run parts file
  run=/run/$(basename "$(dirname "$(dirname "$ADMIN_KUBECONFIG")")")
  parts=$(dirname "$(dirname "$(built kube-apiserver)")")/$(grep -E '^controller-[0-9a-f]+$' "$run/stamp")
  for file in "$parts"/crds/* "$parts/all.yaml"; do
    echo ---
    cat "$file"
  done
}
built() { "$ROOT/tests/cluster/cluster" run -- sh -c "command -v $1"; }

local_release() {
  sed -E "s#https://github.com/kubernetes-sigs/agent-sandbox/releases/download/[^/]+/sandbox-with-extensions.yaml#$BATS_FILE_TMPDIR/release.yaml#"
}

# --- asking ---

examine() { # examine ARG...: as administrator, unless KUBECONFIG_OF says who; the report is in report.json
  KUBECONFIG=${KUBECONFIG_OF:-$ADMIN_KUBECONFIG} kubectl agentsandbox status -o json "$@" >report.json
}

healthy() { examine "$@" && jq -e .healthy report.json >/dev/null; }

first() { jq -r "[.checks[] | select(.status == \"problem\")][0].$1" report.json; }

names() { # names CHECK TEXT ARG...: the first problem is that one, and the exit status says that there is one
  local check=$1 text=$2 code=0
  shift 2
  examine "$@" || code=$?
  [ $code -eq 1 ] && [ "$(first check)" = "$check" ] && [[ "$(first evidence)" == *"$text"* ]]
}

finds() { # finds SECONDS CHECK TEXT ARG...
  within "$@" && return
  jq -r '.checks[] | select(.status != "ok") | .status + " " + .check + ": " + .evidence' report.json
  return 1
}
problem() { finds "$1" names "${@:2}"; }

repair() { # repair [SED SCRIPT]: what the first problem says to do, done; the script chooses for words in capitals
  first nextStep | local_release | sed -E "${1:-}" >step
  cat step
  KUBECONFIG=$ADMIN_KUBECONFIG bash -euo pipefail step
}

well() { # well SECONDS ARG...: no problem any more
  within "$1" healthy "${@:2}" && return
  cat report.json
  return 1
}

check() { jq -r ".checks[] | select(.check == \"$1\").$2" report.json; }

# --- all is well ---

@test "a healthy cluster shows no problem and no warning, to an administrator" {
  as_user "$ADMIN_KUBECONFIG" status >said
  grep -q '^no problem found$' said
  run ! grep -E '^(problem|warning|unknown)' said
}

@test "nor to a user who has only our Role, and what that one can't read is unknown" {
  asb status >said
  run ! grep -E '^(problem|warning)' said
  grep -q '^unknown  nodes  *you may not read nodes$' said
  grep -q '^ok .*let in (dry run)$' said
}

@test "it takes seconds, and leaves nothing" {
  before=$(admin -n $NS get sandboxes,pods,configmaps -o name | sort)
  start=$SECONDS
  examine
  elapsed_below "$start" 15
  [ "$before" = "$(admin -n $NS get sandboxes,pods,configmaps -o name | sort)" ]
}

@test "an API server that does not answer is the one problem" {
  sed 's/server: .*/server: "https:\/\/127.0.0.1:1"}}]/' "$USER_KUBECONFIG" >kc
  KUBECONFIG_OF=kc names "API server" "127.0.0.1:1"
  [ "$(jq '.checks | length' report.json)" -eq 1 ]
}

# --- agent-sandbox ---

@test "controller stopped" {
  admin -n $SYSTEM scale deployment $CONTROLLER --replicas=0
  problem 30 controller "scaled to 0"
  run -1 as_user "$ADMIN_KUBECONFIG" status
  [[ "${lines[0]}" =~ ^problem\ \ controller\ +deployment.*scaled\ to\ 0 ]]
  [ "${lines[1]}" = "         next: $(first nextStep)" ]
  repair
  well 60
}

@test "core CRD missing" {
  admin delete crd sandboxes.agents.x-k8s.io --wait=true
  problem 30 "agent-sandbox API" "CRD sandboxes.agents.x-k8s.io is missing"
  repair
  well 90
  within 90 asb run true # garbage collection learns of new kinds every 30 s only
}

@test "extensions off" {
  admin -n $SYSTEM get deployment $CONTROLLER -o json |
    jq '.spec.template.spec.containers[0].args -= ["--extensions"]' | admin replace -f -
  problem 30 extensions "without --extensions"
  repair
  well 60
}

@test "conversion webhook down: its Service is missing" {
  admin -n $SYSTEM delete service agent-sandbox-webhook-service
  problem 30 "conversion webhook" "agent-sandbox-webhook-service does not exist"
  repair
  well 60
}

@test "conversion webhook down: the controller was told not to serve it" {
  admin -n $SYSTEM get deployment $CONTROLLER -o json |
    jq '.spec.template.spec.containers[0].args += ["--enable-webhook=false"]' | admin replace -f -
  problem 30 "conversion webhook" "--enable-webhook=false"
  repair
  well 60
}

@test "node not ready" {
  stop_kubelet
  problem 120 nodes "is not ready"
  first nextStep | grep -q 'systemctl restart kubelet' # which can only be done there: here the kubelet was only held
  continue_kubelet
  well 60
}
kubelet_pid() { "$ROOT/tests/cluster/cluster" status | sed -n 's/^kubelet  *running, pid //p'; }
stop_kubelet() { kill -STOP "$(kubelet_pid)"; }
continue_kubelet() { kill -CONT "$(kubelet_pid)"; }

# --- the namespace ---

@test "a right removed from the user's Role" {
  user status-user >"$BATS_TEST_TMPDIR/kc"
  admin -n $NS get role kubectl-agentsandbox-user -o json |
    jq 'del(.rules[] | select(.resources == ["pods/exec"])) | .metadata = {name: "e2e-status"}' | admin -n $NS apply -f -
  grant status-user e2e-status
  export KUBECONFIG_OF=$BATS_TEST_TMPDIR/kc
  problem 30 rights "create pods/exec, get pods/exec"
  repair
  well 30
  run -0 as_user "$BATS_TEST_TMPDIR/kc" run true
}

@test "namespace and ServiceAccount missing" {
  names namespace 'no namespace "e2e-status"' -n e2e-status
  repair
  well 30 -n e2e-status
  admin -n e2e-status delete serviceaccount normal-user
  problem 30 ServiceAccount "no ServiceAccount" -n e2e-status
  repair
  well 30 -n e2e-status
}

@test "quota exhausted" {
  admin -n $NS create quota e2e-status --hard=pods=0,limits.memory=100Mi
  problem 30 ResourceQuota "no room for another sandbox"
  repair
  well 30
}

@test "quota exhausted, seen by a user who may not read quotas" {
  admin -n $NS create quota e2e-status --hard=pods=0
  KUBECONFIG_OF=$USER_KUBECONFIG problem 30 ResourceQuota "exceeded quota: e2e-status"
}

@test "PodSecurity forbids what the settings ask for" {
  export AGENTSANDBOX_USER=0
  names PodSecurity "forbids the user 0"
  KUBECONFIG_OF=$USER_KUBECONFIG names PodSecurity "forbids the user 0"
  eval "$(first nextStep)" # an export: for the shell itself
  well 30
  run -0 asb run true
}

@test "a LimitRange that our pods don't keep to" {
  admin -n $NS apply -f - <<'END'
apiVersion: v1
kind: LimitRange
metadata: {name: e2e-status}
spec: {limits: [{type: Container, max: {memory: 128Mi}}]}
END
  problem 30 LimitRange "memory may be 128Mi at most"
  eval "$(first nextStep)"
  well 30
}

@test "no DNS, then no API server, by NetworkPolicies" {
  admin -n $NS apply -f - <<'END'
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: e2e-status}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress: [{ports: [{protocol: TCP, port: 443}]}]
END
  names NetworkPolicy "no rule lets them reach DNS"
  repair
  well 30
  admin -n $NS patch networkpolicy e2e-status --type=merge -p '{"spec":{"egress":[]}}'
  names NetworkPolicy "no rule lets them reach the API server"
  repair
  well 30
}

# --- runtimes ---

@test "RuntimeClass missing" {
  admin delete runtimeclass gvisor
  problem 30 RuntimeClass 'no RuntimeClass "gvisor"' --runtime-class gvisor
  KUBECONFIG_OF=$USER_KUBECONFIG names RuntimeClass 'no RuntimeClass "gvisor"' --runtime-class gvisor
  repair
  well 30 --runtime-class gvisor
  [ "$(admin get runtimeclass gvisor -o jsonpath='{.handler}')" = runsc ]
}

@test "a RuntimeClass whose handler the node does not have" {
  admin apply -f - <<'END'
apiVersion: node.k8s.io/v1
kind: RuntimeClass
metadata: {name: e2e-status-handler}
handler: e2e-no-handler
END
  run -125 asb run --runtime-class e2e-status-handler true # the node tells by an event
  problem 30 RuntimeClass 'do not have the handler "e2e-no-handler"' --runtime-class e2e-status-handler
  repair 's/HANDLER/runsc/'
  well 30 --runtime-class e2e-status-handler
  run -0 asb run --runtime-class e2e-status-handler true
}

# --- what we have made ---

@test "pool without template" {
  pool=$(unique pool)
  asb pool create "$pool"
  within 60 full "$pool"
  admin -n $NS delete sandboxtemplate "$pool"
  problem 30 "warm pools" "pool \"$pool\" has no template"
  repair
  within 60 full "$pool"
  well 30
  asb pool delete "$pool"
}
full() { asb pool status "$1" >/dev/null; }

@test "a pool whose image does not exist" {
  pool=$(unique pool)
  asb pool create "$pool" --image docker.io/library/no-such-image:1
  problem 60 "warm pools" "no-such-image"
  repair 's#IMAGE#docker.io/library/debian:12#'
  within 60 full "$pool"
  well 30
  asb pool delete "$pool"
}

@test "shim ConfigMap tampered with" {
  run -0 asb run true
  shim=configmap/$(asb version | sed -n 's/^shim \([^ ]*\) .*/\1/p') # others may be there too
  admin -n $NS get "$shim" -o json |
    jq '{apiVersion, kind, immutable, metadata: {name: .metadata.name, labels: .metadata.labels}, binaryData: (.binaryData | map_values("Y29pbnMK"))}' >other.json
  admin -n $NS delete "$shim"
  admin -n $NS create -f other.json
  names "shim ConfigMap" "does not hold the shim"
  KUBECONFIG_OF=$USER_KUBECONFIG names "shim ConfigMap" "does not hold the shim"
  repair
  well 30
  run -0 asb run true
}

@test "shim ConfigMap of another release tampered with" {
  admin -n $NS apply -f - <<'END'
apiVersion: v1
kind: ConfigMap
metadata:
  name: agentsandbox-shim-0123456789ab
  labels: {app.kubernetes.io/managed-by: kubectl-agentsandbox, app.kubernetes.io/component: shim}
binaryData: {amd64: Y29pbnMK}
END
  names "shim ConfigMap" agentsandbox-shim-0123456789ab
  repair
  well 30
}

leak() { # leak NAME FINALIZERS POLICY: ours, an hour past its end
  admin -n $NS create -f - <<END
apiVersion: agents.x-k8s.io/v1beta1
kind: Sandbox
metadata:
  name: $1
  finalizers: [$2]
  labels: {app.kubernetes.io/managed-by: kubectl-agentsandbox, app.kubernetes.io/component: sandbox}
spec:
  shutdownTime: "$(date -u -d '1 hour ago' +%Y-%m-%dT%H:%M:%SZ)"
  shutdownPolicy: $3
  podTemplate: {spec: {containers: [{name: main, image: "docker.io/library/debian:12"}]}}
END
}

@test "a leaked sandbox" {
  name=$(unique leak)
  leak "$name" example.com/held Delete
  problem 30 sandboxes "held by finalizers: $name"
  repair
  well 30
  no_sandbox "$name"
}

@test "a sandbox that expired and was kept is a warning" {
  name=$(unique kept)
  leak "$name" "" Retain
  healthy
  [ "$(check sandboxes status)" = warning ]
  check sandboxes nextStep >step
  KUBECONFIG=$ADMIN_KUBECONFIG bash -euo pipefail step
  within 30 no_sandbox "$name"
}

@test "a ServiceAccount that may too much is a warning" {
  admin create clusterrolebinding e2e-status --clusterrole=edit --serviceaccount=$NS:normal-user
  healthy
  [ "$(check 'ServiceAccount rights' status)" = warning ]
  [[ "$(check 'ServiceAccount rights' evidence)" == *"get secrets"*"create pods/exec"* ]]
}

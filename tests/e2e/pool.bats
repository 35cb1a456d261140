#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# pool.bats - sandboxes from a warm pool, and plain pods: what runs, what is refused and why, and that nothing stays.
load helper

setup_file() {
  cluster_setup
  export POOL=e2e-pool-$$
  asb pool create "$POOL" --replicas 2
}

teardown_file() {
  admin -n $NS delete sandboxwarmpools,sandboxtemplates -l e2e=pool --ignore-not-found >/dev/null
  asb pool delete "$POOL" >/dev/null 2>&1 || true
}

full() { asb pool status "$1" >/dev/null; }
claims() { admin -n $NS get "sandboxclaims.v1beta1.extensions.agents.x-k8s.io" -o name; }
no_claim() { ! claims | grep -q "/$1\$"; }
claim_gone() { within 20 no_claim "$1" && gone "$1"; }
pods_of() { admin -n $NS get pods -o name | grep "^pod/$1-"; }
no_pods_of() { ! pods_of "$1" >/dev/null; }

@test "a pool is made, shown and full" {
  within 60 full "$POOL"
  run -0 asb pool list
  [[ "$output" == NAME*READY*DESIRED*TEMPLATE*AGE* ]]
  [[ "$output" == *"$POOL "* ]]
  run -0 asb pool status "$POOL"
  [[ "${lines[1]}" =~ ^$POOL\ +2\ +2\ +$POOL\  ]]
}

@test "a pool of that name again is refused, and the first one stays" {
  run -125 asb pool create "$POOL"
  [[ "$output" == *"\"$POOL\" already exists"* ]]
  [[ "$output" == *"pool delete $POOL"* ]]
  admin -n $NS get sandboxtemplate "$POOL" >/dev/null
}

@test "a command runs in a claimed pod as in one of its own, without a notice" {
  within 60 full "$POOL"
  name=$(unique warm)
  run --separate-stderr -3 asb run --pool "$POOL" --cold=never --name "$name" 'hostname; id -u; kubectl get namespace '$NS' -o name; exit 3'
  [[ "${lines[0]}" == "$POOL-"* ]]
  [ "${lines[1]}" = 1001 ]
  [ "${lines[2]}" = "namespace/$NS" ]
  [[ "$stderr" != *note:* ]]
  claim_gone "$name"
}

@test "the claimed pod is not given to anybody again" {
  within 60 full "$POOL"
  run -0 asb run --pool "$POOL" hostname
  first=$output
  within 60 full "$POOL"
  run -0 asb run --pool "$POOL" hostname
  [ "$output" != "$first" ]
}

@test "an empty pool: a cold start with a note, or an error at once, and nothing stays" {
  empty=e2e-empty-$$
  asb pool create "$empty" --replicas 0
  name=$(unique cold)
  run --separate-stderr -0 asb run --pool "$empty" --name "$name" 'echo "on $(hostname)"'
  [ "$output" = "on $name" ]
  [[ "$stderr" == *"note: warm pool \"$empty\" has no sandbox ready"* ]]
  claim_gone "$name"
  start=$SECONDS
  run -125 asb run --pool "$empty" --cold=never --name "$name" true
  [[ "$output" == *"warm pool \"$empty\" has no sandbox ready"* ]]
  [[ "$output" == *"pool scale $empty"* ]]
  elapsed_below $start 10
  claim_gone "$name"
  asb pool delete "$empty"
}

@test "a pool that is not there is said to be missing, at once" {
  name=$(unique nopool)
  start=$SECONDS
  run -125 asb run --pool no-such-pool --name "$name" true
  [[ "$output" == *"there is no warm pool \"no-such-pool\" in namespace \"$NS\""* ]]
  elapsed_below $start 8
  claim_gone "$name"
}

@test "a pool whose pods do not run the shim is said to be none of ours" {
  admin apply -f - >/dev/null <<END
apiVersion: extensions.agents.x-k8s.io/v1beta1
kind: SandboxTemplate
metadata: {name: e2e-foreign, namespace: $NS, labels: {e2e: pool}}
spec:
  podTemplate:
    spec:
      terminationGracePeriodSeconds: 0
      securityContext: {runAsNonRoot: true, runAsUser: 1001, seccompProfile: {type: RuntimeDefault}}
      containers:
      - {name: main, image: "bitnami/kubectl:latest", imagePullPolicy: IfNotPresent, command: [sleep, infinity],
         securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}
---
apiVersion: extensions.agents.x-k8s.io/v1beta1
kind: SandboxWarmPool
metadata: {name: e2e-foreign, namespace: $NS, labels: {e2e: pool}}
spec: {replicas: 0, sandboxTemplateRef: {name: e2e-foreign}}
END
  name=$(unique foreign)
  run -125 asb run --pool e2e-foreign --name "$name" true
  [[ "$output" == *"warm pool \"e2e-foreign\" is not for this plugin"* ]]
  [[ "$output" == *"runs sleep"* ]]
  claim_gone "$name"
}

@test "a claim is renewed while its command runs, and ends when the plugin was killed" {
  within 60 full "$POOL"
  name=$(unique lease)
  background run --pool "$POOL" --lease 10s --name "$name" 'echo ready; sleep 600' >said 2>&1
  within 30 grep -q ready said
  end() { admin -n $NS get "sandboxclaims.v1beta1.extensions.agents.x-k8s.io" "$name" -o jsonpath='{.spec.lifecycle.shutdownTime}'; }
  first=$(end)
  moved() { [[ "$(end)" > "$first" ]]; }
  within 15 moved
  kill -KILL $plugin
  wait $plugin || true
  within 40 no_claim "$name"
}

@test "the namespace of kubectl inside is the pool's, which a claim from elsewhere is told" {
  within 60 full "$POOL"
  sed 's/namespace: default/namespace: kube-system/' "$USER_KUBECONFIG" >kc
  run --separate-stderr -0 as_user "$PWD/kc" run --pool "$POOL" 'kubectl config view --minify -o jsonpath={..namespace}'
  [ "$output" = default ]
  [[ "$stderr" == *"works in namespace \"default\", that of the pool, not in \"kube-system\""* ]]
}

@test "who may only claim needs no right to make sandboxes or ConfigMaps" {
  within 60 full "$POOL"
  { printf 'apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: e2e-claimer, namespace: %s}\nrules:\n' "$NS"; cat <<'END'; } | admin apply -f - >/dev/null
- {apiGroups: [extensions.agents.x-k8s.io], resources: [sandboxclaims], verbs: [create, get, delete]}
- {apiGroups: [agents.x-k8s.io], resources: [sandboxes], verbs: [get]}
- {apiGroups: [""], resources: [pods], verbs: [get]}
- {apiGroups: [""], resources: [pods/exec], verbs: [create, get]}
END
  user claimer >kc-claimer
  grant claimer e2e-claimer
  run --separate-stderr -0 as_user "$PWD/kc-claimer" run --pool "$POOL" 'echo mine'
  [ "$output" = mine ]
  run -125 as_user "$PWD/kc-claimer" run true
  [[ "$output" == *"create sandboxes"* ]]
}

@test "a pool is scaled, and deleted with all that waits in it" {
  small=e2e-small-$$
  asb pool create "$small" --replicas 1
  within 60 full "$small"
  run -0 asb pool scale "$small" 2
  run -1 asb pool status "$small"
  within 60 full "$small"
  run -0 asb pool delete "$small"
  within 30 no_pods_of "$small"
  run -1 admin -n $NS get sandboxtemplate "$small"
  within 20 nothing_left "$small"
  run -125 asb pool delete "$small"
  [[ "$output" == *"pool list"* ]]
}

@test "a plain pod does without agent-sandbox, with a fixed end" {
  name=$(unique pod)
  run --separate-stderr -9 asb run --sandbox k8s --name "$name" --timeout 60s 'hostname; kubectl get namespace '$NS' -o name; exit 9'
  [ "${lines[0]}" = "$name" ]
  [ "${lines[1]}" = "namespace/$NS" ]
  [[ "$stderr" == *"the end of a plain pod is fixed"* ]]
  gone "$name"
}

@test "a plain pod carries the deadline, and no Sandbox stands behind it" {
  name=$(unique deadline)
  background run --sandbox k8s --name "$name" --timeout 60s --ready-timeout 30s 'echo ready; sleep 600' >said 2>&1
  within 30 grep -q ready said
  run -0 admin -n $NS get pod "$name" -o jsonpath='{.spec.activeDeadlineSeconds}'
  [ "$output" = 150 ]
  no_sandbox "$name"
  kill -TERM $plugin
  ends_with 143 20
  gone "$name"
}

@test "for a plain pod the smallest rights suffice, though its states have to be read again and again" {
  { printf 'apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: e2e-podder, namespace: %s}\nrules:\n' "$NS"; cat <<'END'; } | admin apply -f - >/dev/null
- {apiGroups: [""], resources: [pods], verbs: [create, get, delete]}
- {apiGroups: [""], resources: [pods/exec], verbs: [create, get]}
- {apiGroups: [""], resources: [configmaps], verbs: [create]}
END
  user podder >kc-podder
  grant podder e2e-podder
  name=$(unique podder)
  run --separate-stderr -4 as_user "$PWD/kc-podder" run --sandbox k8s --name "$name" 'echo little; exit 4'
  [ "$output" = little ]
  gone "$name" 40
}

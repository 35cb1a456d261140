#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# pool.bats - sandboxes from a warm pool, and plain pods: what runs, what is refused and why, and that nothing stays.
load helper

setup_file() {
  cluster_setup
  export POOL=e2e-pool-$$
  asb pool create "$POOL" --size 2
}

teardown_file() {
  admin -n $NS delete sandboxwarmpools,sandboxtemplates -l e2e=pool --ignore-not-found >/dev/null
  asb pool delete "$POOL" >/dev/null 2>&1 || true
}

full() { asb pool status "$1" >/dev/null; }
claims() { admin -n $NS get "sandboxclaims.v1beta1.extensions.agents.x-k8s.io" -o name; }
no_claim() { ! claims | grep -q "/$1\$"; }
claim_gone() { within 30 no_claim "$1" && gone "$1"; }
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
  asb pool create "$empty" --size 0
  name=$(unique cold)
  run --separate-stderr -0 asb run --pool "$empty" --name "$name" 'echo "on $(hostname)"'
  [ "$output" = "on $name" ]
  [[ "$stderr" == *"note: warm pool \"$empty\" has no sandbox ready"* ]]
  claim_gone "$name"
  start=$SECONDS
  run -125 asb run --pool "$empty" --cold=never --name "$name" true
  [[ "$output" == *"warm pool \"$empty\" has no sandbox ready"* ]]
  [[ "$output" == *"pool scale $empty"* ]]
  elapsed_below "$start" 30
  claim_gone "$name"
  asb pool delete "$empty"
}

@test "a pool that is not there is said to be missing, at once" {
  name=$(unique nopool)
  start=$SECONDS
  run -125 asb run --pool no-such-pool --name "$name" true
  [[ "$output" == *"there is no warm pool \"no-such-pool\" in namespace \"$NS\""* ]]
  elapsed_below "$start" 30
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
  within 30 moved
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
  asb pool create "$small" --size 1
  within 60 full "$small"
  run -0 asb pool scale "$small" 2
  run -1 asb pool status "$small"
  within 60 full "$small"
  run -0 asb pool delete "$small"
  within 30 no_pods_of "$small"
  run -1 admin -n $NS get sandboxtemplate "$small"
  within 30 nothing_left "$small"
  run -125 asb pool delete "$small"
  [[ "$output" == *"pool list"* ]]
}

claim_end() { admin -n $NS get "sandboxclaims.v1beta1.extensions.agents.x-k8s.io" "$1" -o jsonpath='{.spec.lifecycle.shutdownTime}'; }

@test "create --pool claims a sandbox that stays; exec, list, suspend, resume, extend and delete know it by its name" {
  within 60 full "$POOL"
  name=$(unique stays)
  run -0 --separate-stderr asb create --pool "$POOL" --cold=never "$name" --ttl 20m
  [ "$output" = "$name" ]
  sandbox=$(admin -n $NS get "sandboxclaims.v1beta1.extensions.agents.x-k8s.io" "$name" -o jsonpath='{.status.sandbox.name}')
  [[ "$sandbox" == "$POOL-"* ]]
  run -0 --separate-stderr asb exec "$name" --env TEAM=blue 'hostname; echo $TEAM >note'
  [ "$output" = "$sandbox" ]
  run -0 asb exec "$sandbox" 'cat note' # the same by the Sandbox's own name
  [ "$output" = blue ]
  run -7 asb exec "$name" -- sh -c 'exit 7'
  run -0 asb list -o wide
  [[ "$output" =~ (^|$'\n')$name\ +Running\ +[0-9]+s\ +19m\ +bitnami/kubectl:latest\ +$sandbox\  ]]
  run -0 asb list --all
  [ "$(grep -c "$name" <<<"$output")" = 1 ]
  [[ "$output" != *"$sandbox "* ]]
  asb list -o yaml >list.yaml
  [[ "$(admin get -f list.yaml -o name)" == *"sandboxclaim.extensions.agents.x-k8s.io/$name"* ]]
  run -0 asb extend "$name" --ttl 3h
  [ "$output" = "sandbox \"$name\" stays until $(claim_end "$name")" ]
  run -0 asb extend "$sandbox" --ttl 2h
  [[ "$output" == *"until $(claim_end "$name")" ]]
  run -0 asb suspend "$name"
  run -125 asb exec "$name" true
  [[ "$output" == *"resume "* ]]
  run -0 asb resume "$name"
  run -0 asb exec "$name" hostname
  [ "$output" = "$sandbox" ]
  run -0 asb delete "$name"
  claim_gone "$name"
  within 30 no_sandbox "$sandbox"
}

@test "while a command runs in a claimed sandbox its claim does not end, and it ends afterwards" {
  within 60 full "$POOL"
  name=$(unique lives)
  asb create -q --pool "$POOL" "$name" --ttl 10s
  first=$(claim_end "$name")
  run -0 asb exec "$name" 'sleep 12; echo still here'
  [ "$output" = "still here" ]
  [[ "$(claim_end "$name")" > "$first" ]]
  asb extend "$name" --ttl 1s
  within 30 no_claim "$name"
}

@test "a sandbox that waits in a pool is nobody's to exec in" {
  within 60 full "$POOL"
  waiting=$(admin -n $NS get sandboxes -o json | jq -r --arg p "$POOL" '[.items[] | select(.metadata.ownerReferences[]? | .kind == "SandboxWarmPool" and .name == $p)][0].metadata.name')
  run -125 asb exec "$waiting" true
  [[ "$output" == *"waits in warm pool \"$POOL\""* ]]
}

@test "exec --pool claims for one command" {
  within 60 full "$POOL"
  run -4 --separate-stderr asb exec --pool "$POOL" 'hostname; exit 4'
  [[ "$output" == "$POOL-"* ]]
}

@test "what a pool decides can't be typed beside it; a pool of the settings gives way" {
  run -2 asb run --pool "$POOL" --memory 1Gi true
  [[ "$output" == *"--memory with --pool"* ]]
  [[ "$output" == *"pool create NAME --memory"* ]]
  run -2 asb create --pool "$POOL" --image busybox
  name=$(unique own)
  AGENTSANDBOX_POOL=$POOL run -0 asb run --memory 64Mi --name "$name" hostname
  [ "$output" = "$name" ]
  AGENTSANDBOX_POOL=$POOL AGENTSANDBOX_MEMORY=64Mi run -0 asb run hostname
  [[ "$output" == "$POOL-"* ]]
}

@test "a pool whose template is missing, or whose image is, is said to be broken" {
  broken=e2e-broken-$$
  asb pool create "$broken" --size 0
  admin -n $NS delete sandboxtemplate "$broken"
  name=$(unique notemplate)
  start=$SECONDS
  run -125 asb run --pool "$broken" --name "$name" true
  [[ "$output" == *"template of warm pool \"$broken\" does not exist"* ]]
  elapsed_below "$start" 30
  claim_gone "$name"
  asb pool delete "$broken"
  within 30 nothing_left "$broken"
  asb pool create "$broken" --size 1 --image registry.invalid/none:1
  name=$(unique noimage)
  start=$SECONDS
  run -125 asb run --pool "$broken" --name "$name" --ready-timeout 10s true
  [[ "$output" == *"has no sandbox ready: one that does not run yet was claimed"* ]]
  [[ "$output" == *"error: "*registry.invalid/none:1* ]]
  elapsed_below $start 30
  claim_gone "$name"
  run -125 asb run --pool "$broken" --cold=never --name "$name" true
  [[ "$output" == *"warm pool \"$broken\" has no sandbox ready"* ]]
  claim_gone "$name"
  asb pool delete "$broken"
}

@test "the seed's SandboxWarmPool is understood, and kubectl works in it" {
  cat >seed.yaml <<END
apiVersion: agents.x-k8s.io/v1alpha1
kind: SandboxWarmPool
metadata:
  name: e2e-seed-$$
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
  admin get runtimeclass gvisor >/dev/null 2>&1 || sed -i /runtimeClassName/d seed.yaml
  run -0 --separate-stderr asb pool create -f seed.yaml
  [ "$output" = "pool \"e2e-seed-$$\" created: 3 to be kept ready, at most 10" ]
  [[ "$stderr" == *"inline template becomes SandboxTemplate"* ]]
  [[ "$stderr" == *"minSize: 3 becomes replicas: 3"* ]]
  [[ "$stderr" == *"maxSize: 10 becomes HorizontalPodAutoscaler"* ]]
  [[ "$stderr" == *"stays at its size"* ]]
  within 90 full "e2e-seed-$$"
  run -0 --separate-stderr asb run --pool "e2e-seed-$$" --cold=never "kubectl get pods -A"
  [[ "$output" == *agent-sandbox-controller* ]]
  not_active() { asb pool status "e2e-seed-$$" | grep -q '^autoscaler: 3 to 10, not active: FailedGetExternalMetric'; }
  within 60 not_active
  run -2 asb pool scale "e2e-seed-$$" 11
  run -0 asb pool scale "e2e-seed-$$" 4
  [ "$(admin -n $NS get hpa "e2e-seed-$$" -o jsonpath='{.spec.minReplicas}')" = 4 ]
  run -0 asb pool delete "e2e-seed-$$"
  no_autoscaler() { ! admin -n $NS get hpa "e2e-seed-$$" >/dev/null 2>&1; }
  within 30 no_autoscaler
  within 30 no_pods_of "e2e-seed-$$"
}

@test "pool create -f takes upstream's two objects, and names the line of what it does not know" {
  own=e2e-own-$$
  cat >own.yaml <<END
apiVersion: extensions.agents.x-k8s.io/v1beta1
kind: SandboxTemplate
metadata: {name: python}
spec:
  podTemplate:
    spec:
      containers:
      - name: runtime
        image: bitnami/kubectl:latest
        command: [sleep, infinity]
        env: [{name: COLOUR, value: blue}]
---
apiVersion: extensions.agents.x-k8s.io/v1beta1
kind: SandboxWarmPool
metadata: {name: $own}
spec: {replicas: 1, sandboxTemplateRef: {name: python}, updateStrategy: {type: Recreate}}
END
  run -0 --separate-stderr asb pool create -f own.yaml
  [[ "$stderr" == *"container \"runtime\" becomes \"main\""* ]]
  within 60 full "$own"
  run -0 --separate-stderr asb run --pool "$own" --cold=never 'echo $COLOUR; kubectl get namespace '$NS' -o name'
  [ "$output" = $'blue\nnamespace/'$NS ]
  [ "$(admin -n $NS get sandboxwarmpool "$own" -o jsonpath='{.spec.updateStrategy.type}')" = Recreate ]
  asb pool delete "$own"
  run -2 asb pool create -f - < <(sed 's/image:/imagee:/' own.yaml)
  [[ "$output" == *"stdin:9: unknown key \"imagee\""* ]]
  run -2 asb pool create -f - < <(sed 's/replicas/replica/' own.yaml)
  [[ "$output" == *"stdin:16: unknown key \"replica\""*"did you mean \"replicas\""* ]]
  run ! admin -n $NS get sandboxtemplate "$own"
  run -2 asb pool create -f own.yaml --size 2
  [[ "$output" == *"--size differs"* ]]
  run -2 asb pool create a b
  run -2 asb pool create a --size 3 --max 2
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
  ends_with 143 30
  gone "$name"
}

@test "a plain pod whose plugin was killed is stopped by its deadline, and the next one deletes it" {
  name=$(unique killed)
  background run --sandbox k8s --name "$name" --ready-timeout 5s --timeout 1s 'trap "" TERM; echo ready; sleep 600' >said 2>&1
  within 30 pod_runs "$name"
  kill -KILL $plugin
  wait $plugin || true
  admin -n $NS patch pod "$name" --type merge -p '{"spec":{"activeDeadlineSeconds":1}}' # sooner than it would be
  over() { [ "$(admin -n $NS get pod "$name" -o jsonpath='{.status.reason}')" = DeadlineExceeded ]; }
  within 30 over
  asb create -q --sandbox k8s "$name-next" --wait=false
  within 30 no_pod "$name"
  asb delete "$name-next"
  gone "$name"
}
no_pod() { ! admin -n $NS get pod "$1" >/dev/null 2>&1; }

@test "create --sandbox k8s makes a plain pod that stays; exec, list and delete know it, others say why not" {
  name=$(unique stays)
  run -0 --separate-stderr asb create --sandbox k8s "$name" --ttl 10m
  [ "$output" = "$name" ]
  no_sandbox "$name"
  run -0 --separate-stderr asb exec "$name" 'echo hi >note; hostname'
  [ "$output" = "$name" ]
  run -3 asb exec "$name" 'cat note; exit 3'
  [ "$output" = hi ]
  run -0 asb list
  [[ "$output" =~ $name\ +Running\ +[0-9]+s\ +9m ]]
  run -0 asb list -o name
  [[ "$output" == *"pod/$name"* ]]
  run -125 asb extend "$name" --ttl 1h
  [[ "$output" == *"can't be moved"* ]]
  run -125 asb suspend "$name"
  [[ "$output" == *"can't be suspended"* ]]
  run -0 asb delete "$name"
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

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# status_sandbox.bats - `status NAME` against faults that are really there: the first line names the cause, and the next step, run as it is
# but for the words in capitals, repairs it.
load helper

setup_file() { cluster_setup; }

setup() { made=(); } # TYPE/NAME of what a test makes besides $name

teardown() {
  [ ${#made[@]} -eq 0 ] || admin -n $NS delete --ignore-not-found --wait=false "${made[@]}" >/dev/null
  [ -z "${own:-}" ] || admin delete namespace "$own" --wait=false >/dev/null
  [ -z "${name:-}" ] || asb -n "${own:-$NS}" delete "$name" --ignore-not-found >/dev/null
}

status_of() { asb -n "${own:-$NS}" status "$@"; }
in_trouble() { [ "$(status_of "$1" -o json | jq -r '.state + " " + .code')" = "problem $2" ]; }
runs() { [ "$(status_of "$1" -o json | jq -r .state)" = running ]; }

# make_wrong NAME ARG...: what is wrong may be seen before create is done, which then deletes it again
make_wrong() { within 60 asb -n "${own:-$NS}" create "$1" --wait=false "${@:2}"; }

# problem NAME CODE TEXT...: comes to be known under that code, with those words in the first line; its next step is in $step
problem() {
  local text
  within 60 in_trouble "$1" "$2" || { status_of "$1"; return 1; }
  run -1 status_of "$1"
  echo "$output"
  [[ "${lines[0]}" == "problem: "* ]]
  for text in "${@:3}"; do [[ "${lines[0]}" == *"$text"* ]]; done
  run -1 --separate-stderr status_of "$1" -o json
  [ "$(jq -r .healthy <<<"$output")" = false ]
  [ "$(jq -r .summary <<<"$output")" = "$(status_of "$1" | sed -n '1s/^problem: //p')" ]
  step=$(jq -r .nextStep <<<"$output")
  [ "$(status_of "$1" | sed -n 2p)" = "next: $step" ]
}

# repair [WORD=VALUE...]: the user pastes the step, having chosen those values
repair() {
  local choice
  for choice in "$@"; do
    [[ "$step" == *"${choice%%=*}"* ]]
    step=${step//${choice%%=*}/${choice#*=}}
  done
  echo "$step"
  KUBECONFIG=$USER_KUBECONFIG bash -c "$step"
}

healthy() { # healthy NAME: and says so
  within 60 runs "$1" || { status_of "$1"; return 1; }
  run -0 status_of "$1"
  [[ "${lines[0]}" == "ok: sandbox \"$1\" runs on node "* ]]
  [[ "$output" != *"next: "* ]]
}

own_namespace() { # a namespace with our Role and ServiceAccount; its name is in $own
  own=$(unique ns)
  admin create namespace "$own" >/dev/null
  admin -n "$own" create serviceaccount normal-user >/dev/null
  admin -n $NS get role kubectl-agentsandbox-user -o json | jq --arg ns "$own" '.metadata = {name: .metadata.name, namespace: $ns}' |
    admin create -f - >/dev/null
  admin -n "$own" create rolebinding u --role=kubectl-agentsandbox-user --serviceaccount=e2e-users:agent-user >/dev/null
}

# own_sandbox COMMAND [VOLUMES]: YAML of a Sandbox that looks like ours, and runs something else
own_sandbox() {
  cat <<END
apiVersion: agents.x-k8s.io/v1beta1
kind: Sandbox
metadata: {name: $name, namespace: $NS, labels: {app.kubernetes.io/managed-by: kubectl-agentsandbox}}
spec:
  shutdownTime: $(date -u -d '+1 hour' +%Y-%m-%dT%H:%M:%SZ)
  shutdownPolicy: Delete
  podTemplate:
    spec:
      restartPolicy: Never
      serviceAccountName: normal-user
      terminationGracePeriodSeconds: 0
      securityContext: {runAsNonRoot: true, runAsUser: 1001, seccompProfile: {type: RuntimeDefault}}
      containers:
      - name: main
        image: bitnami/kubectl:latest
        imagePullPolicy: IfNotPresent
        command: $1
        terminationMessagePolicy: FallbackToLogsOnError
        securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
        resources: {limits: {cpu: "1", memory: 64Mi}}
        volumeMounts: $2
      volumes: $3
END
}

@test "a healthy sandbox has no problem, and a timeline from its making to its end" {
  name=$(unique well)
  asb create "$name" --ttl 30m
  healthy "$name"
  run -0 status_of "$name"
  echo "$output"
  [[ "$output" == *"Image:"*"bitnami/kubectl:latest"* ]]
  [[ "$output" == *"Ends:"*"it is deleted then"* ]]
  [[ "$output" == *"sandbox made"*"scheduled on node"*"container"*"started"*"now"*"end of its time"* ]]
  run -0 --separate-stderr status_of "$name" -o json
  [ -z "$stderr" ]
  [ "$(jq -r '.kind + " " + .pod + " " + (.nextStep | tostring)' <<<"$output")" = "Sandbox $name null" ]
  jq -e '.timeline | map(.afterMs) | . == sort' <<<"$output" # in order
  jq -e '.timeline[-1].afterMs > 1700000 and .timeline[-1].afterMs < 1900000' <<<"$output"
  jq -e '.conditions | any(.of == "sandbox" and .type == "Ready" and .meaning == "its pod is ready")' <<<"$output"
  jq -e '.events | any(.reason == "Started")' <<<"$output"
  jq -e '.end.policy == "Delete" and .end.inMs > 1700000' <<<"$output"
}

@test "a name that there is nothing of is kubectl's NotFound, and 125" {
  run -125 status_of no-such-sandbox
  [[ "$output" == *'Error from server (NotFound): sandboxes.agents.x-k8s.io "no-such-sandbox" not found'* ]]
  run -2 status_of Not_A_Name
  run -2 status_of a b
}

@test "who may read Sandboxes only still learns what they tell" {
  name=$(unique poor)
  made=("role/$name" "rolebinding/e2e-$name")
  user "$name" >poor.kubeconfig
  admin -n $NS create role "$name" --verb=get --resource=sandboxes.agents.x-k8s.io
  grant "$name" "$name"
  asb create "$name"
  healthy "$name"
  within 30 poor_sees
  run -0 as_user "$PWD/poor.kubeconfig" status "$name"
  echo "$output"
  [[ "${lines[0]}" == "ok: sandbox \"$name\" runs"* ]]
  [[ "$output" == *"Note:"*"the pod can't be read"* ]]
  [[ "$output" == *"Note:"*"events can't be read"* ]]
  asb delete "$name"
  within 30 no_sandbox "$name"
  make_wrong "$name" --cpu 1000
  within 30 poor_problem
  run -1 as_user "$PWD/poor.kubeconfig" status "$name"
  [[ "${lines[0]}" == *"nsufficient cpu"* ]]
  admin -n e2e-users delete serviceaccount "$name"
}
poor_sees() { as_user "$PWD/poor.kubeconfig" status "$name" | grep -q "^ok: sandbox \"$name\" runs"; }
poor_problem() { ! as_user "$PWD/poor.kubeconfig" status "$name" >/dev/null; }

@test "image not found" {
  name=$(unique image)
  make_wrong "$name" --image registry.test/no-such-image:1 --memory 256Mi
  problem "$name" image-not-found 'image "registry.test/no-such-image:1" was not found'
  [[ "$step" == *"--memory 256Mi"* ]] # what was right is kept
  repair IMAGE=bitnami/kubectl:latest
  healthy "$name"
}

@test "image not found in a Sandbox that somebody else has made: it is edited, not made anew" {
  name=$(unique foreign)
  own_sandbox '[sleep, infinity]' '[]' '[]' | sed '/^metadata:/s/, labels: .*/}/; s#image: .*#image: registry.test/no-such-image:1#' | admin apply -f -
  problem "$name" image-not-found 'image "registry.test/no-such-image:1" was not found'
  uid=$(admin -n $NS get sandbox "$name" -o jsonpath='{.metadata.uid}')
  export EDITOR="sed -i s#registry.test/no-such-image:1#bitnami/kubectl:latest#"
  repair
  healthy "$name"
  [ "$(admin -n $NS get sandbox "$name" -o jsonpath='{.metadata.uid}')" = "$uid" ]
  run -0 status_of "$name"
  [[ "$output" == *"not made by this plugin"* ]]
}

@test "unschedulable" {
  name=$(unique big)
  make_wrong "$name" --cpu 1000
  problem "$name" unschedulable 'no node can take the pod' 'nsufficient cpu'
  repair CPU=200m
  healthy "$name"
}

@test "RuntimeClass missing" {
  name=$(unique noclass)
  make_wrong "$name" --runtime-class no-such-class
  problem "$name" runtime-class-missing 'the cluster has no RuntimeClass "no-such-class"'
  repair RUNTIMECLASS=gvisor
  healthy "$name"
}

@test "handler missing on the node" {
  name=$(unique handler)
  make_wrong "$name" --runtime-class kata
  problem "$name" runtime-handler 'does not have the runtime that RuntimeClass "kata" names'
  repair RUNTIMECLASS=gvisor
  healthy "$name"
}

@test "quota of CPU" {
  own_namespace
  name=$(unique quota)
  admin -n "$own" create quota small --hard=limits.cpu=500m
  within 30 quota_counted
  make_wrong "$name"
  problem "$name" quota-exceeded "no room in namespace \"$own\"" 'exceeded quota: small'
  repair CPU=200m
  healthy "$name"
}
quota_counted() { [ -n "$(admin -n "$own" get quota small -o jsonpath='{.status.used}')" ]; }

@test "quota of pods" {
  own_namespace
  name=$(unique crowd)
  other=$(unique other)
  admin -n "$own" create quota small --hard=pods=1
  within 30 quota_counted
  asb -n "$own" create "$other"
  make_wrong "$name"
  problem "$name" quota-exceeded "no room in namespace \"$own\"" 'pods=1'
  repair OTHER="$other"
  healthy "$name"
}

@test "PodSecurity" {
  own_namespace
  name=$(unique psa)
  admin label namespace "$own" pod-security.kubernetes.io/enforce=restricted
  make_wrong "$name" --user 0
  problem "$name" pod-security "namespace \"$own\" forbids the pod" 'runAsUser=0'
  repair
  healthy "$name"
}

@test "ServiceAccount missing" {
  own_namespace
  name=$(unique account)
  make_wrong "$name" --service-account helper
  problem "$name" service-account-missing "there is no ServiceAccount \"helper\" in namespace \"$own\""
  admin -n "$own" create role accounts --verb=create --resource=serviceaccounts
  admin -n "$own" create rolebinding accounts --role=accounts --serviceaccount=e2e-users:agent-user
  repair
  healthy "$name"
}

@test "expired, and kept" {
  name=$(unique expired)
  asb create "$name"
  admin -n $NS patch sandbox "$name" --type merge -p '{"spec":{"shutdownTime":"2020-01-01T00:00:00Z","shutdownPolicy":"Retain"}}'
  problem "$name" expired "the lease of sandbox \"$name\" has run out"
  run -125 asb exec "$name" true # in the same words
  [[ "$output" == *"error: the lease of sandbox \"$name\" has run out"* ]]
  [[ "$output" == *"hint: $step"* ]]
  run -125 asb create "$name"
  [[ "$output" == *"already exists"*"the lease of sandbox \"$name\" has run out"* ]]
  [[ "$output" == *"hint: $step"* ]]
  repair
  healthy "$name"
}

after() { [ "$(date +%s)" -gt "$1" ]; }

@test "suspended" {
  name=$(unique suspended)
  asb create "$name"
  # events of the second in which a sandbox was made may be those of a namesake, and are left out
  within 30 after $(($(date +%s) + 1))
  asb suspend "$name"
  problem "$name" suspended "sandbox \"$name\" is suspended"
  run -125 asb exec "$name" true
  [[ "$output" == *"error: sandbox \"$name\" is suspended"* ]]
  [[ "$output" == *"hint: $step"* ]]
  run -125 asb create "$name"
  [[ "$output" == *"already exists"*"sandbox \"$name\" is suspended"* ]]
  [[ "$output" == *"hint: $step"* ]]
  repair
  healthy "$name"
  run -0 status_of "$name"
  [[ "$output" == *"the container is told to stop"*"resumed"*"container main started"* ]]
}

@test "PID 1 killed for lack of memory" {
  name=$(unique oom)
  own_sandbox '[sh, -c, "tail /dev/zero"]' '[]' '[]' | admin apply -f -
  problem "$name" oom 'ran out of memory' '64Mi'
  repair MEMORY=256Mi
  healthy "$name"
  [ "$(admin -n $NS get pod "$name" -o jsonpath='{.spec.containers[0].resources.limits.memory}')" = 256Mi ]
}

@test "a shim of another architecture" {
  name=$(unique arch)
  cp "$ROOT/build/agentsandbox-shim" shim
  case $(uname -m) in # e_machine of its ELF header: the other one of x86-64 (0x3e) and AArch64 (0xb7)
  x86_64) mine=amd64 other='\xb7' ;;
  *) mine=arm64 other='\x3e' ;;
  esac
  printf "$other" | dd of=shim bs=1 seek=18 conv=notrunc status=none
  made=("configmap/$name-shim")
  admin -n $NS create configmap "$name-shim" --from-file=shim
  own_sandbox '[/agentsandbox/shim, init]' '[{name: shim, mountPath: /agentsandbox}]' \
    "[{name: shim, configMap: {name: $name-shim, defaultMode: 0555}}]" | admin apply -f -
  problem "$name" architecture 'exec format error'
  repair ARCH=$mine
  healthy "$name"
}

@test "somebody else's pod has the name" {
  name=$(unique taken)
  made=("pod/$name")
  admin -n $NS apply -f - <<END
apiVersion: v1
kind: Pod
metadata: {name: $name}
spec:
  terminationGracePeriodSeconds: 0
  securityContext: {runAsNonRoot: true, runAsUser: 1001, seccompProfile: {type: RuntimeDefault}}
  containers:
  - name: it
    image: bitnami/kubectl:latest
    imagePullPolicy: IfNotPresent
    command: [sleep, infinity]
    securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
END
  make_wrong "$name"
  problem "$name" pod-name-taken 'there is another pod of that name' 'cannot adopt unowned pod'
  theirs=$name
  name=$(unique free)
  repair NEWNAME="$name"
  healthy "$name"
  run -0 admin -n $NS get pod "$theirs" # it was not ours to delete
  admin -n $NS delete pod "$theirs" --wait=false
  run -125 status_of "$theirs"
}

claim() { # claim POOL: a claim called $name, as another program would make it
  KUBECONFIG=$USER_KUBECONFIG kubectl -n $NS create -f - <<END
apiVersion: extensions.agents.x-k8s.io/v1beta1
kind: SandboxClaim
metadata: {name: $name, labels: {app.kubernetes.io/managed-by: kubectl-agentsandbox}}
spec: {warmPoolRef: {name: $1}, lifecycle: {shutdownTime: "$(date -u -d '+1 hour' +%Y-%m-%dT%H:%M:%SZ)", shutdownPolicy: Delete}}
END
}
claim_healthy() {
  within 90 runs "$1" || { status_of "$1"; return 1; }
  run -0 status_of "$1"
  echo "$output"
  [[ "${lines[0]}" == "ok: sandboxclaim \"$1\" runs on node "* ]]
  [[ "$output" == *"Warm pool:"*"$2"* ]]
}

@test "a claim whose pool is missing" {
  name=$(unique claim)
  pool=$(unique pool)
  made=("sandboxwarmpool/$pool" "sandboxtemplate/$pool")
  claim "$pool"
  problem "$name" no-pool "there is no warm pool \"$pool\""
  repair
  claim_healthy "$name" "$pool"
}

@test "a claim whose pool has no template" {
  name=$(unique claim)
  pool=$(unique pool)
  made=("sandboxwarmpool/$pool" "sandboxtemplate/$pool")
  asb pool create "$pool"
  asb pool scale "$pool" 0
  admin -n $NS delete sandboxtemplate "$pool"
  claim "$pool"
  problem "$name" no-template "the template of warm pool \"$pool\" does not exist"
  repair
  claim_healthy "$name" "$pool"
}

@test "a plain pod has a status, too" {
  name=$(unique plain)
  asb create "$name" --sandbox k8s --ttl 20m
  within 30 runs "$name"
  run -0 status_of "$name"
  echo "$output"
  [[ "${lines[0]}" == "ok: pod \"$name\" runs on node "* ]]
  [[ "$output" == *"Ends:"*"can't be moved"* ]]
}

@test "what takes a sandbox away from a command is said" {
  name=$(unique away)
  background run --name "$name" 'sleep 100' 2>said
  within 30 command_runs "$name"
  admin create --raw "/api/v1/namespaces/$NS/pods/$name/eviction" -f - <<END
{"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "$name", "namespace": "$NS"}}
END
  wait $plugin || code=$?
  cat said
  [ "$code" -ne 0 ]
  grep -q 'error: .*the pod was evicted, as when node ".*" is drained' said
  gone "$name"
  name=$(unique away)
  asb create "$name"
  background exec "$name" 'sleep 100' 2>said
  within 30 command_runs "$name"
  asb suspend "$name"
  wait $plugin || code=$?
  cat said
  grep -q "error: .*sandbox \"$name\" was suspended by somebody" said
  grep -qx "hint: kubectl agentsandbox -n $NS resume $name" said
  asb resume "$name"
  background exec "$name" 'sleep 200' 2>said
  within 30 command_runs "$name" 200
  admin -n $NS patch sandbox "$name" --type merge -p '{"spec":{"shutdownTime":"2020-01-01T00:00:00Z"}}'
  wait $plugin || code=$?
  cat said
  grep -q "error: .*the lease of sandbox \"$name\" has run out" said
  grep -qx "hint: kubectl agentsandbox -n $NS create $name" said
}

@test "a command that was killed for lack of memory is told the limit and how to raise it" {
  name=$(unique heavy)
  asb create "$name" --memory 64Mi
  run asb exec "$name" 'tail /dev/zero'
  echo "$output"
  [ "$status" -eq 137 ]
  [[ "$output" == *"out of memory (limit 64Mi)"* || "$output" == *"ran out of memory and was killed (limit 64Mi)"* ]]
  [[ "$output" == *"hint: "*"create $name"*"--memory MEMORY"* ]]
}
command_runs() { admin -n $NS logs "$1" 2>/dev/null | grep -q "sleep ${2:-100}"; }

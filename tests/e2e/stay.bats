#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# stay.bats - sandboxes that stay: made, seen, used, suspended, extended, deleted, and what is left of crashes cleaned up.
load helper

setup_file() { cluster_setup; }

kept() { # kept NAME: a sandbox of ours that stays
  asb run -q --name "$1" --keep true
}

@test "list shows our sandboxes with status, age, end and image; -A, -l, -o name, json and yaml" {
  name=$(unique list)
  kept "$name"
  within 30 shows_status "$name" Running
  run -0 asb list
  [[ "${lines[0]}" =~ ^NAME\ +STATUS\ +AGE\ +ENDS\ +IMAGE$ ]]
  [[ "$output" =~ $name\ +Running\ +[0-9]+s\ +(59|60)m\ +bitnami/kubectl ]]
  run -0 asb list -o wide
  [[ "$output" =~ $name\ .*\ $name\ .*normal-user\ +DependenciesReady ]]
  run -0 asb list -o name
  [[ "$output" == *"sandbox.agents.x-k8s.io/$name"* ]]
  run -0 asb list -o json
  [ "$(jq -r --arg n "$name" '.items[] | select(.metadata.name == $n).spec.shutdownPolicy' <<<"$output")" = Delete ]
  asb list -o yaml >list.yaml
  [[ "$(admin get -f list.yaml -o name)" == *"$name"* ]]
  run ! grep managedFields list.yaml
  instance=$(admin -n $NS get sandbox "$name" -o jsonpath='{.metadata.labels.app\.kubernetes\.io/instance}')
  run -0 asb list -l "app.kubernetes.io/instance=$instance" -o name
  [ "${#lines[@]}" -eq 1 ]
  run -0 --separate-stderr asb list -l no=such
  [ -z "$output" ]
  [ "$stderr" = "No resources found in computer namespace." ]
  run -2 asb list -o csv
  run -125 asb list -A # our Role is that of one namespace
  [[ "$output" == *Forbidden* ]]
  KUBECONFIG=$ADMIN_KUBECONFIG run -0 kubectl agentsandbox list -A
  [[ "$output" =~ $NS\ +$name ]]
  admin -n $NS delete sandbox "$name"
  gone "$name"
}
shows_status() { asb list | grep -qE "^$1 +$2 "; }

@test "list shows sandboxes of others with --all only, and changes with --watch" {
  name=$(unique other)
  background list --all --watch >changes
  admin apply -f - <<END
{apiVersion: agents.x-k8s.io/v1beta1, kind: Sandbox, metadata: {name: $name, namespace: $NS},
 spec: {operatingMode: Suspended, podTemplate: {spec: {containers: [{name: it, image: registry.invalid/none}]}}}}
END
  within 30 shows_all_status "$name" Suspended
  run -0 asb list
  [[ "$output" != *"$name"* ]]
  within 30 grep -qE "^$name +Suspended .* never +registry.invalid/none" changes
  kill $plugin
  wait $plugin || true
  admin -n $NS delete sandbox "$name"
}
shows_all_status() { asb list --all | grep -qE "^$1 +$2 "; }

@test "delete takes names, --all only what is ours; an unknown name is an error unless --ignore-not-found" {
  one=$(unique one) two=$(unique two) other=$(unique other)
  kept "$one"
  kept "$two"
  admin apply -f - <<END
{apiVersion: agents.x-k8s.io/v1beta1, kind: Sandbox, metadata: {name: $other, namespace: $NS},
 spec: {operatingMode: Suspended, podTemplate: {spec: {containers: [{name: it, image: registry.invalid/none}]}}}}
END
  run -125 asb delete "$one" no-such-sandbox
  [[ "$output" == *"sandbox \"$one\" deleted"* ]]
  [[ "$output" == *"Error from server (NotFound): sandboxes.agents.x-k8s.io \"no-such-sandbox\" not found"* ]]
  gone "$one"
  run -0 asb delete no-such-sandbox --ignore-not-found
  [ -z "$output" ]
  run -0 asb delete --all
  [[ "$output" == *"sandbox \"$two\" deleted"* ]]
  [[ "$output" != *"$other"* ]]
  gone "$two"
  sandbox_exists "$other"
  run -0 asb delete "$other" # a name says what is meant
  run -2 asb delete
  run -2 asb delete x --all
  run -2 asb delete Not_A_Name
}

@test "suspend ends the pod and keeps the sandbox; extend moves its end" {
  name=$(unique suspend)
  kept "$name"
  run -0 asb suspend "$name"
  [ "$output" = "sandbox \"$name\" suspended" ]
  run ! admin -n $NS get pod "$name"
  shows_status "$name" Suspended
  run -0 asb suspend "$name" --wait=false
  run -0 asb extend "$name" --ttl 3h
  end=$(admin -n $NS get sandbox "$name" -o jsonpath='{.spec.shutdownTime}')
  [ "$output" = "sandbox \"$name\" stays until $end" ]
  left=$(($(date -d "$end" +%s) - $(date +%s)))
  [ "$left" -gt 10700 ] && [ "$left" -le 10802 ]
  run -2 asb extend "$name"
  run -125 asb extend no-such-sandbox --ttl 1h
  run -125 asb suspend no-such-sandbox
  [[ "$output" == *NotFound* ]]
  asb delete "$name"
  gone "$name"
}

@test "a suspended sandbox runs nothing; resume waits until it does, or says why it never will" {
  name=$(unique resume)
  kept "$name"
  asb suspend "$name"
  run -125 asb exec "$name" true
  [[ "$output" == *suspended* ]]
  [[ "$output" == *resume* ]]
  run -0 --separate-stderr asb resume "$name"
  [ "$output" = "sandbox \"$name\" resumed" ]
  [ -z "$stderr" ]
  run -0 asb exec "$name" 'echo again'
  [ "$output" = again ]
  run -0 asb resume "$name" # nothing to do
  asb suspend "$name"
  admin -n $NS patch sandbox "$name" --type merge -p '{"spec":{"podTemplate":{"spec":{"runtimeClassName":"no-such-class"}}}}'
  run -125 asb resume "$name"
  [[ "$output" == *RuntimeClass*no-such-class* ]]
  run -125 asb resume no-such-sandbox
  asb delete "$name"
  gone "$name"
}

@test "create makes a sandbox that stays for its time and prints its name; exec runs in it" {
  name=$(unique create)
  run -0 --separate-stderr asb create "$name" --ttl 30m --memory 128Mi
  [ "$output" = "$name" ]
  [ -z "$stderr" ]
  end=$(admin -n $NS get sandbox "$name" -o jsonpath='{.spec.shutdownTime}')
  left=$(($(date -d "$end" +%s) - $(date +%s)))
  [ "$left" -gt 1700 ] && [ "$left" -le 1802 ]
  run -0 asb exec "$name" 'cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null; true'
  [ "$output" = 134217728 ]
  # an exec does not shorten its life
  [ "$(admin -n $NS get sandbox "$name" -o jsonpath='{.spec.shutdownTime}')" = "$end" ]
  run -125 asb create "$name"
  [[ "$output" == *"already exists"* ]]
  sandbox_exists "$name"
  run -2 asb create a b
  run -2 asb create Not_A_Name
  run -2 asb create --ttl 1s
  asb delete "$name"
  gone "$name"
}

@test "create gives a name of its own, does not wait with --wait=false, and leaves nothing of what does not start" {
  run -0 --separate-stderr asb create --wait=false
  [[ "$output" == run-* ]]
  name=$output
  within 30 shows_status "$name" Running
  run -0 asb exec "$name" 'echo here'
  asb delete "$name"
  gone "$name"
  name=$(unique noclass)
  run -125 asb create "$name" --runtime-class no-such-class
  [[ "$output" == *no-such-class* ]]
  gone "$name"
}

@test "create -f starts from a Sandbox of the user's own, with a further container" {
  name=$(unique file)
  cat >own.yaml <<END
apiVersion: agents.x-k8s.io/v1beta1
kind: Sandbox
metadata: {name: $name, labels: {team: blue}}
spec:
  podTemplate:
    spec:
      containers:
      - name: main
        env: [{name: COLOUR, value: blue}]
      - name: side
        image: bitnami/kubectl:latest
        imagePullPolicy: IfNotPresent
        command: [sleep, infinity]
        securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
END
  run -0 asb create -f own.yaml
  [ "$output" = "$name" ]
  run -0 asb exec "$name" 'echo $COLOUR'
  [ "$output" = blue ]
  run -0 asb list -l team=blue -o name
  [ "$output" = "sandbox.agents.x-k8s.io/$name" ]
  [ "$(admin -n $NS get pod "$name" -o jsonpath='{.spec.containers[*].name}' | wc -w)" -eq 2 ]
  asb delete "$name"
  gone "$name"
  sed -i 's/env: .*/command: [sleep, infinity]/' own.yaml
  run -2 asb create -f own.yaml
  [[ "$output" == *"command or args"* ]]
  run -2 asb create -f - <<<'kind: Pod'
  run -125 asb create -f no-such-file.yaml
}

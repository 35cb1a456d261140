#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# arch.bats - a release carries the shim for amd64 and that for arm64: which of them a pod gets, and what a wrong one says.
# The cluster's nodes are amd64, so a sandbox for arm64 is chosen rightly when it waits for a node of that kind.
load helper

setup_file() {
  cluster_setup
  make -C "$ROOT" dist >"$BATS_FILE_TMPDIR/dist.log" 2>&1 || { cat "$BATS_FILE_TMPDIR/dist.log"; return 1; }
  tar -xf "$ROOT/build/dist/kubectl-agentsandbox_v$(<"$ROOT/VERSION")_linux_amd64.tar.gz" -C "$BATS_FILE_TMPDIR"
  export BOTH=$BATS_FILE_TMPDIR/kubectl-agentsandbox
  export OBJECT=e2e-arch-$$ # in the cluster's scope
  export READER_KUBECONFIG=$BATS_FILE_TMPDIR/reader.kubeconfig
  user "$OBJECT" >"$READER_KUBECONFIG"
  grant "$OBJECT" kubectl-agentsandbox-user
  admin create clusterrole "$OBJECT" --verb=get,list --resource=runtimeclasses.node.k8s.io,nodes
  admin create clusterrolebinding "$OBJECT" --clusterrole="$OBJECT" --serviceaccount="e2e-users:$OBJECT"
  runtime_class "$OBJECT" runc '{"kubernetes.io/arch": "arm64"}'
  arm64_configmap=$("$BOTH" version -o json | jq -r '.shims[] | select(.arch == "arm64").configMap')
  export arm64_configmap
}

teardown_file() {
  admin delete --ignore-not-found clusterrole "$OBJECT"
  admin delete --ignore-not-found clusterrolebinding "$OBJECT"
  admin delete --ignore-not-found runtimeclass "$OBJECT"
  admin -n $NS delete --ignore-not-found rolebinding "e2e-$OBJECT"
  admin -n e2e-users delete --ignore-not-found serviceaccount "$OBJECT"
  admin -n $NS delete --ignore-not-found configmap "$arm64_configmap"
}

teardown() { [ -z "${EMULATED:-}" ] || rm -rf "$EMULATED"; }

runtime_class() { # runtime_class NAME HANDLER NODE_SELECTOR
  admin apply -f - <<END
{apiVersion: node.k8s.io/v1, kind: RuntimeClass, metadata: {name: $1}, handler: $2, scheduling: {nodeSelector: $3}}
END
}
both() { KUBECONFIG=$USER_KUBECONFIG "$BOTH" "$@"; }
as_reader() { KUBECONFIG=$READER_KUBECONFIG "$BOTH" "$@"; }
pod_spec() { admin -n $NS get sandbox "$1" -o json | jq -r ".spec.podTemplate.spec$2"; }
waits_for_arm64() { # waits_for_arm64 NAME: such a Sandbox is there
  [ "$(pod_spec "$1" '.nodeSelector["kubernetes.io/arch"]')" = arm64 ]
  [ "$(pod_spec "$1" '.volumes[] | select(.name == "shim").configMap.name')" = "$arm64_configmap" ]
  [ "$(pod_spec "$1" '.volumes[] | select(.name == "shim").configMap.items[0].key')" = arm64 ]
  [ "$(admin -n $NS get configmap "$arm64_configmap" -o json | jq -r '.binaryData | keys[]')" = arm64 ]
}
remove() {
  asb delete "$1"
  gone "$1"
}

@test "arch: nobody says one: the nodes are amd64" {
  run -0 --separate-stderr both run 'uname -m'
  [ "$output" = x86_64 ]
  run -0 --separate-stderr as_reader run 'uname -m'
  [ "$output" = x86_64 ]
}

@test "arch: --arch amd64" {
  run -0 --separate-stderr both run --arch amd64 'uname -m'
  [ "$output" = x86_64 ]
}

@test "arch: --arch arm64 where no node is: the hint names the other" {
  name=$(unique arch)
  run -125 both run --name "$name" --arch arm64 -- true
  [[ "$output" == *"no node can take the pod"* ]]
  [[ "$output" == *"hint: "*"linux/arm64"*"--arch amd64"* ]]
  gone "$name"
}

@test "arch: --arch arm64 is asked of the node, with the shim for it" {
  name=$(unique arch)
  both create "$name" --arch arm64 --wait=false
  waits_for_arm64 "$name"
  remove "$name"
}

@test "arch: from the environment and the configuration file" {
  name=$(unique arch)
  AGENTSANDBOX_ARCH=arm64 both create "$name" --wait=false
  waits_for_arm64 "$name"
  remove "$name"
  mkdir -p "$BATS_TEST_TMPDIR/kubectl-agentsandbox"
  echo 'arch: arm64' >"$BATS_TEST_TMPDIR/kubectl-agentsandbox/config.yaml"
  export XDG_CONFIG_HOME=$BATS_TEST_TMPDIR
  both create "$name" --wait=false
  waits_for_arm64 "$name"
  remove "$name"
  run -0 both run --arch amd64 -- true
}

@test "arch: an architecture that does not exist, a shim that this build does not have" {
  run -2 both run --arch x86_64 -- true
  [[ "$output" == *"--arch \"x86_64\" is unknown"*"amd64"* ]]
  name=$(unique arch)
  # the build of the working tree has the shim of its own machine only
  run -125 asb run --name "$name" --arch arm64 -- true
  [[ "$output" == *"this build of the plugin can't run sandboxes on arm64 nodes"*"hint: "*"make dist"* ]]
  nothing_left "$name"
}

@test "arch: the RuntimeClass says it, to who may read it" {
  name=$(unique arch)
  as_reader create "$name" --runtime-class "$OBJECT" --wait=false
  waits_for_arm64 "$name"
  remove "$name"
}

@test "arch: who may not read the RuntimeClass is told what to say" {
  name=$(unique arch)
  run -125 both run --name "$name" --runtime-class "$OBJECT" -- true
  [[ "$output" == *"RuntimeClass \"$OBJECT\" is for nodes of another architecture"*"hint: use --arch arm64"* ]]
  gone "$name"
  run -125 both run --sandbox k8s --name "$name" --runtime-class "$OBJECT" -- true
  [[ "$output" == *"RuntimeClass \"$OBJECT\" is for nodes of another architecture"*"hint: use --arch arm64"* ]]
  gone "$name"
}

@test "arch: the nodeSelector of one's own Sandbox comes first" {
  name=$(unique arch)
  cat >own.yaml <<END
apiVersion: agents.x-k8s.io/v1beta1
kind: Sandbox
spec: {podTemplate: {spec: {containers: [], nodeSelector: {kubernetes.io/arch: arm64}}}}
END
  both create "$name" -f own.yaml --arch amd64 --wait=false
  waits_for_arm64 "$name"
  remove "$name"
  sed -i 's/arm64/amd64/' own.yaml
  both create "$name" -f own.yaml --arch arm64
  run -0 --separate-stderr both exec "$name" 'uname -m'
  [ "$output" = x86_64 ]
  remove "$name"
}

@test "arch: a plain pod" {
  run -0 --separate-stderr both run --sandbox k8s --arch amd64 'uname -m'
  [ "$output" = x86_64 ]
  name=$(unique arch)
  run -125 both run --sandbox k8s --name "$name" --arch arm64 -- true
  [[ "$output" == *"--arch amd64"* ]]
  gone "$name"
}

@test "arch: a warm pool" {
  name=$(unique arch)
  both pool create "$name" --arch arm64
  run -0 --separate-stderr admin -n $NS get sandboxtemplate "$name" -o json
  [ "$(jq -r '.spec.podTemplate.spec.nodeSelector["kubernetes.io/arch"]' <<<"$output")" = arm64 ]
  [ "$(jq -r '.spec.podTemplate.spec.volumes[] | select(.name == "shim").configMap.name' <<<"$output")" = "$arm64_configmap" ]
  both pool delete "$name"
  gone "$name"
}

@test "arch: a shim of another architecture says which it is" {
  name=$(unique arch)
  wrong=$name-wrong
  both create "$name"
  admin -n $NS get configmap "$arm64_configmap" >/dev/null 2>&1 || { both create "$name-x" --arch arm64 --wait=false; remove "$name-x"; }
  # the same Sandbox, with the bytes for arm64 where those for amd64 belong
  admin -n $NS get configmap "$arm64_configmap" -o json |
    jq --arg name "$wrong" '{apiVersion, kind, metadata: {name: $name}, binaryData: {amd64: .binaryData.arm64}}' | admin -n $NS apply -f -
  admin -n $NS get sandbox "$name" -o json | jq --arg name "$wrong" '
    {apiVersion, kind, metadata: {name: $name}, spec} | del(.spec.podTemplate.metadata.annotations) |
    (.spec.podTemplate.spec.volumes[] | select(.name == "shim").configMap.name) = $name' | admin -n $NS apply -f -
  run -125 both exec "$wrong" -- true
  admin -n $NS delete sandbox "$wrong"
  admin -n $NS delete configmap "$wrong"
  remove "$name"
  [[ "$output" == *"the shim can't run on node"*"exec format error"* ]]
  gone "$wrong"
}

@test "arch: a program of another architecture ends with 126" {
  name=$(unique arch)
  asb create "$name"
  # the shim's own ELF header with a machine that nothing emulates
  { head -c 18 "$ROOT/build/agentsandbox-shim"; printf '\x34\x12'; tail -c +21 "$ROOT/build/agentsandbox-shim"; } |
    asb exec -i "$name" 'cat >other; chmod +x other'
  run -126 asb exec "$name" -- ./other
  [[ "$output" == *"./other: can't be executed in the sandbox: exec format error"*"hint: "*"--arch"* ]]
  remove "$name"
}

@test "arch: the shim for arm64 is a PID 1 like the other" {
  EMULATED=$(mktemp -d /tmp/e2e-arch.XXXXXX) # bats' own folder lets nobody else in
  chmod 0755 "$EMULATED"
  shim=$EMULATED/shim
  both version -o json | jq -e '.shims | map(.arch) == ["amd64", "arm64"]'
  admin -n $NS get configmap "$arm64_configmap" >/dev/null 2>&1 || {
    name=$(unique arch)
    both create "$name" --arch arm64 --wait=false
    remove "$name"
  }
  admin -n $NS get configmap "$arm64_configmap" -o json | jq -r .binaryData.arm64 | base64 -d >"$shim"
  chmod 0755 "$shim"
  run -0 qemu-aarch64-static "$shim" version
  [[ "$output" == "agentsandbox-shim $(<"$ROOT/VERSION") "* ]]
  # A program that the emulator starts, for a suite that wants one. The emulator has no subreapers, so nothing about daemons.
  printf '%s\n' '#include <unistd.h>' 'int main(int argc, char **argv) {' \
    'char *a[] = {"qemu", "-0", "agentsandbox-shim", PROGRAM, argc > 1 ? argv[1] : 0, 0};' \
    'execv(EMULATOR, a); return 99; }' >"$EMULATED/start.c"
  cc -static -w -DPROGRAM="\"$shim\"" -DEMULATOR="\"$(type -P qemu-aarch64-static)\"" -o "$EMULATED/start" "$EMULATED/start.c"
  export SHIM=$EMULATED/start CMOCKA_MESSAGE_OUTPUT=TAP
  for test in exit_codes_are_true death_by_signal_is_told what_cannot_be_started_says_why arguments_arrive_as_they_are \
    large_stdin_comes_back_exactly end_of_stdin_is_in_band a_stopped_tree_is_killed signals_reach_the_group the_dead_are_reaped \
    a_command_cannot_connect sigterm_ends_jobs_then_pid_1 the_audit_tells_what_ran frames_may_come_in_pieces; do
    run -0 "$ROOT/build/tests/shim-test" "$test"
    [ "$(grep -c "^ok .*$test" <<<"$output")" -eq 1 ]
  done
}

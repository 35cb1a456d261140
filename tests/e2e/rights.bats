#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# rights.bats - little rights suffice, missing ones are named before anything is created, a cut stream is never success.
load helper

setup_file() { cluster_setup; }

role() { # role NAME: the rules come from stdin
  { printf 'apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: %s, namespace: %s}\nrules:\n' "$1" "$NS"; cat; } | admin apply -f - >/dev/null
}

@test "the rights of the guide we grew from plus pods/exec suffice, with a fixed end instead of a renewed lease" {
  role e2e-seed <<'END'
- {apiGroups: [agents.x-k8s.io], resources: [sandboxes], verbs: [create, get, list, delete, watch]}
- {apiGroups: [""], resources: [pods], verbs: [get, list]}
- {apiGroups: [""], resources: [configmaps], verbs: [create, delete]}
- {apiGroups: [""], resources: [pods/exec], verbs: [create, get]}
END
  user seed-user >"$BATS_TEST_TMPDIR/kc"
  grant seed-user e2e-seed
  name=$(unique seed)
  KUBECONFIG_OF=$BATS_TEST_TMPDIR/kc background run --name "$name" --timeout 60s 'echo ready; sleep 3; exit 5' >said 2>&1
  within 30 grep -q ready said
  first=$(admin -n $NS get sandbox "$name" -o jsonpath='{.spec.shutdownTime}')
  [ "$(date -d "$first" +%s)" -gt $(($(date +%s) + 60)) ]
  ends_with 5 30
  gone "$name"
}

@test "without pods/exec the error names it and shows the rule to add, and nothing was created" {
  role e2e-noexec <<'END'
- {apiGroups: [agents.x-k8s.io], resources: [sandboxes], verbs: [create, get, list, delete, watch]}
- {apiGroups: [""], resources: [pods], verbs: [get, list]}
- {apiGroups: [""], resources: [configmaps], verbs: [create, delete]}
END
  user noexec-user >"$BATS_TEST_TMPDIR/kc"
  grant noexec-user e2e-noexec
  name=$(unique noexec)
  run -125 as_user "$BATS_TEST_TMPDIR/kc" run --name "$name" true
  [[ "$output" == *pods/exec* ]]
  [[ "$output" == *"kind: Role"* ]]
  [[ "$output" == *create* ]]
  nothing_left "$name"
}

@test "the rule that is shown is the rule that helps" {
  admin -n $NS delete rolebinding e2e-hint-user --ignore-not-found # of an earlier run
  user hint-user >"$BATS_TEST_TMPDIR/kc"
  run -125 as_user "$BATS_TEST_TMPDIR/kc" run true
  sed -n '/apiVersion:/,$p' <<<"$output" | sed 's/^hint: //' | awk '/^[^ a-z-]/ {exit} {print}' >grant.yaml
  cat grant.yaml
  sed -n '/^kind: Role$/,$p' grant.yaml | grep -q sandboxes
  # the YAML up to the first line that is no YAML is applied as it stands
  awk 'NR > 1 && !/^( |-|[a-zA-Z]+:|---)/ {exit} {print}' grant.yaml | admin apply -f -
  role_name=$(awk '/^metadata:/ {m = 1} m && /name:/ {sub(/.*name: */, ""); sub(/[,}].*/, ""); print; exit}' grant.yaml)
  grant hint-user "$role_name"
  run -0 as_user "$BATS_TEST_TMPDIR/kc" run 'echo granted'
  [[ "$output" == *granted* ]]
}

@test "a user without any right gets one list of what is missing" {
  user poor-user >"$BATS_TEST_TMPDIR/kc"
  name=$(unique poor)
  run -125 as_user "$BATS_TEST_TMPDIR/kc" run --name "$name" true
  [[ "$output" == *sandboxes* ]]
  [[ "$output" == *configmaps* ]]
  [[ "$output" == *pods/exec* ]]
  nothing_left "$name"
}

@test "a wrong token is said to be one" {
  sed 's/token: ".*"/token: "not-a-token"/' "$USER_KUBECONFIG" >kc
  run -125 as_user "$PWD/kc" run true
  [[ "$output" == *nauthorized* ]]
  [[ "$output" != *not-a-token* ]]
}

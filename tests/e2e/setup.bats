#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# setup.bats - an administrator prepares a namespace, users work in it, and it is taken away again.
# Works in namespaces of its own: their cluster-wide objects carry the namespace in their names.
load helper

setup_file() {
  cluster_setup
  OWN=e2e-setup-$$
  export OWN
}

teardown_file() {
  admin delete namespace "$OWN" "$OWN-other" --ignore-not-found --wait=false
  admin delete clusterrole,clusterrolebinding "kubectl-agentsandbox-agent-$OWN" "kubectl-agentsandbox-agent-$OWN-other" --ignore-not-found
}

install() { KUBECONFIG=$ADMIN_KUBECONFIG kubectl agentsandbox -n "$OWN" setup "$@"; }
in_own() { KUBECONFIG=$USER_KUBECONFIG kubectl agentsandbox -n "$OWN" "$@"; }
canonical() { jq -S '.items // [.] | sort_by(.kind, .metadata.name)'; }
own_gone() { ! admin get namespace "$OWN" >/dev/null 2>&1; }
cluster_wide() { admin get clusterrole,clusterrolebinding -o name | grep -c -- "-agent-$OWN\$"; }

@test "--print gives what kubectl apply -k applies, without a cluster" {
  KUBECONFIG=/dev/null kubectl agentsandbox setup --print >printed.yaml
  admin apply --dry-run=client -o json -f printed.yaml | canonical >printed.json
  admin apply --dry-run=client -o json -k "$ROOT/manifests" | canonical >files.json
  diff printed.json files.json
  [ "$(jq length printed.json)" -eq 6 ]
  KUBECONFIG=/dev/null kubectl agentsandbox setup --print -n "$OWN" --bind-user alice >own.yaml
  run ! grep computer own.yaml
  grep -q "name: kubectl-agentsandbox-agent-$OWN" own.yaml
  grep -q "name: alice" own.yaml
}

@test "a dry run tells what would be done and does nothing" {
  run -0 --separate-stderr install --dry-run=server
  [ "${lines[0]}" = "namespace/$OWN serverside-applied (server dry run)" ]
  [[ "$output" == *"serviceaccount/normal-user not tried, as its namespace does not exist yet (server dry run)"* ]]
  own_gone
  [ "$(cluster_wide)" -eq 0 ]
}

@test "setup applies everything, a second one changes nothing, and users can work" {
  run -0 --separate-stderr install --bind-user system:serviceaccount:e2e-users:agent-user
  [ "${lines[0]}" = "namespace/$OWN serverside-applied" ]
  [ "${lines[6]}" = "rolebinding.rbac.authorization.k8s.io/kubectl-agentsandbox-user-system:serviceaccount:e2e-users:agent-user serverside-applied" ]
  [ "${#lines[@]}" -eq 7 ]
  [ -z "$stderr" ]
  run -0 --separate-stderr install
  [ "$(grep -c ' unchanged$' <<<"$output")" -eq 6 ]
  [ "${#lines[@]}" -eq 6 ]
  run -0 in_own run -q 'kubectl get namespace '"$OWN"' -o name'
  [ "$output" = "namespace/$OWN" ]
  run ! in_own run -q "kubectl -n $OWN get secrets"
  run -125 asb -n "$OWN-other" run true # no rights elsewhere
}

@test "what somebody else manages is not taken over, unless that is wanted" {
  admin -n "$OWN" get role kubectl-agentsandbox-user -o json |
    jq '.rules = [] | del(.metadata.managedFields)' | admin apply --server-side --force-conflicts --field-manager=somebody -f -
  run -125 install
  [[ "$output" == *'error: role.rbac.authorization.k8s.io/kubectl-agentsandbox-user: Error from server (Conflict): Apply failed with 1 conflict: conflict with "somebody"'* ]]
  [[ "$output" == *--force-conflicts* ]]
  [ "$(rules)" -eq 0 ]
  run -0 install --force-conflicts
  [[ "$output" == *"role.rbac.authorization.k8s.io/kubectl-agentsandbox-user serverside-applied"* ]]
  [ "$(rules)" -gt 3 ]
}
rules() { admin -n "$OWN" get role kubectl-agentsandbox-user -o json | jq '.rules // [] | length'; }

@test "a namespace that was there before is left alone, and so are those of the cluster" {
  admin create namespace "$OWN-other"
  run -125 env KUBECONFIG="$ADMIN_KUBECONFIG" kubectl agentsandbox -n "$OWN-other" setup
  [[ "$output" == *'is there already and was not made by setup'* ]]
  run -0 admin get namespace "$OWN-other" -o jsonpath='{.metadata.labels.pod-security\.kubernetes\.io/enforce}'
  [ -z "$output" ]
  run -2 env KUBECONFIG="$ADMIN_KUBECONFIG" kubectl agentsandbox -n kube-system setup
  run -2 env KUBECONFIG="$ADMIN_KUBECONFIG" kubectl agentsandbox -n default setup --print
  run -2 install --print --uninstall
  run -2 install --dry-run=client
  run -2 install --force
}

@test "who may not set up is told what is missing, and how somebody else does it" {
  run -125 in_own setup
  [[ "$output" == *"missing rights"*"patch namespaces (cluster-wide)"*"clusterroles"* ]]
  [[ "$output" == *"kubectl agentsandbox -n $OWN setup --print"* ]]
}

@test "--uninstall refuses while sandboxes live, leaves what others have made, and ends with nothing" {
  in_own create stays --ttl 10m -q
  run -125 install --uninstall
  [[ "$output" == *"sandboxes still live in namespace \"$OWN\": sandbox/stays"* ]]
  run -0 in_own exec stays 'echo alive'
  in_own delete stays
  admin -n "$OWN" create configmap theirs
  within 30 no_pods
  run -0 install --uninstall --dry-run=server
  [[ "$output" == *"namespace/$OWN stays: it holds configmaps/theirs"* ]]
  [ "$(cluster_wide)" -eq 2 ]
  run -0 install --uninstall
  [[ "$output" == *"rolebinding.rbac.authorization.k8s.io/kubectl-agentsandbox-user-system:serviceaccount:e2e-users:agent-user deleted"* ]]
  [[ "$output" == *"namespace/$OWN stays: it holds configmaps/theirs"* ]]
  [ "$(cluster_wide)" -eq 0 ]
  run -0 admin -n "$OWN" get rolebindings,roles,serviceaccounts -o name
  [ "$output" = serviceaccount/default ]
  admin -n "$OWN" delete configmap theirs
  run -0 install --uninstall
  [ "$output" = "namespace/$OWN deleted" ]
  within 30 own_gone
  run -0 --separate-stderr install --uninstall
  [ -z "$output" ]
}
no_pods() { [ -z "$(admin -n "$OWN" get pods -o name)" ]; }

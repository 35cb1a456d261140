#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# cleanup.bats - what was left behind goes, what lives stays. In a namespace of its own: what belongs to nobody there is ours.
load helper

setup_file() {
  cluster_setup
  OWN=e2e-cleanup-$$
  export OWN
  KUBECONFIG=$ADMIN_KUBECONFIG kubectl agentsandbox -n "$OWN" setup --bind-user system:serviceaccount:e2e-users:agent-user
  in_own create lives --ttl 20m -q
}

teardown_file() {
  in_own delete lives --ignore-not-found
  within 30 no_pods
  KUBECONFIG=$ADMIN_KUBECONFIG kubectl agentsandbox -n "$OWN" setup --uninstall --force
  admin delete validatingadmissionpolicy,validatingadmissionpolicybinding "$OWN" --ignore-not-found
  admin delete namespace "$OWN" --ignore-not-found --wait=false
}

in_own() { KUBECONFIG=$USER_KUBECONFIG kubectl agentsandbox -n "$OWN" "$@"; }
own() { admin -n "$OWN" "$@"; }
no_pods() { [ -z "$(own get pods -o name 2>/dev/null)" ]; }
SANDBOX='app.kubernetes.io/component: sandbox'
LABELS='app.kubernetes.io/managed-by: kubectl-agentsandbox, app.kubernetes.io/name: agentsandbox'
made() { # made KIND NAME LABELS REST: an object as a plugin leaves it
  admin apply -f - <<END
{apiVersion: v1, kind: $1, metadata: {name: $2, namespace: $OWN, labels: {$3}}${4:+, $4}}
END
}
# no node takes it; after a second its end has passed
POD='spec: {activeDeadlineSeconds: 1, nodeSelector: {no: such}, restartPolicy: Never, securityContext: {runAsNonRoot: true, runAsUser: 1001,
  seccompProfile: {type: RuntimeDefault}}, containers: [{name: main, image: registry.invalid/none, securityContext:
  {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}], volumes: [{name: c, configMap: {name: in-use}}]}'
old_enough() { in_own cleanup --dry-run --older-than 2s | grep -qF "$1 deleted"; }
there() { own get "$@" >/dev/null 2>&1; }

@test "what is left is shown first, then deleted; what lives, is used or is not ours stays" {
  made Pod left "$LABELS, $SANDBOX" "$POD"
  made Pod theirs "a: b" "$POD"
  made ConfigMap agentsandbox-shim-old "$LABELS, app.kubernetes.io/component: shim"
  made ConfigMap run-without-owner "$LABELS, app.kubernetes.io/component: kubeconfig"
  made ConfigMap in-use "$LABELS, app.kubernetes.io/component: shim"
  made ConfigMap theirs "a: b"
  in_own pool create forgotten --size 0
  own delete sandboxwarmpool forgotten
  within 30 old_enough configmap/run-without-owner
  within 30 old_enough pod/left
  within 30 old_enough sandboxtemplate.extensions.agents.x-k8s.io/forgotten
  run -0 --separate-stderr in_own cleanup --dry-run --older-than 2s
  [ "${#lines[@]}" -eq 4 ]
  [ -z "$stderr" ]
  [[ "${lines[0]}" =~ ^pod/left\ deleted\ \(dry\ run\):\ its\ end\ has\ passed\ \([0-9]+s\)$ ]]
  [[ "$output" == *"sandboxtemplate.extensions.agents.x-k8s.io/forgotten deleted (dry run): no pool uses it"* ]]
  there pod left
  run -0 --separate-stderr in_own cleanup --older-than 2s
  [ "$(sort <<<"$output")" = "$(sort <<'END'
pod/left deleted
sandboxtemplate.extensions.agents.x-k8s.io/forgotten deleted
configmap/agentsandbox-shim-old deleted
configmap/run-without-owner deleted
END
  )" ]
  [ -z "$stderr" ]
  within 30 no_forgotten # garbage collection takes what the template owned
  run ! there pod left
  there pod theirs
  there configmap theirs
  there configmap in-use
  run -0 in_own exec lives 'kubectl version --client -o json >/dev/null && echo alive'
  [ "$output" = alive ]
  own delete pod/theirs configmap/theirs configmap/in-use --grace-period=0 --force
}
no_forgotten() { ! there configmap forgotten; }

@test "nothing young is touched, and it is said when nothing is left" {
  made ConfigMap agentsandbox-shim-young "$LABELS, app.kubernetes.io/component: shim"
  run -0 --separate-stderr in_own cleanup
  [ -z "$output" ]
  [ "$stderr" = "Nothing is left behind in $OWN namespace." ]
  there configmap agentsandbox-shim-young
  own delete configmap agentsandbox-shim-young
}

@test "the sandbox of a client that was killed is not touched before its end" {
  name=$(unique killed)
  background -n "$OWN" run -q --name "$name" 'echo ready; sleep 600' >killed.out
  within 60 grep -q ready killed.out
  kill -KILL $plugin
  run -0 --separate-stderr in_own cleanup --older-than 0s
  [ -z "$output" ]
  there sandbox "$name"
  in_own delete "$name"
}

@test "what a controller that stands still has not ended is ended" {
  # in this namespace alone: it may delete nothing
  admin apply -f - <<END
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: $OWN}
spec:
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: $OWN}}
    resourceRules:
    - {apiGroups: [agents.x-k8s.io, extensions.agents.x-k8s.io], apiVersions: ["*"], operations: [DELETE], resources: ["*"]}
  validations:
  - {expression: "!request.userInfo.username.startsWith('system:serviceaccount:agent-sandbox-system:')", message: it stands still}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: $OWN}
spec: {policyName: $OWN, validationActions: [Deny]}
END
  within 30 stands_still
  in_own create over --ttl 10s -q
  end=$(own get sandbox over -o jsonpath='{.spec.shutdownTime}')
  own create --validate=false -f - <<END
{apiVersion: $(own get sandbox over -o jsonpath='{.apiVersion}' | sed s/^/extensions./), kind: SandboxClaim,
 metadata: {name: over-too, labels: {$LABELS}},
 spec: {warmPoolRef: {name: none}, sandboxTemplateRef: {name: none}, lifecycle: {shutdownTime: "$end", shutdownPolicy: Delete}}}
END
  run ! old_enough sandbox.agents.x-k8s.io/over
  within 30 old_enough sandbox.agents.x-k8s.io/over
  run -0 --separate-stderr in_own cleanup --older-than 2s
  [[ "$output" == *"sandbox.agents.x-k8s.io/over deleted"* ]]
  [[ "$output" == *"sandboxclaim.extensions.agents.x-k8s.io/over-too deleted"* ]]
  [[ "$output" != *lives* ]]
  run ! there sandbox over
  run ! there sandboxclaim over-too
  admin delete validatingadmissionpolicy,validatingadmissionpolicybinding "$OWN"
  run -0 in_own exec lives 'echo alive'
}
stands_still() {
  admin -n "$OWN" delete sandbox lives --dry-run=server --as=system:serviceaccount:agent-sandbox-system:agent-sandbox-controller 2>&1 |
    grep -q 'it stands still'
}

@test "-A names the namespaces" {
  made Pod everywhere "$LABELS, $SANDBOX" "$POD"
  within 30 everywhere_left
  in_own cleanup --older-than 2s
  run -125 in_own cleanup -A --dry-run
  [[ "$output" == *"list pods (cluster-wide)"* ]]
}
everywhere_left() {
  KUBECONFIG=$ADMIN_KUBECONFIG kubectl agentsandbox cleanup -A --dry-run --older-than 2s |
    grep -q "^pod/everywhere deleted from $OWN namespace (dry run)"
}

@test "with fewer rights the rest is done, and it is said what could not be looked at" {
  user tidy >tidy.kubeconfig
  own create role e2e-tidy --verb=list,delete --resource=pods,sandboxes.agents.x-k8s.io
  own create rolebinding e2e-tidy --role=e2e-tidy --serviceaccount=e2e-users:tidy
  made Pod partly "$LABELS, $SANDBOX" "$POD"
  within 30 old_enough pod/partly
  run -0 --separate-stderr as_user tidy.kubeconfig -n "$OWN" cleanup --older-than 2s
  [ "$output" = "pod/partly deleted" ]
  [[ "$stderr" == *"warning: not everything could be looked at: missing rights in namespace \"$OWN\": list configmaps"* ]]
  [[ "$stderr" == *'resources: ["configmaps"]'* ]]
  user stranger >stranger.kubeconfig
  run -125 as_user stranger.kubeconfig -n "$OWN" cleanup
  [[ "$output" == *"error: missing rights"*"list pods"* ]]
  own delete rolebinding/e2e-tidy role/e2e-tidy
}

@test "usage" {
  run -2 in_own cleanup lives
  run -2 in_own cleanup --older-than soon
}

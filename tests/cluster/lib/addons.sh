# shellcheck shell=bash
# What is deployed through the API: the base objects and agent-sandbox.

CONTROLLER_NAMESPACE=agent-sandbox-system

apply() {
	kubectl_admin apply --server-side --force-conflicts -f "$1"
}

apply_base() {
	CURRENT_LOG=$DATA/log/apply.log
	[[ ! -e $RUN/base-applied ]] || return 0
	sed -e "s|\$NODE_IP|$NODE_IP|" -e "s|\$DNS_IP|$DNS_IP|" "$HERE/manifests/base.yaml" |
		apply - >>"$CURRENT_LOG" 2>&1
	touch "$RUN/base-applied"
}

# The controller's workload as JSON: a Deployment, but a StatefulSet in the first releases.
controller_workload() {
	kubectl_admin -n "$CONTROLLER_NAMESPACE" get deployments,statefulsets -o json |
		jq -e '.items[] | select(.metadata.name == "agent-sandbox-controller")'
}

controller_available() {
	controller_workload | jq -e '.status.observedGeneration == .metadata.generation and
		.status.updatedReplicas == 1 and .status.availableReplicas == 1'
}

# Whether the controller leads, where it elects a leader, and whether the API server
# has been told how to reach its webhook, where its CRDs convert between versions.
controller_serves() {
	{ controller_workload | jq -e '[.spec.template.spec.containers[].args[] | select(. == "--leader-elect=true")] == []' ||
		[[ -n $(kubectl_admin -n "$CONTROLLER_NAMESPACE" get leases -o 'jsonpath={.items[*].spec.holderIdentity}') ]]; } &&
		kubectl_admin get crd -o json | jq -e '[.items[] | select(.spec.group | endswith("agents.x-k8s.io"))
			| .spec.conversion | select(.strategy == "Webhook") | .webhook.clientConfig.caBundle // ""]
			| all(. != "")'
}

sandboxes_served() {
	kubectl_admin api-resources --cached=false --api-group agents.x-k8s.io -o name | grep -q ^sandboxes
}

# The CRDs come first: the controller ends itself when they are not established, and
# the garbage collector, when it has started before, takes half a minute to see them.
apply_crds() {
	CURRENT_LOG=$DATA/log/apply.log
	[[ ! -e $RUN/controller-applied ]] || return 0
	{
		apply "${ARTEFACT[controller]}/crds"
		kubectl_admin wait --for=condition=Established --timeout=30s -f "${ARTEFACT[controller]}/crds"
		poll 30 sandboxes_served
	} >>"$CURRENT_LOG" 2>&1
}

apply_controller() {
	CURRENT_LOG=$DATA/log/apply.log
	[[ ! -e $RUN/controller-applied ]] || return 0
	apply "${ARTEFACT[controller]}/all.yaml" >>"$CURRENT_LOG" 2>&1
	touch "$RUN/controller-applied"
}

controller_logs() {
	kubectl_admin -n "$CONTROLLER_NAMESPACE" logs --selector app=agent-sandbox-controller "$@"
}

# Whether the API server lets the controller give a Sandbox a pod: it, too, looks for
# new kinds only twice a minute. (It asks no such question of an administrator.)
sandboxes_may_own() {
	local version
	version=$(kubectl_admin get --raw /apis/agents.x-k8s.io | jq -r .preferredVersion.groupVersion)
	kubectl_admin create --dry-run=server --as "system:serviceaccount:$CONTROLLER_NAMESPACE:agent-sandbox-controller" -f - <<EOF
apiVersion: v1
kind: Pod
metadata:
  name: owned
  namespace: default
  ownerReferences: [{apiVersion: $version, kind: Sandbox, name: owner, uid: none, blockOwnerDeletion: true}]
spec:
  containers: [{name: main, image: none}]
EOF
}

wait_controller() {
	if ! poll 60 controller_available || ! poll 30 controller_serves || ! poll 60 sandboxes_may_own; then
		{
			kubectl_admin -n "$CONTROLLER_NAMESPACE" describe pods
			controller_logs --tail 20
		} >"$CURRENT_LOG" 2>&1 || true
		return 1
	fi
}

# Whether the garbage collector has removed all that agent-sandbox's objects owned:
# once their CRDs are gone, it would not.
no_agent_sandbox_dependents() {
	kubectl_admin get pods,services,configmaps,persistentvolumeclaims,networkpolicies -A -o json |
		jq -e '[.items[].metadata.ownerReferences[]? | select(.apiVersion | contains("agents.x-k8s.io/"))] == []'
}

# remove_controller ARTEFACT: removes that version of agent-sandbox and all its
# objects: what owns others first, while the controller is there to do its part.
remove_controller() {
	local kind
	CURRENT_LOG=$DATA/log/remove.log
	rm -f "$RUN/controller-applied"
	{
		for kind in {sandboxclaims.extensions,sandboxwarmpools.extensions,sandboxes,sandboxtemplates.extensions}.agents.x-k8s.io; do
			! kubectl_admin get crd "$kind" || kubectl_admin delete "$kind" --all -A --timeout=60s
		done
		poll 60 no_agent_sandbox_dependents
		kubectl_admin delete --ignore-not-found --timeout=60s -f "$1/crds"
		kubectl_admin delete --ignore-not-found --timeout=60s -f "$1/all.yaml"
	} >"$CURRENT_LOG" 2>&1
}

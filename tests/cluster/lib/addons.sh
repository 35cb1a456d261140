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

controller_available() {
	[[ $(kubectl_admin -n "$CONTROLLER_NAMESPACE" get deployment agent-sandbox-controller -o \
		'jsonpath={.status.observedGeneration}={.metadata.generation} {.status.updatedReplicas} {.status.availableReplicas}') =~ ^([0-9]+)=([0-9]+)\ 1\ 1$ ]] &&
		[[ ${BASH_REMATCH[1]} == "${BASH_REMATCH[2]}" ]]
}

# Whether the controller leads, and where its CRDs convert between versions,
# whether the API server has been told how to reach its webhook.
controller_serves() {
	[[ -n $(kubectl_admin -n "$CONTROLLER_NAMESPACE" get leases -o 'jsonpath={.items[*].spec.holderIdentity}') ]] &&
		kubectl_admin get crd -o json | jq -e '[.items[] | select(.spec.group | endswith("agents.x-k8s.io"))
			| .spec.conversion | select(.strategy == "Webhook") | .webhook.clientConfig.caBundle // ""]
			| all(. != "")'
}

# The CRDs come first: the controller ends itself when they are not established.
apply_controller() {
	CURRENT_LOG=$DATA/log/apply.log
	[[ ! -e $RUN/controller-applied ]] || return 0
	{
		apply "${ARTEFACT[controller]}/crds"
		kubectl_admin wait --for=condition=Established --timeout=30s -f "${ARTEFACT[controller]}/crds"
		apply "${ARTEFACT[controller]}/all.yaml"
	} >>"$CURRENT_LOG" 2>&1
	touch "$RUN/controller-applied"
}

wait_controller() {
	if ! poll 60 controller_available || ! poll 30 controller_serves; then
		{
			kubectl_admin -n "$CONTROLLER_NAMESPACE" describe pods
			kubectl_admin -n "$CONTROLLER_NAMESPACE" logs deployment/agent-sandbox-controller --tail 20
		} >"$CURRENT_LOG" 2>&1 || true
		return 1
	fi
}

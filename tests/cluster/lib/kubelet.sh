# shellcheck shell=bash
# The kubelet, and the cluster's DNS.

# Image garbage collection is off, for an image removed could not be pulled
# again; eviction is off, for the disk is the machine's.
kubelet_config() {
	cat <<EOF
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $NODE_IP
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: $CLUSTER_PKI/ca.crt}
authorization: {mode: Webhook}
tlsCertFile: $CLUSTER_PKI/kubelet-server.crt
tlsPrivateKeyFile: $CLUSTER_PKI/kubelet-server.key
containerRuntimeEndpoint: unix://$CONTAINERD_SOCKET
cgroupDriver: cgroupfs
cgroupRoot: /$CGROUP/pods
failCgroupV1: false
failSwapOn: false
enforceNodeAllocatable: []
evictionHard: {memory.available: 1Mi, nodefs.available: 0%, nodefs.inodesFree: 0%, imagefs.available: 0%}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
clusterDNS: [$DNS_IP]
clusterDomain: cluster.local
resolvConf: $DATA/resolv.conf
volumePluginDir: /var/lib/kubelet/volumeplugins
maxPods: 110
serializeImagePulls: false
registryPullQPS: 0
eventRecordQPS: 0
kubeAPIQPS: 300
kubeAPIBurst: 600
shutdownGracePeriod: 0s
EOF
}

kubelet_healthy() {
	on_node curl -fsS --max-time 2 http://127.0.0.1:10248/healthz
}

node_ready() {
	[[ $(kubectl_admin get node "$NODE_NAME" \
		-o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}') == True ]]
}

# Whether the kubelet knows the pods that run on it: after a start it takes a
# moment to be told, and until then exec fails with "pod does not exist".
kubelet_knows_pods() {
	local known
	known=$(kubectl_admin get --raw "/api/v1/nodes/$NODE_NAME/proxy/pods" | jq -c '[.items[]?.metadata.uid]') &&
		kubectl_admin get pods -A --field-selector "spec.nodeName=$NODE_NAME,status.phase=Running" -o json |
		jq -e --argjson known "$known" '[.items[].metadata.uid] - $known == []'
}

start_kubelet() {
	kubelet_config >"$DATA/kubelet.yaml"
	daemon_start kubelet "${ARTEFACT[kubernetes]}/kubelet" --config "$DATA/kubelet.yaml" \
		--kubeconfig "$CLUSTER_PKI/kubelet.kubeconfig" --root-dir /var/lib/kubelet \
		--hostname-override "$NODE_NAME" --node-ip "$NODE_IP"
	daemon_ready kubelet 60 kubelet_healthy
	daemon_ready kubelet 60 node_ready
	daemon_ready kubelet 30 kubelet_knows_pods
}

# A name that is not the cluster's does not exist, at once. It has a server block
# of its own, for within one block template would come before kubernetes.
coredns_config() {
	cat <<EOF
cluster.local:53 in-addr.arpa:53 {
	bind $DNS_IP
	errors
	ready 127.0.0.1:8181
	kubernetes cluster.local in-addr.arpa {
		kubeconfig $CLUSTER_PKI/coredns.kubeconfig
		pods insecure
		ttl 5
	}
}
.:53 {
	bind $DNS_IP
	errors
	template ANY ANY {
		rcode NXDOMAIN
	}
}
EOF
}

coredns_ready() {
	on_node curl -fsS --max-time 2 http://127.0.0.1:8181/ready
}

# Needs the rights of system:coredns (manifests/base.yaml).
start_coredns() {
	coredns_config >"$DATA/Corefile"
	daemon_start coredns "${ARTEFACT[coredns]}/coredns" -conf "$DATA/Corefile"
	daemon_ready coredns 30 coredns_ready
}

# shellcheck shell=bash
# The control plane: etcd, the API server, the controller manager, the scheduler.
# Each start_ function does nothing when the daemon already runs.

kubectl_admin() {
	"${ARTEFACT[kubernetes]}/kubectl" --kubeconfig "$ADMIN_KUBECONFIG" "$@"
}

# The data is thrown away with the cluster, so etcd need not wait for the disk.
start_etcd() {
	daemon_start etcd "${ARTEFACT[etcd]}/etcd" --name node --data-dir "$DATA/etcd" \
		--listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
		--listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
		--initial-cluster node=http://127.0.0.1:2380 --unsafe-no-fsync --log-level warn
}

# Admission is upstream's default and what its end-to-end tests add. There is no
# kube-proxy: the API server itself finds webhooks' pods (aggregator routing), and
# has the first service address and its port for the sake of the pods.
start_apiserver() {
	local pki=$CLUSTER_PKI
	daemon_start apiserver "${ARTEFACT[kubernetes]}/kube-apiserver" \
		--etcd-servers http://127.0.0.1:2379 \
		--bind-address 0.0.0.0 --secure-port 443 --advertise-address "$NODE_IP" \
		--service-cluster-ip-range "$SERVICE_RANGE" \
		--authorization-mode Node,RBAC \
		--enable-admission-plugins NodeRestriction,OwnerReferencesPermissionEnforcement \
		--client-ca-file "$pki/ca.crt" \
		--tls-cert-file "$pki/apiserver.crt" --tls-private-key-file "$pki/apiserver.key" \
		--service-account-issuer https://kubernetes.default.svc.cluster.local \
		--service-account-key-file "$pki/service-accounts.pub" \
		--service-account-signing-key-file "$pki/service-accounts.key" \
		--kubelet-certificate-authority "$pki/ca.crt" \
		--kubelet-client-certificate "$pki/apiserver-kubelet.crt" \
		--kubelet-client-key "$pki/apiserver-kubelet.key" \
		--kubelet-preferred-address-types InternalIP \
		--enable-aggregator-routing=true --allow-privileged=true --profiling=false
	daemon_ready apiserver 60 kubectl_admin get --raw /readyz
}

start_controller_manager() {
	local pki=$CLUSTER_PKI
	daemon_start controller-manager "${ARTEFACT[kubernetes]}/kube-controller-manager" \
		--kubeconfig "$pki/controller-manager.kubeconfig" \
		--use-service-account-credentials=true \
		--service-account-private-key-file "$pki/service-accounts.key" \
		--root-ca-file "$pki/ca.crt" \
		--cluster-signing-cert-file "$pki/ca.crt" --cluster-signing-key-file "$pki/ca.key" \
		--leader-elect=false --bind-address 127.0.0.1 --profiling=false \
		--enable-hostpath-provisioner=true \
		--kube-api-qps 300 --kube-api-burst 600
}

# Where the controller manager's provisioner keeps volumes.
start_volumes() {
	daemon_start volumes "${ARTEFACT[helpers]}/volumes" /tmp/hostpath_pv
}

start_scheduler() {
	daemon_start scheduler "${ARTEFACT[kubernetes]}/kube-scheduler" \
		--kubeconfig "$CLUSTER_PKI/scheduler.kubeconfig" \
		--leader-elect=false --bind-address 127.0.0.1 --profiling=false \
		--kube-api-qps 300 --kube-api-burst 600
}

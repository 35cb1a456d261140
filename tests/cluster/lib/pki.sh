# shellcheck shell=bash
# Keys, certificates and kubeconfigs, in $DATA/pki.

# sign NAME SUBJECT EXTENSIONS: an EC key and a certificate of the cluster's CA,
# NAME.key and NAME.crt in the directory PKI. EXTENSIONS are lines of openssl's.
sign() {
	local name=$1 subject=$2 extensions=$3
	openssl ecparam -genkey -name prime256v1 -noout -out "$PKI/$name.key" 2>/dev/null
	openssl req -new -utf8 -key "$PKI/$name.key" -subj "$subject" |
		openssl x509 -req -sha256 -days 365 -set_serial "0x01$(openssl rand -hex 15)" \
			-CA "$CLUSTER_PKI/ca.crt" -CAkey "$CLUSTER_PKI/ca.key" \
			-extfile <(printf 'basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\n%s\n' "$extensions") \
			-out "$PKI/$name.crt" 2>/dev/null
}

# subject USER GROUP...: the certificate's name for a Kubernetes user.
subject() {
	local user=$1 group
	shift
	for group in "$@"; do
		printf '/O=%s' "${group//\//\\/}"
	done
	printf '/CN=%s' "${user//\//\\/}"
}

client() {
	local name=$1
	shift
	sign "$name" "$(subject "$@")" extendedKeyUsage=clientAuth
}

server() {
	sign "$1" "$(subject "$2" system:nodes)" "extendedKeyUsage=serverAuth
subjectAltName=$3"
}

# kubeconfig NAME [NAMESPACE]: a kubeconfig on standard output for the client
# certificate NAME, all data embedded.
kubeconfig() {
	local name=$1 namespace=${2:-default}
	cat <<EOF
apiVersion: v1
kind: Config
clusters:
- name: agentsandbox
  cluster:
    server: $API_URL
    certificate-authority-data: $(base64 -w0 "$CLUSTER_PKI/ca.crt")
users:
- name: $name
  user:
    client-certificate-data: $(base64 -w0 "$PKI/$name.crt")
    client-key-data: $(base64 -w0 "$PKI/$name.key")
contexts:
- name: agentsandbox
  context: {cluster: agentsandbox, user: $name, namespace: $namespace}
current-context: agentsandbox
EOF
}

make_pki() {
	local name
	[[ -e $ADMIN_KUBECONFIG ]] && return
	PKI=$CLUSTER_PKI
	rm -rf "$PKI"
	mkdir -m 700 "$PKI"
	openssl ecparam -genkey -name prime256v1 -noout -out "$PKI/ca.key" 2>/dev/null
	openssl req -x509 -new -sha256 -days 365 -key "$PKI/ca.key" -subj /CN=agentsandbox-cluster \
		-addext keyUsage=critical,keyCertSign,cRLSign -out "$PKI/ca.crt"
	openssl ecparam -genkey -name prime256v1 -noout -out "$PKI/service-accounts.key" 2>/dev/null
	openssl ec -in "$PKI/service-accounts.key" -pubout -out "$PKI/service-accounts.pub" 2>/dev/null

	server apiserver kube-apiserver "IP:$NODE_IP,IP:$API_SERVICE_IP,IP:127.0.0.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"
	server kubelet-server "system:node:$NODE_NAME" "IP:$NODE_IP,DNS:$NODE_NAME"
	client admin kubernetes-admin system:masters
	client apiserver-kubelet kube-apiserver-kubelet-client system:masters
	client controller-manager system:kube-controller-manager
	client scheduler system:kube-scheduler
	client kubelet "system:node:$NODE_NAME" system:nodes
	client coredns system:coredns
	for name in controller-manager scheduler kubelet coredns; do
		kubeconfig "$name" >"$PKI/$name.kubeconfig"
	done
	kubeconfig admin >"$ADMIN_KUBECONFIG.new"
	chmod 600 "$ADMIN_KUBECONFIG.new"
	mv "$ADMIN_KUBECONFIG.new" "$ADMIN_KUBECONFIG"
}

# user_kubeconfig NAMESPACE NAME GROUP...: a new user's kubeconfig on standard
# output; nothing is kept.
user_kubeconfig() {
	local namespace=$1 status=0
	shift
	PKI=$(mktemp -d)
	{ client user "$@" && kubeconfig user "$namespace"; } || status=$?
	rm -rf "$PKI"
	return "$status"
}

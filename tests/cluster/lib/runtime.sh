# shellcheck shell=bash
# The node's container runtime: containerd with runc, gVisor and the CNI plugins, and the
# registry that refuses every image. containerd is configured here only: further
# runtimes get their handler in containerd_config.

CONTAINERD_SOCKET=/run/containerd/containerd.sock

ctr_k8s() {
	on_node "${ARTEFACT[runtime]}/usr/bin/ctr" --address "$CONTAINERD_SOCKET" --namespace k8s.io "$@"
}

# No capability to lower oom_score_adj is assumed: without restrict_oom_score_adj
# every pod would fail on a machine that lacks it.
containerd_config() {
	cat <<EOF
version = 2
root = "$DATA/containerd"
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs",
  "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing",
]

[grpc]
  address = "$CONTAINERD_SOCKET"

[plugins."io.containerd.internal.v1.opt"]
  path = "$DATA/containerd-opt"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$PAUSE_IMAGE"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  max_concurrent_downloads = 10
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${ARTEFACT[runtime]}/usr/lib/cni"
    conf_dir = "$DATA/cni"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "$DATA/registries"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        BinaryName = "${ARTEFACT[runtime]}/usr/sbin/runc"
        SystemdCgroup = false
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runsc]
      runtime_type = "io.containerd.runsc.v1"
      pod_annotations = ["dev.gvisor.*"]
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runsc.options]
        TypeUrl = "io.containerd.runsc.v1.options"
        ConfigPath = "$DATA/runsc.toml"
EOF
}

# systrap needs no virtualisation of the machine.
runsc_config() {
	cat <<EOF
binary_name = "${ARTEFACT[gvisor]}/runsc"
[runsc_config]
  platform = "systrap"
EOF
}

cni_config() {
	cat <<EOF
{"cniVersion": "0.4.0", "name": "cluster", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": false,
   "ipam": {"type": "host-local", "ranges": [[{"subnet": "$POD_RANGE"}]],
            "routes": [{"dst": "0.0.0.0/0"}]}}]}
EOF
}

# registry_host HOST URL: images of HOST come from URL.
registry_host() {
	mkdir -p "$DATA/registries/$1"
	printf 'server = "%s"\n[host."%s"]\n  capabilities = ["pull", "resolve"]\n' "$2" "$2" \
		>"$DATA/registries/$1/hosts.toml"
}

# On port 5999 nothing listens. A host that is not listed has no address, which
# is what unreachable.test is for.
registry_configs() {
	registry_host docker.io http://127.0.0.1:5000
	registry_host registry.test http://127.0.0.1:5000
	registry_host refusing.test http://127.0.0.1:5999
}

start_registry() {
	daemon_start registry "${ARTEFACT[helpers]}/registry" --listen 127.0.0.1:5000
}

start_containerd() {
	mkdir -p "$DATA/cni"
	containerd_config >"$DATA/containerd.toml"
	runsc_config >"$DATA/runsc.toml"
	cni_config >"$DATA/cni/10-cluster.conflist"
	registry_configs
	daemon_start containerd \
		env PATH="${ARTEFACT[runtime]}/usr/bin:${ARTEFACT[runtime]}/usr/sbin:${ARTEFACT[gvisor]}:$PATH" \
		"${ARTEFACT[runtime]}/usr/bin/containerd" --config "$DATA/containerd.toml" --log-level info
	daemon_ready containerd 30 ctr_k8s version
}

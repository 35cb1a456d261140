# shellcheck shell=bash disable=SC2034
# The node: a mount and a network namespace held by one process ("holder").
#
# No mount of the cluster is ever seen on the machine, and when the last of its
# processes ends, so do the mounts, the namespaces, the pods' networks and the
# link to the machine. The addresses are ones reserved for documentation; those
# of 192.0.2.0/24 are left alone, for virtual machines are found to use them.

# Each cluster has a link of its own; behind it all use the same addresses.
HOST_LINK=asb-cluster${NAME#agentsandbox-cluster}
HOST_IP=198.51.100.$((253 - 4 * NUMBER))
NODE_IP=198.51.100.$((254 - 4 * NUMBER))
LINK_RANGE=198.51.100.$((252 - 4 * NUMBER))/30
NODE_NAME=node
POD_RANGE=203.0.113.0/24
SERVICE_RANGE=198.51.100.0/25
API_SERVICE_IP=198.51.100.1
DNS_IP=198.51.100.10
API_URL=https://$NODE_IP:443

# Paths that containerd, the kubelet and the volume provisioner have compiled in;
# on the node they lead into $DATA/node.
NODE_PATHS=(/run/containerd /var/lib/kubelet /var/lib/cni /var/log /tmp/hostpath_pv)

# Kernel settings that the kubelet changes for the whole machine.
KUBELET_SYSCTLS=(vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops
	kernel/keys/root_maxkeys kernel/keys/root_maxbytes)

on_node() {
	local holder
	holder=$(daemon_pid holder) || die "the cluster is not up"
	nsenter --target "$holder" --mount --net -- "$@"
}

holder_separate() {
	local holder
	holder=$(daemon_pid holder) || return 1
	[[ $(readlink "/proc/$holder/ns/net") != "$(readlink /proc/self/ns/net)" ]]
}

# What is changed of the machine stands in $MACHINE: the first cluster finds the machine as it was,
# the last one leaves it so.
other_clusters() {
	local dir
	for dir in /run/agentsandbox-cluster /run/agentsandbox-cluster-[1-9]; do
		[[ $dir == "$RUN" || ! -d $dir ]] || return 0
	done
	return 1
}

save_sysctls() {
	local name
	[[ -e $MACHINE/sysctls ]] && return
	mkdir -p "$MACHINE"
	cat /proc/sys/kernel/random/boot_id >"$MACHINE/boot"
	for name in "${KUBELET_SYSCTLS[@]}"; do
		echo "$name $(cat "/proc/sys/$name")"
	done >"$MACHINE/sysctls.new"
	mv "$MACHINE/sysctls.new" "$MACHINE/sysctls"
}

# Puts back what save_sysctls saw, unless the machine has been booted since.
restore_sysctls() {
	local name value
	[[ -e $MACHINE/sysctls ]] && cmp -s "$MACHINE/boot" /proc/sys/kernel/random/boot_id || return 0
	while read -r name value; do
		echo "$value" >"/proc/sys/$name" || note "cannot restore $name to $value"
	done <"$MACHINE/sysctls"
}

node_mounts() {
	local path
	for path in "${NODE_PATHS[@]}"; do
		# Recorded first, so that a directory made here is always removed again.
		[[ -d $path ]] || { echo "$path" >>"$MACHINE/made-paths" && mkdir -p "$path"; }
		mkdir -p "$DATA/node$path"
	done
	# The node asks the cluster's DNS, not the machine's, which it cannot reach.
	echo "nameserver $DNS_IP" >"$DATA/resolv.conf"
	# shellcheck disable=SC2016
	on_node bash -c 'mount --make-rshared / && data=$1 && shift &&
		mount --bind "$data/resolv.conf" /etc/resolv.conf &&
		for path; do mount --bind "$data/node$path" "$path" || exit; done' \
		bash "$DATA" "${NODE_PATHS[@]}"
}

# Whether no address or route of the machine, but the default one, is in the way.
link_range_free() {
	[[ -z $(ip -4 address show to "$LINK_RANGE") ]] &&
		! ip -4 route show match "$LINK_RANGE" | grep -qv ^default &&
		[[ -z $(ip -4 route show root "$LINK_RANGE") ]]
}

node_network() {
	local holder
	holder=$(daemon_pid holder)
	link_range_free || die "$LINK_RANGE is in use on this machine"
	ip link add "$HOST_LINK" type veth peer name eth0 netns "$holder"
	echo 1 >"/proc/sys/net/ipv6/conf/$HOST_LINK/disable_ipv6" 2>/dev/null || true
	ip address add "$HOST_IP/${LINK_RANGE#*/}" dev "$HOST_LINK"
	ip link set "$HOST_LINK" up
	# With forwarding on and no route out, pods learn at once that there is none.
	# shellcheck disable=SC2016
	on_node bash -ec '
		echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6 2>/dev/null || true
		echo 1 >/proc/sys/net/ipv4/ip_forward
		ip link set lo up
		ip address add "$1" dev eth0
		ip link set eth0 up
		shift
		for address; do ip address add "$address/32" dev lo; done' \
		bash "$NODE_IP/${LINK_RANGE#*/}" "$API_SERVICE_IP" "$DNS_IP"
}

node_start() {
	mkdir -p "$RUN" "$DATA/log"
	chmod 700 "$RUN"
	save_sysctls
	cgroup_create
	daemon_spawn holder unshare --mount --net --propagation slave sleep infinity
	daemon_ready holder 10 holder_separate
	node_mounts
	node_network
	touch "$RUN/node-complete"
}

# Whether the node stands as node_start left it.
node_intact() {
	[[ -e $RUN/node-complete && -d /sys/class/net/$HOST_LINK ]] && daemon_alive holder
}

# shellcheck shell=bash
# Taking the cluster down, from whatever state it was left in: running, cut short
# while starting, killed in part, or only files left from before a reboot.

link_gone() {
	ip link delete "$HOST_LINK" 2>/dev/null || true
	[[ ! -e /sys/class/net/$HOST_LINK ]]
}

remove_made_paths() {
	local path
	[[ -e $MACHINE/made-paths ]] || return 0
	while read -r path; do
		rmdir "$path" 2>/dev/null || true
	done <"$MACHINE/made-paths"
}

# A directory can be removed while it is a mount point elsewhere, which ends that mount: so only
# when no other cluster uses it.
leave_machine() {
	restore_sysctls
	remove_made_paths
	rm -rf --one-file-system "$MACHINE"
}

anything_left() {
	local mount
	[[ -e $RUN || -e $DATA || -e /sys/class/net/$HOST_LINK ]] && return
	for mount in $(cgroup_hierarchies); do
		[[ ! -e $mount/$CGROUP ]] || return 0
	done
	return 1
}

teardown() {
	poll 30 cgroup_kill_round || die "processes that cannot be killed: $(cgroup_processes | xargs)"
	poll 10 link_gone || die "$HOST_LINK cannot be removed"
	poll 10 cgroup_remove_round || die "control groups that cannot be removed: $CGROUP"
	other_clusters || leave_machine
	# The state directory goes last: it tells that there is something to undo.
	rm -rf --one-file-system "$DATA"
	rm -rf --one-file-system "$RUN"
}

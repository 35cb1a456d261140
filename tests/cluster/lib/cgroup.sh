# shellcheck shell=bash
# The cluster's own control groups, by which all its processes are found.
#
# /$NAME exists in every hierarchy: below it "pods" is the
# kubelet's cgroupRoot, and "daemons/NAME" (in one hierarchy) holds a daemon and
# what it started. Nothing outside these groups is ever signalled or removed.

CGROUP=$NAME

# Mount points of all hierarchies, v1 and v2.
cgroup_hierarchies() {
	awk '{ for (i = 7; $i != "-"; i++); if ($(i + 1) ~ /^cgroup2?$/ && $4 == "/") print $5 }' \
		/proc/self/mountinfo | sort -u
}

# The hierarchy that daemons are kept in: one is enough to find them, and the
# others, memory above all, stay with whoever accounts for the caller.
cgroup_daemons() {
	local mount
	for mount in /sys/fs/cgroup/pids /sys/fs/cgroup; do
		[[ -e $mount/cgroup.procs ]] && break
	done
	echo "$mount/$CGROUP/daemons"
}

cgroup_create() {
	local mount group file
	for mount in $(cgroup_hierarchies); do
		for group in "$mount/$CGROUP" "$mount/$CGROUP/pods"; do
			mkdir -p "$group"
			# In a cpuset of version 1 nothing can run until these are set.
			for file in cpuset.cpus cpuset.mems; do
				[[ ! -e $group/cgroup.clone_children || ! -e $group/$file ]] ||
					cat "${group%/*}/$file" >"$group/$file"
			done
		done
	done
	mkdir -p "$(cgroup_daemons)"
}

# Pids of all processes in the cluster's groups.
cgroup_processes() {
	local mount
	for mount in $(cgroup_hierarchies); do
		[[ ! -d $mount/$CGROUP ]] ||
			find "$mount/$CGROUP" -name cgroup.procs -exec cat {} + 2>/dev/null || true
	done | sort -un
}

cgroup_kill_round() {
	local pids
	pids=$(cgroup_processes)
	[[ -n $pids ]] || return 0
	# shellcheck disable=SC2086
	kill -KILL $pids 2>/dev/null || true
	return 1
}

cgroup_remove_round() {
	local mount left=0
	for mount in $(cgroup_hierarchies); do
		[[ -d $mount/$CGROUP ]] || continue
		find "$mount/$CGROUP" -depth -type d -exec rmdir {} + 2>/dev/null || left=1
	done
	return "$left"
}

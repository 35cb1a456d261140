# shellcheck shell=bash disable=SC2034
# Daemons: started in the node's namespaces, each in a control group of its own,
# with a log of its own, and with no tie to the shell that ran the script.
#
# A daemon runs if the pid recorded for it is still in the daemon's group: a pid
# used again by somebody else never is.

daemon_pid() {
	local pid
	pid=$(cat "$RUN/pid/$1" 2>/dev/null) || return 1
	grep -qx "$pid" "$(cgroup_daemons)/$1/cgroup.procs" 2>/dev/null && echo "$pid"
}

daemon_alive() {
	daemon_pid "$1" >/dev/null
}

# daemon_spawn NAME COMMAND...: starts COMMAND, in the caller's namespaces.
daemon_spawn() {
	local name=$1 group
	shift
	group=$(cgroup_daemons)/$name
	mkdir -p "$group" "$RUN/pid" "$DATA/log"
	(
		for fd in /proc/"$BASHPID"/fd/*; do
			fd=${fd##*/}
			((fd <= 2)) || eval "exec $fd>&-"
		done
		echo "$BASHPID" >"$group/cgroup.procs"
		trap - EXIT
		cd /
		exec setsid "$@"
	) </dev/null >>"$DATA/log/$name.log" 2>&1 &
	# Both put it into the group: the child so that all it starts is in there,
	# this shell so that it is in there on return.
	echo $! >"$group/cgroup.procs" 2>/dev/null || true
	echo $! >"$RUN/pid/$name"
}

# daemon_start NAME COMMAND...: starts COMMAND on the node unless NAME runs.
daemon_start() {
	local name=$1 holder
	shift
	daemon_alive "$name" && return
	holder=$(daemon_pid holder)
	daemon_spawn "$name" nsenter --target "$holder" --mount --net -- "$@"
}

daemon_stopped() {
	! daemon_alive "$1"
}

daemon_stop() {
	local pid
	pid=$(daemon_pid "$1") || return 0
	kill "$pid"
	poll 30 daemon_stopped "$1"
}

# daemon_ready NAME SECONDS CHECK...: waits until CHECK is true; ends the script
# with the daemon's log when the daemon is gone or the time is over.
daemon_ready() {
	local name=$1 deadline=$((SECONDS + $2))
	shift 2
	CURRENT_LOG=$DATA/log/$name.log
	until "$@" >/dev/null 2>&1; do
		if ! daemon_alive "$name"; then
			note "$name ended"
			return 1
		fi
		if ((SECONDS >= deadline)); then
			note "$name is not ready in time"
			return 1
		fi
		sleep 0.1
	done
	CURRENT_LOG=
}

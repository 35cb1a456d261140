# shellcheck shell=bash
# Messages, timed steps and waiting.
#
# Every other file may use these. A function that fails ends the script with
# the name of the step and the tail of its log; nothing here changes the machine.

# Where messages go even while a step's own output goes to a log. Daemons close
# all descriptors but their own, so none of them keeps it open.
exec {TERMINAL}>&2

die() {
	printf 'cluster: %s\n' "$*" >&"$TERMINAL"
	CURRENT_STEP=
	exit 1
}

note() {
	printf 'cluster: %s\n' "$*" >&"$TERMINAL"
}

# step TEXT COMMAND...: runs COMMAND in this shell and prints how long it took.
step() {
	local text=$1 begin=${EPOCHREALTIME/./} took
	CURRENT_STEP=$1
	shift
	"$@"
	took=$((${EPOCHREALTIME/./} - begin))
	printf '%-44s %4d.%d s\n' "$text" $((took / 1000000)) $((took / 100000 % 10))
	CURRENT_STEP=
}

# The trap of the whole script: says what was under way when it failed.
explain_exit() {
	local status=$?
	((status != 0)) && [[ -n ${CURRENT_STEP:-} ]] || return 0
	note "failed: $CURRENT_STEP"
	if [[ -s ${CURRENT_LOG:-} ]]; then
		note "end of $CURRENT_LOG:"
		tail -n 20 "$CURRENT_LOG" >&"$TERMINAL"
	fi
}

# poll SECONDS COMMAND...: true once COMMAND is, false when the time is over.
poll() {
	local deadline=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		((SECONDS < deadline)) || return 1
		sleep 0.1
	done
}

# Ends with a message unless every named program can be found.
need_programs() {
	local program
	for program in "$@"; do
		type -P "$program" >/dev/null || die "$program: not found"
	done
}

# take_lock FILE: waits for the lock and holds it until the script ends.
# Daemons close every inherited descriptor, so none of them keeps it.
take_lock() {
	local fd
	mkdir -p "${1%/*}"
	exec {fd}>"$1"
	flock --nonblock "$fd" && return
	note "waiting for another cluster command"
	flock --timeout 1200 "$fd" || die "$1: still locked after 20 minutes"
}

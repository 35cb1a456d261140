# SPDX-License-Identifier: Apache-2.0
#
# common.bash - what the benches share: the cluster of the tests, a user who has our Role, a machine that has little else to do.
# They are run in the repository's root, and find there: $out, $machine, $cluster; calm.

out=$PWD/build/bench
mkdir -p "$out"
[ -n "${AGENTSANDBOX_TEST_KUBECONFIG:-}" ] || tests/cluster/cluster up >"$out/cluster-up.log" 2>&1 ||
  { tail -n 20 "$out/cluster-up.log" >&2 && exit 1; }

# The e2e tests' cluster, user and questions; the helper expects to be loaded by bats.
bats_require_minimum_version() { :; }
BATS_FILE_TMPDIR=$(mktemp -d)
# shellcheck source=tests/e2e/helper.bash
. tests/e2e/helper.bash
cluster_setup
cd "$ROOT" || exit 1
export KUBECONFIG=$USER_KUBECONFIG HOME=$BATS_FILE_TMPDIR # kubectl's caches are filled by the first round

cpu_times() { awk '/^cpu / { print $5 + $6, $2 + $3 + $4 + $5 + $6 + $7 + $8 }' /proc/stat; } # idle, all
calm() { # most of the machine was idle for a moment
  local idle all idle_then all_then
  read -r idle_then all_then < <(cpu_times)
  sleep 0.3
  read -r idle all < <(cpu_times)
  [ $(((idle - idle_then) * 10)) -ge $(((all - all_then) * 7)) ]
}

# shellcheck disable=SC2034 # for the reports
machine="$(nproc) cores, $(awk '/^MemTotal/ {printf "%.0f GiB", $2 / 1048576}' /proc/meminfo), Linux $(uname -r | cut -d. -f1,2)"
# shellcheck disable=SC2034
cluster="Kubernetes $(admin version -o json 2>/dev/null | jq -r .serverVersion.gitVersion)"

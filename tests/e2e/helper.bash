# SPDX-License-Identifier: Apache-2.0
#
# helper.bash - what every e2e file shares: a cluster, a user who has nothing but our Role, and questions about what is left.
#
#   asb ARG...          kubectl agentsandbox ARG... as that user, through kubectl's own plugin discovery
#   admin ARG...        kubectl ARG... as cluster admin
#   user NAME           makes a ServiceAccount e2e-users/NAME and prints a kubeconfig with its token (no rights yet)
#   within SECONDS CMD  polls until CMD succeeds
#   gone NAME           no Sandbox, pod or ConfigMap of that run is left in namespace computer (waits for garbage collection)
bats_require_minimum_version 1.5.0

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
NS=computer

within() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $deadline ] || return 1
    sleep 0.1
  done
}

admin() { KUBECONFIG=$ADMIN_KUBECONFIG kubectl "$@"; }
asb() { KUBECONFIG=$USER_KUBECONFIG kubectl agentsandbox "$@"; }
as_user() { KUBECONFIG=$1 kubectl agentsandbox "${@:2}"; }

user() { # a kubeconfig with a token; context namespace: default, or $2
  local token server
  admin -n e2e-users create serviceaccount "$1" --dry-run=client -o yaml | admin apply -f - >/dev/null
  token=$(admin -n e2e-users create token "$1" --duration=4h)
  server=$(admin config view --minify --raw -o jsonpath='{.clusters[0].cluster.server}')
  cat <<END
apiVersion: v1
kind: Config
current-context: e2e
contexts: [{name: e2e, context: {cluster: c, user: u, namespace: ${2:-default}}}]
clusters: [{name: c, cluster: {server: "$server", certificate-authority-data: $(admin config view --minify --raw -o jsonpath='{.clusters[0].cluster.certificate-authority-data}')}}]
users: [{name: u, user: {token: "$token"}}]
END
}

grant() { # grant NAME ROLE: the user gets that Role of namespace computer
  admin -n $NS create rolebinding "e2e-$1" --role="$2" --serviceaccount="e2e-users:$1" --dry-run=client -o yaml |
    admin apply -f - >/dev/null
}

cluster_setup() { # in setup_file
  if [ -n "${AGENTSANDBOX_TEST_KUBECONFIG:-}" ]; then
    export ADMIN_KUBECONFIG=$AGENTSANDBOX_TEST_KUBECONFIG
  else
    ADMIN_KUBECONFIG=$("$ROOT/tests/cluster/cluster" kubeconfig)
    PATH=$("$ROOT/tests/cluster/cluster" run -- printenv PATH)
    export ADMIN_KUBECONFIG
  fi
  export PATH="$ROOT/build:$PATH"
  export XDG_CONFIG_HOME=$BATS_FILE_TMPDIR/no-config # not the developer's settings
  export USER_KUBECONFIG=$BATS_FILE_TMPDIR/user.kubeconfig
  admin apply -k "$ROOT/manifests" >/dev/null
  admin create namespace e2e-users --dry-run=client -o yaml | admin apply -f - >/dev/null
  user agent-user >"$USER_KUBECONFIG"
  grant agent-user kubectl-agentsandbox-user
  cd "$BATS_FILE_TMPDIR" || return 1
}

left() { # what of a run still exists
  admin -n $NS get sandboxes,pods,configmaps -o name 2>/dev/null | grep -E "/$1(-|\$)"
}
nothing_left() { ! left "$1" >/dev/null; }
gone() { within "${2:-20}" nothing_left "$1" || { left "$1"; return 1; }; }

unique() { echo "e2e-$1-$$-$RANDOM"; }

sandbox_exists() { admin -n $NS get sandbox "$1" >/dev/null 2>&1; }
no_sandbox() { ! sandbox_exists "$1"; }
pod_runs() { [ "$(admin -n $NS get pod "$1" -o jsonpath='{.status.containerStatuses[0].state.running.startedAt}' 2>/dev/null)" != "" ]; }
ended() { ! kill -0 "$1" 2>/dev/null; }

background() { # background ARG...: the plugin itself with the user's kubeconfig; its pid is in $plugin
  # a shell's background job ignores SIGINT; a user's does not
  KUBECONFIG=${KUBECONFIG_OF:-$USER_KUBECONFIG} env --default-signal=INT,QUIT kubectl-agentsandbox "$@" &
  plugin=$!
  within 10 started $plugin
}
started() { # the kernel keeps 15 characters of a name
  grep -q '^kubectl-agentsa' "/proc/$1/comm" 2>/dev/null || ended "$1"
}
ends_with() { # ends_with CODE SECONDS: the plugin in the background ends with that status
  local code=0
  within "$2" ended $plugin || { echo "still running after $2 s"; kill -KILL $plugin; return 1; }
  wait $plugin || code=$?
  [ "$code" -eq "$1" ] || { echo "exit status $code instead of $1"; return 1; }
}

elapsed_below() { # elapsed_below START SECONDS
  [ $((SECONDS - $1)) -le "$2" ] || { echo "took $((SECONDS - $1)) s"; return 1; }
}

# SPDX-License-Identifier: Apache-2.0
#
# helper.bash - what every e2e file shares: a cluster, a user who has nothing but our Role, and questions about what is left.
#
#   asb ARG...          kubectl agentsandbox ARG... as that user, through kubectl's own plugin discovery
#   admin ARG...        kubectl ARG... as cluster admin
#   user NAME           makes a ServiceAccount e2e-users/NAME and prints a kubeconfig with its token (no rights yet)
#   within SECONDS CMD  polls until CMD succeeds
#   gone NAME           nothing of that run is left in namespace computer (waits for garbage collection)
#   remove NAME         deletes what a run has kept, of whatever kind
#   pod_of NAME         its pod
#
# run.bats, exec.bats and cell.bats hold in every cell of tests/e2e/matrix. What a cell is comes from the environment,
# and goes to the plugin as settings, so that no test has to know (cell_setup, cell_ready, cell_teardown):
#
#   E2E_MODE     cold (default): a Sandbox for each run; warm: claimed from a pool; k8s: a plain pod; held: as cold, and
#                `exec` goes through the process that it leaves in the background
#   E2E_RUNTIME  runc (default) or gvisor
bats_require_minimum_version 1.5.0

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
NS=computer
export KUBECTL_AGENTSANDBOX_PERSIST=${E2E_PERSIST:-no} # no process stays in the background; persist.bats is about those

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
  export KUBECACHEDIR=$BATS_FILE_TMPDIR/kube-cache # which versions there are is not what it was an hour ago
  E2E_KINDS=$({ # claims are there with agent-sandbox's extensions only
    admin api-resources -o name | grep -E '^sandbox(claims|es)\.' | sort
    printf '%s\n' pods configmaps
  } | paste -sd,)
  export E2E_KINDS
  admin apply -k "$ROOT/manifests" >/dev/null
  admin create namespace e2e-users --dry-run=client -o yaml | admin apply -f - >/dev/null
  user agent-user >"$USER_KUBECONFIG"
  grant agent-user kubectl-agentsandbox-user
  cd "$BATS_FILE_TMPDIR" || return 1
}

# --- cells ---

cell_setup() { # in setup_file, behind cluster_setup
  export E2E_MODE=${E2E_MODE:-cold} E2E_RUNTIME=${E2E_RUNTIME:-runc}
  export E2E_POOL=e2e-$E2E_RUNTIME-$$
  [ "$E2E_RUNTIME" = runc ] || export AGENTSANDBOX_RUNTIME_CLASS=$E2E_RUNTIME
  case $E2E_MODE in
  cold) ;;
  held)
    XDG_RUNTIME_DIR=$(mktemp -d /tmp/asb-held.XXXXXX)
    export XDG_RUNTIME_DIR KUBECTL_AGENTSANDBOX_PERSIST=60s
    ;;
  k8s) export AGENTSANDBOX_SANDBOX=k8s ;;
  warm)
    asb pool create "$E2E_POOL" --size 3 >/dev/null
    export AGENTSANDBOX_POOL=$E2E_POOL
    ;;
  *)
    echo "E2E_MODE=$E2E_MODE: cold, held, warm or k8s"
    return 1
    ;;
  esac
}
cell_teardown() { # in teardown_file, behind the sandboxes: the processes that held their connections end with them
  [ "$E2E_MODE" != warm ] || asb pool delete "$E2E_POOL" >/dev/null
  [ "$E2E_MODE" != held ] || { within 60 nothing_held && rm -rf "$XDG_RUNTIME_DIR"; }
}
nothing_held() { [ -z "$(find "$XDG_RUNTIME_DIR" ! -type d)" ]; }
cell_ready() { # in setup: what is called warm is warm
  [ "$E2E_MODE" != warm ] || within 120 pool_has 2
}
pool_has() { # N sandboxes that wait; the first releases count only those that are there, and pods are the pool's own
  admin -n $NS get sandboxwarmpools,pods -o json | jq -e --arg p "$E2E_POOL" --argjson n "$1" '
    ([.items[] | select(.kind == "SandboxWarmPool" and .metadata.name == $p).status.readyReplicas // 0] +
     [[.items[] | select(.kind == "Pod" and any(.metadata.ownerReferences[]?; .kind == "SandboxWarmPool" and .name == $p)
       and any(.status.conditions[]?; .type == "Ready" and .status == "True"))] | length]) | max >= $n' >/dev/null
}

# Notes may be said: that a plain pod has a fixed end, that the pool was empty.
without_notes() { grep -v '^note: ' <<<"$1" || true; }

# --- what there is, and what is left ---

left() { # what of a run still exists: it is named so, or belongs to what is
  admin -n $NS get "$E2E_KINDS" -o json | jq -er --arg n "$1" '.items[] | .metadata as $m | .kind + "/" + $m.name
    | select(([$m.name, $m.ownerReferences[]?.name] | any(. == $n)) or ($m.name | startswith($n + "-")))'
}
nothing_left() { ! left "$1" >/dev/null; }
gone() { within "${2:-60}" nothing_left "$1" || { left "$1"; return 1; }; }

remove() { # what it is made of goes with it
  local kind
  for kind in ${E2E_KINDS//,/ }; do
    [ "$kind" = configmaps ] || admin -n $NS delete "$kind" "$1" --ignore-not-found --wait=false >/dev/null
  done
  gone "$1"
}

sandbox_of() { # a claim has one of another name
  local name
  name=$(admin -n $NS get "$E2E_KINDS" -o json | jq -r --arg n "$1" '.items[]
    | select(.kind == "SandboxClaim" and .metadata.name == $n).status.sandbox | .name // .Name')
  echo "${name:-$1}"
}
pod_of() { # named as the Sandbox, but where early releases gave it a pod that was there before
  local sandbox
  sandbox=$(sandbox_of "$1")
  admin -n $NS get "$E2E_KINDS" -o json | jq -r --arg n "$sandbox" '[.items[]
    | select(.kind == "Sandbox" and .metadata.name == $n).metadata.annotations["agents.x-k8s.io/pod-name"] | values] + [$n] | .[0]'
}

unique() { echo "e2e-$1-$$-$RANDOM"; }

sandbox_exists() { admin -n $NS get sandbox "$1" >/dev/null 2>&1; }
no_sandbox() { ! sandbox_exists "$1"; }
pod_runs() { [ "$(admin -n $NS get pod "$1" -o jsonpath='{.status.containerStatuses[0].state.running.startedAt}' 2>/dev/null)" != "" ]; }
ended() { ! kill -0 "$1" 2>/dev/null; }

background() { # background ARG...: the plugin itself with the user's kubeconfig; its pid is in $plugin
  # a shell's background job ignores SIGINT; a user's does not
  KUBECONFIG=${KUBECONFIG_OF:-$USER_KUBECONFIG} env --default-signal=INT,QUIT kubectl-agentsandbox "$@" &
  plugin=$!
  within 30 started $plugin
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

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# incluster.bats - the plugin in a pod of the cluster, with nothing but the pod's ServiceAccount.
load helper

setup_file() {
  local box=$BATS_FILE_TMPDIR/box
  cluster_setup
  # the program with the libraries of this machine, whatever the image has
  mkdir "$box"
  ldd "$ROOT/build/kubectl-agentsandbox" | grep -oE '/[^ ]+' | xargs -I{} cp -L {} "$box"
  cp "$ROOT/build/kubectl-agentsandbox" "$box"
  ALLOWED=$(unique inside) POOR=$(unique inside)
  export ALLOWED POOR
  user poor-user >/dev/null
  pod "$ALLOWED" agent-user
  pod "$POOR" poor-user
}
teardown_file() { admin -n e2e-users delete pod "$ALLOWED" "$POOR" --ignore-not-found --wait=false >/dev/null; }

pod() { # pod NAME ACCOUNT
  admin -n e2e-users run "$1" --image=docker.io/library/debian:12 --restart=Never \
    --overrides="{\"spec\": {\"serviceAccountName\": \"$2\", \"terminationGracePeriodSeconds\": 0}}" -- sleep 600 >/dev/null
  admin -n e2e-users wait --for=condition=Ready "pod/$1" --timeout=90s >/dev/null
  tar -C "$BATS_FILE_TMPDIR/box" -c . | admin -n e2e-users exec -i "$1" -- sh -c 'mkdir /tmp/box && tar -C /tmp/box -x --no-same-owner'
}

inside() { # inside POD [NAME=VALUE...] -- ARG...
  local pod=$1 variables=()
  while shift && [ "$1" != -- ]; do variables+=("$1"); done
  admin -n e2e-users exec -i "$pod" -- env "${variables[@]}" /tmp/box/ld-linux-x86-64.so.2 --library-path /tmp/box \
    /tmp/box/kubectl-agentsandbox "${@:2}"
}

@test "in a pod no kubeconfig is needed" {
  run -0 --separate-stderr inside "$ALLOWED" -- config cluster -o json
  [ "$(jq -r '.source, .namespace, .credential, .identity.username' <<<"$output" | paste -sd' ')" = \
    'in-cluster e2e-users token system:serviceaccount:e2e-users:agent-user' ]
  run -0 --separate-stderr inside "$ALLOWED" POD_NAMESPACE=elsewhere -- config cluster -o json
  [ "$(jq -r .namespace <<<"$output")" = elsewhere ]
}

@test "a run in a pod has input, output and exit status, and leaves nothing" {
  local name
  name=$(unique incluster)
  # kubectl exec has a line of its own on stderr
  run -3 --separate-stderr inside "$ALLOWED" -- run -i -v=9 --name "$name" 'cat; echo carried; exit 3' <<<input
  [ "$output" = $'input\ncarried' ]
  # shellcheck disable=SC2154 # of bats
  [[ $stderr == *'> Authorization: <masked>'* ]]
  run -1 grep -F "$(admin -n e2e-users exec "$ALLOWED" -- cat /var/run/secrets/kubernetes.io/serviceaccount/token)" <<<"$stderr"
  gone "$name"
}

@test "a pod whose ServiceAccount has no rights is told which" {
  run -125 inside "$POOR" -- run true
  [[ $output == *sandboxes* && $output == *pods/exec* ]]
}

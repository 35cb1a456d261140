#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# kubeconfig.bats - a kubeconfig means the same to us and to kubectl: kubeconfig.table is given to both.
load helper
load kubeconfig.fixtures.bash

setup_file() {
  cluster_setup
  fixtures
  PATH=$DIR/bin:$PATH
  # shellcheck disable=SC2153 # of the fixtures
  HOST=${SERVER#https://}
  PORT=${HOST##*:} HOST=${HOST%:*}
  export PATH HOST PORT
}

teardown() { # what a test that failed has left running
  [ -z "${role:-}" ] || admin -n "$NS" delete rolebinding "$role" --ignore-not-found >/dev/null
}

# their_choice, our_choice FLAGS...: what each chose, "ok SERVER NAMESPACE IDENTITY" or "fails"
place() { # WHERE -> the words that stand before the command, in $before
  local word files=() pod='' variables=()
  before=(env -u KUBECONFIG -u HTTPS_PROXY -u HTTP_PROXY -u NO_PROXY -u https_proxy -u http_proxy -u no_proxy
    "HOME=$DIR/nohome" "XDG_CACHE_HOME=$BATS_FILE_TMPDIR/cache")
  for word in $1; do
    case $word in
    home) variables+=("HOME=$DIR/home") ;;
    nohome) ;;
    pod) pod=yes ;;
    pod-file) files+=("$DIR/pod") ;;
    *=*) variables+=("$word") ;;
    *) files+=("$DIR/$word") ;;
    esac
  done
  [ "${#files[@]}" -eq 0 ] || before+=("KUBECONFIG=$(IFS=: && echo "${files[*]}")")
  if [ -n "$pod" ]; then before=(in_pod "${before[@]}" "${variables[@]}"); else before+=("${variables[@]}"); fi
}

their_choice() {
  local log=$BATS_TEST_TMPDIR/kubectl.log identity server namespace
  identity=$("${before[@]}" kubectl auth whoami -o json "$@" -v=6 2>"$log" </dev/null) || { echo fails; return; }
  server=$(grep -o 'url="[^"]*"' "$log" | tail -1 | sed 's|url="\(.*\)/apis/authentication.*"|\1|')
  "${before[@]}" kubectl get pods/none --cache-dir="$BATS_FILE_TMPDIR/discovery" "$@" -v=6 >"$log" 2>&1 </dev/null || true
  namespace=$(grep -o 'namespaces/[^/]*/pods' "$log" | tail -1 | cut -d/ -f2)
  echo "ok $server $namespace $(jq -cS .status.userInfo <<<"$identity")"
}

our_choice() {
  local json
  json=$("${before[@]}" kubectl-agentsandbox config cluster -o json "$@" 2>"$BATS_TEST_TMPDIR/ours.log" </dev/null) || {
    [ $? -lt 126 ] && echo fails || echo crashed
    return
  }
  echo "ok $(jq -r '.server, .namespace' <<<"$json" | paste -sd' ') $(jq -cS .identity <<<"$json")"
}

# judge EXPECTED THEIRS OURS: prints what is wrong
judge() {
  [ "${2%% *}" = "$1" ] || echo "kubectl: $2 instead of $1"
  [ "$2" = "$3" ] || echo "kubectl: $2"$'\n'"ours:    $3 $(head -1 "$BATS_TEST_TMPDIR/ours.log")"
}

@test "kubectl and the plugin choose the same server, namespace and identity" {
  local name expected where flags count=0 wrong=0 before words problem
  while IFS='|' read -r name expected where flags; do
    case $name in '' | '#'*) continue ;; esac
    count=$((count + 1))
    # the words of the table are a shell's
    eval "where=\"$where\"; words=($flags)"
    place "$where"
    problem=$(judge "${expected// /}" "$(their_choice "${words[@]}")" "$(our_choice "${words[@]}")")
    [ -z "$problem" ] || { printf '%s\n%s\n' "- $name" "$problem"; wrong=$((wrong + 1)); }
  done <"$BATS_TEST_DIRNAME/kubeconfig.table"
  echo "$count lines, $wrong wrong"
  [ "$count" -ge 60 ]
  [ "$wrong" -eq 0 ]
}

@test "flags count before the command and behind it, among its own" {
  local who='.identity.username | split(":") | last'
  run -0 as_user "$DIR/main" --user b config cluster -o json
  [ "$(jq -r "$who" <<<"$output")" = kube-b ]
  run -0 as_user "$DIR/main" config --token "$TOKEN_B" cluster -o json
  [ "$(jq -r "$who" <<<"$output")" = kube-b ]
  run -0 as_user "$DIR/main" --user a config --user nothing cluster -o json --user b -n elsewhere
  [ "$(jq -r "($who), .sandboxNamespace" <<<"$output" | paste -sd' ')" = 'kube-b elsewhere' ]
  # behind run --user is the uid inside
  name=$(unique kubeconfig)
  run -0 --separate-stderr as_user "$USER_KUBECONFIG" --user u run --user 4321 --request-timeout 20s --name "$name" -v 'id -u'
  [ "$output" = 4321 ]
  gone "$name"
}

# --- what is chosen carries a run -------------------------------------------------------------------------------

config_of() { # config_of USER [CLUSTER-MEMBERS]: a kubeconfig of the cluster with that user's entry
  cat <<END
current-context: e2e
contexts: [{name: e2e, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "$SERVER", certificate-authority-data: $CA${2:-}}}]
users: [{name: u, user: $1}]
END
}

user_token() { KUBECONFIG=$USER_KUBECONFIG kubectl config view --raw -o jsonpath='{.users[0].user.token}'; }

# counting ANSWER: $BATS_TEST_TMPDIR/plugin prints that file and leaves a line in "runs"
counting() {
  printf '#!/bin/sh\necho run >>"%s/runs"\ncat "%s"\n' "$BATS_TEST_TMPDIR" "$1" >"$BATS_TEST_TMPDIR/plugin"
  chmod +x "$BATS_TEST_TMPDIR/plugin"
  config_of "{exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: ./plugin}}" \
    >"$BATS_TEST_TMPDIR/config"
}
plugin_answer() { # plugin_answer TOKEN: with an expiry
  jq -n --arg token "$1" '{kind: "ExecCredential", apiVersion: "client.authentication.k8s.io/v1",
    status: {token: $token, expirationTimestamp: (now + 3600 | todate)}}' >"$BATS_TEST_TMPDIR/answer"
}
runs() { wc -l <"$BATS_TEST_TMPDIR/runs"; }
plain_run() { # plain_run CONFIG ARG...: `run` as that configuration's user prints "carried"
  local config=$1 name
  name=$(unique kubeconfig)
  shift
  run --separate-stderr as_user "$config" run -i --name "$name" "$@" 'echo carried; cat' <<<input
  # shellcheck disable=SC2154 # of bats
  [ "$status $output" = $'0 carried\ninput' ] || { echo "$status $output $stderr"; return 1; }
  gone "$name"
}

@test "a kept credential that is refused is forgotten, and the plugin asked once more" {
  export XDG_CACHE_HOME=$BATS_TEST_TMPDIR/cache
  plugin_answer "$TOKEN_A"
  counting "$BATS_TEST_TMPDIR/answer"
  as_user "$BATS_TEST_TMPDIR/config" config cluster >/dev/null
  sed -i 's/"token":"[^"]*"/"token":"refused"/' "$XDG_CACHE_HOME"/kubectl-agentsandbox/credential-*
  plugin_answer "$(user_token)"
  plain_run "$BATS_TEST_TMPDIR/config"
  [ "$(runs)" -eq 2 ]
  # a plugin whose credentials are refused twice
  plugin_answer refused
  sed -i 's/"token":"[^"]*"/"token":"refused"/' "$XDG_CACHE_HOME"/kubectl-agentsandbox/credential-*
  run -125 as_user "$BATS_TEST_TMPDIR/config" config cluster
  [[ $output == *'You must be logged in to the server (Unauthorized)'* ]]
  [ "$(runs)" -eq 3 ]
}

@test "client certificates of a plugin, files and impersonation carry a run" {
  role=e2e-kubeconfig-$$
  admin -n $NS create rolebinding "$role" --role=kubectl-agentsandbox-user --user=e2e-ec --user=e2e-jane >/dev/null
  plain_run "$DIR/main" --context main --cluster good -v --request-timeout 20s --client-certificate "$DIR/ec.crt" \
    --client-key "$DIR/ec.key"
  counting "$DIR/answer-cert"
  plain_run "$BATS_TEST_TMPDIR/config"
  plain_run "$ADMIN_KUBECONFIG" --as e2e-jane --as-group g
  run -125 as_user "$ADMIN_KUBECONFIG" run --as e2e-nobody true
  [[ $output == *'missing'* ]]
}

@test "a pod's ServiceAccount carries a run" {
  local name token
  token=$(user_token)
  name=$(unique kubeconfig)
  run -0 --separate-stderr env TOKEN="$token" bash -c '
    cd "$(mktemp -d)" && mkdir account && cp "$DIR/ca.crt" account && echo "$TOKEN" >account/token && DIR=$PWD
    '"$(declare -f in_pod)"'
    in_pod env -u KUBECONFIG HOME=/nonexistent kubectl-agentsandbox run --name "$0" "echo carried"' "$name"
  [ "$output" = carried ]
  gone "$name"
}

# --- secrets ------------------------------------------------------------------------------------------------------

@test "the highest verbosity shows no secret" {
  local secret name log=$BATS_TEST_TMPDIR/log
  name=$(unique kubeconfig)
  export XDG_CACHE_HOME=$BATS_TEST_TMPDIR/cache
  plugin_answer "$(user_token)"
  counting "$BATS_TEST_TMPDIR/answer"
  as_user "$BATS_TEST_TMPDIR/config" run -v=10 --name "$name" true >"$log" 2>&1
  grep -q "POST $SERVER/apis/authorization.k8s.io/v1/selfsubjectrulesreviews 201 in " "$log"
  grep -q '^> Authorization: <masked>' "$log"
  for flags in "--user basic" "--user ecdata" "--user certtoken" "--user file" "--user oidc" "--user exec" "--user as" \
    "--token wr0ng-token" "--user basic --password s3cret-password --username joe" "--user execasuser"; do
    # shellcheck disable=SC2086 # words
    as_user "$DIR/main" config cluster -v=10 $flags >>"$log" 2>&1 || true
  done
  for secret in "$(user_token)" "$TOKEN_A" "$TOKEN_B" wr0ng-token s3cret-password "$(sed -n 2p "$DIR/ec.key")" \
    "$(sed -n 2p "$DIR/admin.key")" "$(base64 -w0 <"$DIR/ec.key")" "$(printf joe:pw | base64)"; do
    run -1 grep -F -- "$secret" "$log"
  done
  gone "$name"
}

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# credentials.bats - credential plugins: what they hand out carries a run though it expires or is refused on the way, is kept for
# nobody else, and is never said. Which plugins are accepted at all: kubeconfig.table.
load helper
load secrets.bash
load kubeconfig.fixtures.bash

setup_file() {
  cluster_setup
  export DIR=$BATS_FILE_TMPDIR/fixtures RIGHTS=e2e-credentials-$$
  mkdir "$DIR"
  SERVER=$(admin config view --minify --raw -o jsonpath='{.clusters[0].cluster.server}')
  CA=$(admin config view --minify --raw -o jsonpath='{.clusters[0].cluster.certificate-authority-data}')
  TOKEN=$(KUBECONFIG=$USER_KUBECONFIG kubectl config view --raw -o jsonpath='{.users[0].user.token}')
  export SERVER CA TOKEN
  openssl ecparam -name prime256v1 -genkey -noout -out "$DIR/credentials.key"
  signed credentials
  admin -n "$NS" create rolebinding "$RIGHTS" --role=kubectl-agentsandbox-user --user=e2e-credentials >/dev/null
  secret "$TOKEN" "$(sed -n 2p "$DIR/credentials.key")" "$(<"$DIR/credentials.key")" garbage-of-a-plugin pass-phrase
}

teardown_file() { admin -n "$NS" delete rolebinding "$RIGHTS" >/dev/null; }

# The plugin: leaves a line in "runs", and prints the answer of that number, else the file "answer". Its words are a program
# that may be run first.
setup() {
  cd "$BATS_TEST_TMPDIR" || return 1
  export XDG_CACHE_HOME=$BATS_TEST_TMPDIR/cache
  : >runs
  cat >plugin <<'END'
#!/bin/sh
cd "$(dirname "$0")" && echo run >>runs
[ $# -eq 0 ] || eval "$*" || exit
n=$(wc -l <runs)
if [ -e "answer-$n" ]; then cat "answer-$n"; else cat answer; fi
END
  chmod +x plugin
  config Never
}
teardown() { [ -z "${waiting:-}" ] || kill "$waiting" 2>/dev/null || true; }

config() { # config MODE [WORD [MEMBERS [CLUSTER-MEMBERS]]]
  cat >"$BATS_TEST_TMPDIR/config" <<END
current-context: e2e
contexts: [{name: e2e, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "$SERVER", certificate-authority-data: $CA${4:-}}}]
users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: $1, command: ./plugin, args: [${2:+"'$2'"}]${3:-}}}}]
END
}
hands_out() { # hands_out FILE SECONDS STATUS: an answer that expires so soon; 0: never
  jq -n --argjson status "$3" --argjson seconds "$2" '{kind: "ExecCredential", apiVersion: "client.authentication.k8s.io/v1",
    status: ($status + if $seconds > 0 then {expirationTimestamp: (now + $seconds | todate)} else {} end)}' >"$1"
}
token() { jq -n --arg t "$1" '{token: $t}'; }
pair() { jq -n --rawfile c "$DIR/credentials.crt" --rawfile k "$DIR/credentials.key" '{clientCertificateData: $c, clientKeyData: $k}'; }

asked() { [ "$(wc -l <runs)" -eq "$1" ] || { echo "asked $(wc -l <runs) times instead of $1"; return 1; }; }
calls() { recorded as_user "$PWD/config" "$@" -v=9; }
carried() { # carried SCRIPT: a run of it prints "carried"
  local name code=0
  name=$(unique credentials)
  recorded as_user "$PWD/config" run -v=9 --name "$name" "$1; echo carried" >out </dev/null || code=$?
  [ "$code $(<out)" = '0 carried' ] || { tail -n 5 err && return 1; }
  gone "$name"
}
fails_with() { # fails_with TEXT...
  local code=0
  calls config cluster >/dev/null </dev/null || code=$?
  [ $code -eq 125 ] || { echo "exit status $code" && return 1; }
  said "$@"
}

@test "a token that expires during a run is followed by another" {
  hands_out answer-1 13 "$(token "$TOKEN")" # 10 s before it expires it doesn't count any more
  hands_out answer 3600 "$(token "$TOKEN")"
  carried 'sleep 5'
  asked 2
  [ "$(stat -c %a cache/kubectl-agentsandbox/credential-*)" = 600 ]
  carried true
  asked 2
}

@test "a client certificate that expires during a run is followed by another" {
  hands_out answer-1 13 "$(pair)"
  hands_out answer 3600 "$(pair)"
  carried 'sleep 5'
  asked 2
  carried true
  asked 2
}

refused_now() { ! kubectl --kubeconfig "$USER_KUBECONFIG" --token "$1" auth whoami >/dev/null 2>&1; }

@test "a token that is refused during a run is followed by another, once" {
  local name bound
  name=$(unique credentials)
  admin -n e2e-users create secret generic "$name" >/dev/null
  bound=$(admin -n e2e-users create token agent-user --bound-object-kind Secret --bound-object-name "$name")
  secret "$bound"
  hands_out answer-1 3600 "$(token "$bound")"
  hands_out answer 3600 "$(token "$TOKEN")"
  mkfifo input
  exec 4<>input
  KUBECONFIG=$PWD/config kubectl-agentsandbox run -v=9 -i --name "$name" 'echo started; cat' <input >out 2>err 3>&- 4>&- &
  waiting=$!
  within 30 grep -q started out
  asked 1
  # it is as good as its Secret; the API server remembers for 10 s that it was
  admin -n e2e-users delete secret "$name" >/dev/null
  within 30 refused_now "$bound"
  echo input >&4
  exec 4>&-
  within 30 ended "$waiting"
  wait "$waiting"
  cat err >>"$BATS_FILE_TMPDIR/said"
  [ "$(<out)" = $'started\ninput' ]
  asked 2
  gone "$name"
}

on_a_terminal() { # on_a_terminal INPUT ARG...: its output
  local input=$1
  shift
  printf '%s\n' "$input" | KUBECONFIG=$PWD/config script -qec "kubectl agentsandbox $*" /dev/null | tee -a "$BATS_FILE_TMPDIR/said.terminal"
  return "${PIPESTATUS[1]}"
}

@test "a plugin may ask at the terminal, and what it then hands out is not kept" {
  local name
  name=$(unique credentials)
  hands_out answer 3600 "$(token "$TOKEN")"
  # shellcheck disable=SC2016 # for the plugin
  config IfAvailable 'case $KUBERNETES_EXEC_INFO in *interactive*true*) read -r word && test $word = pass-phrase ;; *) exit 5 ;; esac'
  run -0 on_a_terminal pass-phrase "run --name $name 'echo carried'"
  [[ $output == *carried* ]]
  run -0 on_a_terminal pass-phrase config cluster
  asked 2
  [ ! -e cache/kubectl-agentsandbox ]
  run -125 on_a_terminal wrong config cluster
  [[ $output == *'executable'*'failed with exit code 1'* ]]
  config Always
  fails_with 'standard input is not a terminal'
  asked 3
  gone "$name"
}

@test "a plugin that is missing or fails is named, and what it printed is not" {
  hands_out answer 3600 "$(token "$TOKEN")"
  sed 's|./plugin|e2e-no-such-plugin|; s|args:|installHint: "get it from https://plugin.test", args:|' config >other
  run -125 as_user "$PWD/other" run true
  [[ $output == *'executable e2e-no-such-plugin not found'*'hint: get it from https://plugin.test'* ]]
  config Never 'echo out of order >&2; exit 3'
  fails_with 'out of order' 'failed with exit code 3'
  config Never 'kill -KILL $$'
  fails_with 'was killed by signal 9'
  echo '{"token": garbage-of-a-plugin' >answer
  config Never
  fails_with 'is no ExecCredential in JSON'
  jq -n --arg t "$TOKEN" '{kind: "ExecCredential", apiVersion: "client.authentication.k8s.io/v1beta1", status: {token: $t}}' >answer
  fails_with 'returned another version'
  [ ! -e cache/kubectl-agentsandbox ]
}

@test "an interrupt ends a plugin that hangs, and us" {
  # shellcheck disable=SC2016 # for the plugin
  config Never 'echo $$ >pid; exec sleep 300'
  # a shell's background job ignores SIGINT, and is in the shell's process group
  KUBECONFIG=$PWD/config setsid env --default-signal=INT kubectl-agentsandbox config cluster >out 2>&1 3>&- &
  waiting=$!
  within 30 test -s pid
  kill -INT -- "-$waiting" # a terminal tells them all at once
  within 30 ended "$waiting"
  wait "$waiting" && return 1
  within 30 ended "$(<pid)"
}

again() { calls config cluster >/dev/null; }

@test "what is kept is for the same user, plugin and cluster, until it expires" {
  local kept
  hands_out answer 3600 "$(token "$TOKEN")"
  again
  again
  asked 1
  kept=$(echo cache/kubectl-agentsandbox/credential-*)
  config Never '' '' ', tls-server-name: kubernetes' # another cluster
  again
  asked 2
  config Never '' ', env: [{name: PROFILE, value: other}]' # another configuration
  again
  asked 3
  PROFILE=third again # and another environment
  asked 4
  config Never
  again
  asked 4
  sed -i 's/"expirationTimestamp":"[^"]*"/"expirationTimestamp":"2026-01-01T00:00:00Z"/' "$kept"
  again
  asked 5
  again
  asked 5
  chown 65534 "$kept" # another user's
  again
  asked 6
  [ "$(stat -c %u "$kept")" -eq "$(id -u)" ]
  chmod 644 "$kept"
  again
  asked 7
  [ "$(stat -c %a "$kept")" = 600 ]
  [ "$(stat -c %a cache/kubectl-agentsandbox)" = 700 ]
  rm -rf cache
  calls config cluster --no-credential-cache >/dev/null
  [ ! -e cache ]
}

@test "no secret was said" {
  cat "$BATS_FILE_TMPDIR/said.terminal" >>"$BATS_FILE_TMPDIR/said"
  sed -i '/^pass-phrase.*$/d' "$BATS_FILE_TMPDIR/said" # what the terminal echoed was typed
  no_secret_was_said 6
}

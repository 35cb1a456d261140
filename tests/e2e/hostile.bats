# SPDX-License-Identifier: Apache-2.0
#
# hostile.bats - an API server that can't be trusted (tests/faults/hostile.c) between the plugin, built with ASan and UBSan, and
# the real one: every case ends in time, with exit status 125 and an error that names it, and no credential goes elsewhere.

load helper

PLUGIN=$ROOT/build/san-address-undefined/kubectl-agentsandbox
LIMIT=90 # seconds; the longest is the heartbeat, 60

setup_file() {
  cluster_setup
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=hostile \
    -addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out cert.pem 2>/dev/null
  TOKEN=$(sed -n 's/.*token: "\(.*\)"}}\]/\1/p' "$USER_KUBECONFIG")
  SERVER=$(admin config view --minify --raw -o jsonpath='{.clusters[0].cluster.server}')
  export TOKEN SERVER
}

setup() { cd "$BATS_FILE_TMPDIR" || return 1; }

kubeconfig_for() { # kubeconfig_for PORT
  cat <<END
apiVersion: v1
kind: Config
current-context: h
contexts: [{name: h, context: {cluster: h, user: u}}]
clusters: [{name: h, cluster: {server: "https://127.0.0.1:$1", certificate-authority: "$BATS_FILE_TMPDIR/cert.pem"}}]
users: [{name: u, user: {${USER_OF:-token: "$TOKEN"}}}]
END
}

served() { [ -s "$1.port" ]; }

# one STAGE MISCHIEF: runs `true` through the hostile server; out, status and what went astray are left in files
one() {
  local case=$1.$2 host=${SERVER#https://} patience=60s hostile port status=0
  [ "$1" != watch ] || patience=10s # nothing else ends these
  "$ROOT/build/tests/hostile" "$1" "$2" "${host%:*}" "${host##*:}" cert.pem key.pem >"$case.port" 3>&- &
  hostile=$!
  within 30 served "$case" && read -r port _ <"$case.port"
  kubeconfig_for "$port" >"$case.kubeconfig"
  KUBECONFIG=$PWD/$case.kubeconfig timeout $LIMIT "$PLUGIN" run -q --ready-timeout "$patience" -- true >"$case.out" 2>&1 </dev/null || status=$?
  echo $status >"$case.status"
  kill $hostile
  wait $hostile || true
}

# judge STAGE MISCHIEF ERROR
judge() {
  local case=$1.$2 status
  status=$(<"$case.status")
  [ "$status" -eq 125 ] && grep -qE -- "$3" "$case.out" && ! grep -qE 'Sanitizer|runtime error' "$case.out" &&
    ! grep -q astray "$case.port" && ! grep -qF "$TOKEN" "$case.out" && return
  echo "$1 $2: exit status $status, not an error like \"$3\":"
  cat "$case.out"
  return 1
}

all_of() { # all cases of a stage, a few at once
  local stage mischief error wrong=0
  while read -r stage mischief error; do
    [ "$stage" = "$1" ] || continue
    one "$stage" "$mischief" &
    [ "$(jobs -rp | wc -l)" -lt 6 ] || wait -n || true
  done <"$ROOT/tests/e2e/hostile.table"
  wait
  while read -r stage mischief error; do
    [ "$stage" = "$1" ] || continue
    judge "$stage" "$mischief" "$error" || wrong=1
  done <"$ROOT/tests/e2e/hostile.table"
  return $wrong
}

@test "an honest one in between makes no difference" {
  one none nothing
  [ "$(<none.nothing.status)" -eq 0 ] || { cat none.nothing.out; false; }
}
@test "connections that are cut at once" { all_of connect; }
@test "answers that are none" { all_of rest; }
@test "watches that are none" { all_of watch; }
@test "exec streams that are none" { all_of exec; }

with_plugin() { # the token comes from a credential plugin, which counts how often it was asked
  cat >plugin <<END
#!/bin/sh
echo asked >>"$BATS_TEST_TMPDIR/asked"
echo '{"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1", "status": {"token": "$TOKEN"}}'
END
  chmod +x plugin
  export USER_OF="exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: $PWD/plugin}"
}

@test "an exec stream refused for its credentials is opened with new ones" {
  with_plugin
  one exec unauthorized-once
  [ "$(<exec.unauthorized-once.status)" -eq 0 ] || { cat exec.unauthorized-once.out; false; }
  [ "$(wc -l <"$BATS_TEST_TMPDIR/asked")" -eq 2 ]
}

@test "an exec stream that is always refused ends soon" {
  with_plugin
  one exec unauthorized
  judge exec unauthorized 'Unauthorized|HTTP status 401'
  [ "$(wc -l <"$BATS_TEST_TMPDIR/asked")" -le 4 ]
}

@test "no sandbox is left behind" {
  for out in *.out; do
    sed -n 's/.*\(run-[a-z0-9]\{10\}\).*/\1/p' "$out"
  done | sort -u >names
  [ "$(wc -l <names)" -ge 5 ]
  while read -r name; do gone "$name" 60; done <names
}

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# resume.bats - connections that are lost while a command runs.
load helper

setup_file() {
  cluster_setup
  export BOX=e2e-resume-$$
  asb create -q "$BOX"
}
teardown_file() { remove "$BOX"; }

setup() { # a proxy in between, that cuts all connections at SIGUSR1
  local server
  cd "$BATS_TEST_TMPDIR" || return 1
  server=$(admin config view --minify --raw -o jsonpath='{.clusters[0].cluster.server}')
  server=${server#https://}
  "$ROOT/build/tests/cutproxy" 0 "${server%:*}" "${server##*:}" 0 >port 2>proxy.log 3>&- &
  proxy=$!
  within 10 test -s port
  cp "$USER_KUBECONFIG" kc
  KUBECONFIG=kc kubectl config set-cluster c --server="https://127.0.0.1:$(<port)" --tls-server-name="${server%:*}" >/dev/null
  KUBECONFIG_OF=$PWD/kc
}
teardown() { kill $proxy 2>/dev/null || true; }

lines() { [ "$(wc -l <"$1")" -ge "$2" ]; }

@test "streams both ways are whole, and every command runs once, whatever happens to the connections" {
  run -0 "$ROOT/tests/e2e/cut" --box "$BOX" --cuts 25 --size 5 --seconds 180
  echo "$output"
}

@test "all connections are cut at once, that of the watch too: nobody need know" {
  background exec "$BOX" 'for i in $(seq 200); do echo $i; sleep 0.02; done; exit 7' >out 2>err
  within 30 lines out 10
  kill -USR1 $proxy
  within 30 lines out 60
  kill -USR1 $proxy
  ends_with 7 60
  seq 200 | cmp - out
  [ -z "$(without_notes "$(<err)")" ] # a slow machine may say that it waits
}

@test "-o json tells how often" {
  background exec -o json "$BOX" 'echo on; while [ ! -e go ]; do sleep 0.1; done; rm go' >out 2>err
  within 30 grep -q on err
  kill -USR1 $proxy
  asb exec "$BOX" 'touch go'
  ends_with 0 60
  [ "$(jq .reconnects out)" -eq 1 ]
}

@test "an interrupt that was sent into a connection already cut arrives, once" {
  background exec "$BOX" 'trap "echo int" INT; echo on; while [ ! -e go2 ]; do sleep 0.1; done; rm go2' >out 2>err
  within 30 grep -q on out
  kill -USR1 $proxy
  kill -INT $plugin
  within 60 grep -q int out
  asb exec "$BOX" 'touch go2'
  ends_with 0 60
  [ "$(cat out)" = $'on\nint' ]
}

@test "a terminal goes on, with what is typed meanwhile" {
  local text script
  text=$(head -c 60000 /dev/urandom | base64 -w 0)
  mkfifo keys
  KUBECONFIG=$KUBECONFIG_OF script -qec "kubectl-agentsandbox exec -it $BOX -- \
    sh -c 'stty raw -echo; echo ready; head -c 80000 | sha256sum; exit 7'" /dev/null <keys >out 2>err 3>&- &
  script=$!
  exec 5>keys
  within 30 grep -q ready out
  printf %s "${text:0:30000}" >&5
  kill -USR1 $proxy
  printf %s "${text:30000}" >&5
  within 60 grep -q ' -' out
  exec 5>&-
  wait $script && false || [ $? -eq 7 ]
  grep -q "$(printf %s "$text" | sha256sum)" out
}

@test "a command that kills what carries its connection is not lost" {
  run -7 asb exec "$BOX" 'echo before; kill -9 -1; echo after; exit 7'
  [ "$output" = $'before\nafter' ]
}

@test "a sandbox that goes while the connection is lost says so itself" {
  local name
  name=$(unique gone)
  asb create -q "$name"
  background exec "$name" 'echo on; sleep 100' >out 2>err
  within 30 grep -q on out
  kill -STOP $proxy
  admin -n $NS delete sandbox "$name" --wait=false >/dev/null
  gone "$name" 60
  kill -USR1 $proxy
  kill -CONT $proxy
  ends_with 125 90
  grep -q 'no exit status was received.*deleted' err || { cat err; false; }
}

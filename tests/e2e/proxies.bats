#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# proxies.bats - requests and exec streams go through real proxies, and nothing goes around them: the plugin runs in a
# network namespace that ends at a cable to this machine, where the proxies listen. No way leads to the API server but
# theirs, nor to a name server: the proxies alone know the name apiserver.e2e.test.
load helper
load secrets.bash

setup_file() {
  cluster_setup
  SERVER=$(admin config view --minify --raw -o jsonpath='{.clusters[0].cluster.server}')
  CA=$(admin config view --minify --raw -o jsonpath='{.clusters[0].cluster.certificate-authority-data}')
  TOKEN=$(KUBECONFIG=$USER_KUBECONFIG kubectl config view --raw -o jsonpath='{.users[0].user.token}')
  HOST=${SERVER#https://}
  PORT=${HOST##*:} HOST=${HOST%:*}
  PASSWORD=s3cret-of.the_proxy ENCODED=s3cret%2Dof%2Ethe%5Fproxy
  NET=e2e-proxies-$$ CABLE=e2e-$$
  HERE=203.0.113.$(($$ % 63 * 4 + 1)) HERE6=fd00:e2e:$(printf %x $(($$ % 65536)))::1
  export SERVER CA TOKEN HOST PORT PASSWORD ENCODED NET CABLE HERE HERE6
  cable "203.0.113.$(($$ % 63 * 4 + 2))" "${HERE6%1}2"
  echo "$HOST apiserver.e2e.test" >hosts
  head -c 3000000 /dev/urandom >payload
  certificate
  secret "$TOKEN" "$PASSWORD" "$ENCODED" wr0ng-password 'p@ss:w/rd%' 'p%40ss%3Aw%2Frd%25' "$(sed -n 2p proxy.key)"
}

cable() { # cable IPV4 IPV6: to the namespace, whose end has these addresses
  ip netns add "$NET"
  ip link add "$CABLE" type veth peer name cable netns "$NET"
  ip addr add "$HERE/30" dev "$CABLE"
  ip addr add "$HERE6/64" dev "$CABLE" nodad
  ip link set "$CABLE" up
  ip -n "$NET" addr add "$1/30" dev cable
  ip -n "$NET" addr add "$2/64" dev cable nodad
  ip -n "$NET" link set cable up
}

certificate() { # of the https proxy: it isn't signed by the cluster's authority
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout proxy.key -days 2 -subj /CN=proxy \
    -addext "subjectAltName=IP:$HERE" -out proxy.crt 2>/dev/null
}

teardown_file() {
  ip link del "$CABLE"
  ip netns del "$NET"
}

teardown() {
  local pid
  for pid in "${servers[@]}"; do kill "$pid" 2>/dev/null || true; done
}

# --- proxies ------------------------------------------------------------------------------------------------------

listens() { (: <"/dev/tcp/$HERE/$1") 2>/dev/null; }

serve() { # serve PORT COMMAND...: in the background, with names of its own
  # shellcheck disable=SC2016 # for the inner shell
  unshare -m sh -c 'mount --bind "$0" /etc/hosts && exec "$@"' "$BATS_FILE_TMPDIR/hosts" "${@:2}" >"$BATS_TEST_TMPDIR/$1.log" 2>&1 3>&- &
  servers+=($!)
  within 30 listens "$1" || { cat "$BATS_TEST_TMPDIR/$1.log"; return 1; }
}
free_port() { # in $port
  port=$((20000 + RANDOM % 10000))
  while listens $port; do port=$((port + 1)); done
}

tinyproxy_at() { # tinyproxy_at PORT [LINE...]: allows CONNECT to the API server's port
  printf '%s\n' "Port $1" "Listen $HERE" "Listen $HERE6" "LogLevel Connect" "ConnectPort $PORT" "${@:2}" >"$BATS_TEST_TMPDIR/$1.conf"
  serve "$1" tinyproxy -d -c "$BATS_TEST_TMPDIR/$1.conf"
}
stunnel_at() { # stunnel_at PORT TO: TLS in front of another
  cat >"$BATS_TEST_TMPDIR/$1.conf" <<END
foreground = yes
pid =
[proxy]
accept = $HERE:$1
connect = $HERE:$2
cert = $BATS_FILE_TMPDIR/proxy.crt
key = $BATS_FILE_TMPDIR/proxy.key
END
  serve "$1" stunnel4 "$BATS_TEST_TMPDIR/$1.conf"
}
microsocks_at() { serve "$1" microsocks -i "$HERE" -p "$1" "${@:2}"; }

# went_through PORT [NAME]: requests, and the exec stream; and both count anew
went_through() {
  local log=$BATS_TEST_TMPDIR/$1.log n
  n=$(grep -cE "(CONNECT|connected to) ${2:-$HOST}:$PORT" "$log" || true)
  [ "$n" -ge 2 ] || { echo "$n connections"; cat "$log"; return 1; }
  : >"$log"
}

# --- the plugin ---------------------------------------------------------------------------------------------------

config() { # config [CLUSTER-MEMBERS [CA [SERVER]]]
  cat >"$BATS_TEST_TMPDIR/config" <<END
current-context: e2e
contexts: [{name: e2e, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "${3:-$SERVER}", certificate-authority-data: ${2:-$CA}${1:+, $1}}}]
users: [{name: u, user: {token: "$TOKEN"}}]
END
}

walled() { # walled [NAME=VALUE...] ARG...: in the namespace
  local variables=()
  while [[ $1 == *=* ]]; do variables+=("$1") && shift; done
  env -u HTTPS_PROXY -u https_proxy -u NO_PROXY -u no_proxy "KUBECONFIG=$BATS_TEST_TMPDIR/config" "${variables[@]}" \
    timeout 40 ip netns exec "$NET" kubectl agentsandbox "$@"
}

carried() { # carried [NAME=VALUE...]: input, output, stderr and exit status of a run
  local name code=0
  name=$(unique proxy)
  recorded walled "$@" run -v=9 -i --name "$name" 'cat; echo carried >&2; exit 3' \
    <"$BATS_FILE_TMPDIR/payload" >"$BATS_TEST_TMPDIR/out" || code=$?
  [ $code -eq 3 ] || { tail -n 5 "$BATS_TEST_TMPDIR/err" && return 1; }
  said carried
  cmp "$BATS_FILE_TMPDIR/payload" "$BATS_TEST_TMPDIR/out"
  echo "$name" >>"$BATS_FILE_TMPDIR/names"
}

refused() { # refused SECONDS [NAME=VALUE...] TEXT...: it fails in time, and says so
  local code=0 start=$SECONDS variables=()
  while [[ $2 == *=* ]]; do variables+=("$2") && set -- "$1" "${@:3}"; done
  recorded walled "${variables[@]}" run -v=9 --request-timeout 3s true </dev/null || code=$?
  [ $code -eq 125 ] || { tail -n 5 "$BATS_TEST_TMPDIR/err" && return 1; }
  elapsed_below "$start" "$1"
  said "${@:2}"
}

@test "no way leads to the API server here but a proxy's" {
  config
  refused 20 'Network is unreachable'
}

@test "an http proxy carries requests and exec streams" {
  free_port
  tinyproxy_at "$port"
  config "proxy-url: 'http://$HERE:$port'"
  carried
  went_through "$port"
  config
  carried "HTTPS_PROXY=$HERE:$port" NO_PROXY=elsewhere.test
  went_through "$port"
  carried "https_proxy=http://[$HERE6]:$port"
  went_through "$port"
  refused 20 "HTTPS_PROXY=$HERE:$port" "NO_PROXY=elsewhere.test,$HOST" 'Network is unreachable'
  [ "$(grep -c CONNECT "$BATS_TEST_TMPDIR/$port.log")" -eq 0 ]
}

@test "an https proxy carries requests and exec streams" {
  local plain both
  both=$({ base64 -d <<<"$CA" && cat "$BATS_FILE_TMPDIR/proxy.crt"; } | base64 -w0)
  free_port
  plain=$port
  tinyproxy_at "$plain" "BasicAuth me $PASSWORD"
  free_port
  stunnel_at "$port" "$plain"
  config "proxy-url: 'https://me:$ENCODED@$HERE:$port'" "$both"
  carried
  went_through "$plain"
  config '' "$both"
  carried "HTTPS_PROXY=https://me:$ENCODED@$HERE:$port"
  went_through "$plain"
  # whom nobody vouches for
  config "proxy-url: 'https://me:$ENCODED@$HERE:$port'"
  refused 20 'TLS with the proxy failed' "through the proxy https://$HERE:$port" certificate
  # who doesn't speak TLS
  free_port
  microsocks_at "$port"
  config "proxy-url: 'https://me:$ENCODED@$HERE:$port'" "$both"
  refused 20 'TLS with the proxy failed' 'does it speak TLS at all (proxy-url says https)'
}

@test "a socks5 proxy carries requests and exec streams" {
  free_port
  microsocks_at "$port"
  config "proxy-url: 'socks5://$HERE:$port'"
  carried
  went_through "$port"
  config
  carried "HTTPS_PROXY=socks5://$HERE:$port"
  went_through "$port"
}

@test "proxies resolve the API server's name, and its certificate is checked behind them" {
  local socks name='tls-server-name: kubernetes'
  free_port
  tinyproxy_at "$port"
  config "$name" "$CA" "https://apiserver.e2e.test:$PORT"
  carried "HTTPS_PROXY=http://$HERE:$port"
  went_through "$port" apiserver.e2e.test
  free_port
  socks=$port
  microsocks_at "$socks"
  carried "HTTPS_PROXY=socks5://$HERE:$socks"
  went_through "$socks" apiserver.e2e.test
  config '' "$CA" "https://apiserver.e2e.test:$PORT"
  refused 20 "HTTPS_PROXY=socks5://$HERE:$socks" 'TLS verification of https://apiserver.e2e.test'
}

@test "a proxy may want a user and a password" {
  free_port
  tinyproxy_at "$port" "BasicAuth me $PASSWORD"
  config "proxy-url: 'http://me:$ENCODED@$HERE:$port'"
  carried
  went_through "$port"
  config
  refused 20 "HTTPS_PROXY=http://$HERE:$port" "through the proxy http://$HERE:$port: it wants a user and a password" "\$HTTPS_PROXY"
  refused 20 "HTTPS_PROXY=http://me:wr0ng-password@$HERE:$port" "http://$HERE:$port: it wants a user and a password, or others"
  free_port
  microsocks_at "$port" -u me@home -P 'p@ss:w/rd%'
  config "proxy-url: 'socks5://me%40home:p%40ss%3Aw%2Frd%25@$HERE:$port'"
  carried
  went_through "$port"
  config "proxy-url: 'socks5://$HERE:$port'"
  refused 20 'it wants a user and a password' 'both belong into proxy-url'
  config "proxy-url: 'socks5://me:wr0ng-password@$HERE:$port'"
  refused 20 "through the proxy socks5h://$HERE:$port: it wants a user and a password, or others"
}

@test "a proxy that refuses, or is none, is named in time" {
  free_port
  config
  refused 20 "HTTPS_PROXY=http://me:$ENCODED@$HERE:$port" "through the proxy http://$HERE:$port: Connection refused" 'is the proxy running'
  refused 20 "HTTPS_PROXY=socks5://me:$ENCODED@$HERE:$port" 'Connection refused'
  refused 20 "HTTPS_PROXY=http://no-such-proxy.test:$port" 'its name is not resolved'
  tinyproxy_at "$port"
  config '' "$CA" "https://$HOST:1"
  refused 20 "HTTPS_PROXY=$HERE:$port" 'it forbids that (HTTP status 403)' 'allow CONNECT'
  config
  free_port
  serve "$port" socat "TCP-LISTEN:$port,bind=$HERE,fork,reuseaddr" 'SYSTEM:sleep 20'
  refused 20 "HTTPS_PROXY=http://me:$ENCODED@$HERE:$port" "through the proxy http://$HERE:$port: timed out"
  refused 20 "HTTPS_PROXY=socks5://me:$ENCODED@$HERE:$port" "through the proxy socks5h://$HERE:$port: timed out"
}

@test "no secret was said, and nothing is left" {
  local name
  no_secret_was_said 6
  while read -r name; do gone "$name"; done <"$BATS_FILE_TMPDIR/names"
}

# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# kubeconfig.fixtures.bash - what the lines of kubeconfig.table speak of: in $DIR the configuration files, keys and
# credential plugins, and the variables $SERVER, $TOKEN_A and $TOKEN_B (ServiceAccounts e2e-users/kube-a and kube-b).

signed() { # signed NAME: $DIR/NAME.key -> $DIR/NAME.crt, a client certificate for user NAME of the cluster
  local csr=e2e-kubeconfig-$1-$$
  openssl req -new -key "$DIR/$1.key" -subj "/O=e2e-group/CN=e2e-$1" 2>/dev/null >"$DIR/$1.csr"
  admin create -f - >/dev/null <<END
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {name: $csr}
spec:
  signerName: kubernetes.io/kube-apiserver-client
  usages: [client auth]
  expirationSeconds: 7200
  request: $(base64 -w0 <"$DIR/$1.csr")
END
  admin certificate approve "$csr" >/dev/null
  within 30 signature "$csr" >/dev/null
  signature "$csr" | base64 -d >"$DIR/$1.crt"
  admin delete csr "$csr" >/dev/null
}
signature() {
  local text
  text=$(admin get csr "$1" -o jsonpath='{.status.certificate}')
  [ -n "$text" ] && echo "$text"
}

keys() {
  openssl genrsa -out "$DIR/rsa.key" 2048 2>/dev/null
  openssl ecparam -name prime256v1 -genkey -noout -out "$DIR/ec.key"
  signed rsa
  signed ec
  openssl pkcs8 -topk8 -nocrypt -in "$DIR/ec.key" -out "$DIR/ec8.key"
  openssl ec -aes128 -passout pass:pw -in "$DIR/ec.key" -out "$DIR/locked.key" 2>/dev/null
  openssl pkcs8 -topk8 -passout pass:pw -in "$DIR/ec.key" -out "$DIR/locked8.key"
  cat "$DIR/ec.crt" "$DIR/ca.crt" >"$DIR/chain.crt"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$DIR/other-ca.key" -subj /CN=other \
    -out "$DIR/other-ca.crt" -days 2 2>/dev/null
  cat "$DIR/other-ca.crt" "$DIR/ca.crt" >"$DIR/bundle.crt"
}

answer() { # answer NAME VERSION STATUS: what `plugin NAME` prints
  echo "{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/$2\",\"status\":$3}" >"$DIR/answer-$1"
}

plugins() { # a credential plugin that prints what its argument names
  cat >"$DIR/plugin" <<'END'
#!/bin/sh
here=$(dirname "$0")
case $1 in
fail) exit 7 ;;
env) printf '%s' "$ANSWER" ;;
stdin) read -r line && exit 9; cat "$here/answer-v1" ;;
info) # only who knows the cluster gets a token
  case $KUBERNETES_EXEC_INFO in
  *'"server":"'"$2"'"'*'"config":{"audience":"e2e"}'*'"interactive":false'*) cat "$here/answer-v1" ;;
  *) exit 8 ;;
  esac ;;
noinfo) case $KUBERNETES_EXEC_INFO in *cluster*) exit 8 ;; *) cat "$here/answer-v1" ;; esac ;;
*) cat "$here/answer-$1" ;;
esac
END
  chmod +x "$DIR/plugin"
  mkdir "$DIR/bin"
  cp "$DIR/plugin" "$DIR/bin/e2e-plugin"
  printf 'cat "%s/answer-v1"\n' "$DIR" >"$DIR/no-first-line"
  chmod +x "$DIR/no-first-line"
  ANSWERS_TOKEN="{\"token\":\"$TOKEN_A\"}"
  answer v1 v1 "$ANSWERS_TOKEN"
  answer v1beta1 v1beta1 "$ANSWERS_TOKEN"
  answer nothing v1 '{}'
  answer wrong v1 '{"token":"not-a-token"}'
  answer half v1 "{\"clientKeyData\":$(jq -Rs . <"$DIR/ec.key")}"
  answer cert v1 "{\"clientCertificateData\":$(jq -Rs . <"$DIR/ec.crt"),\"clientKeyData\":$(jq -Rs . <"$DIR/ec.key")}"
  answer expiry v1 "{\"token\":\"$TOKEN_A\",\"expirationTimestamp\":\"2030-01-01T00:00:00Z\"}"
  echo garbage >"$DIR/answer-garbage"
  cp "$DIR"/answer-* "$DIR/bin"
}

exec_user() { # exec_user NAME ARG [MORE]: a user whose plugin is called with ARG
  echo "- name: $1"
  echo "  user: {exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: ./plugin, args: [$2]${3:-}}}"
}

main_file() {
  cat <<END
apiVersion: v1
kind: Config
current-context: main
preferences: {}
contexts:
- {name: main, context: {cluster: good, user: a}}
- {name: ns, context: {cluster: good, user: b, namespace: team-x}}
- {name: nouser, context: {cluster: good}}
- {name: ghost, context: {cluster: good, user: ghost}}
- {name: nocluster, context: {user: a}}
- {name: lostcluster, context: {cluster: lost, user: a}}
- {name: empty}
clusters:
- {name: good, cluster: {server: "$SERVER", certificate-authority-data: $CA}}
- {name: slash, cluster: {server: "$SERVER/", certificate-authority-data: $CA}}
- {name: query, cluster: {server: "$SERVER/prefix?a=b", certificate-authority-data: $CA}}
- {name: prefix, cluster: {server: "$SERVER/prefix", certificate-authority-data: $CA}}
- {name: upper, cluster: {server: "${SERVER/https/HTTPS}", certificate-authority-data: $CA}}
- {name: file, cluster: {server: "$SERVER", certificate-authority: ca.crt}}
- {name: bundle, cluster: {server: "$SERVER", certificate-authority: ./bundle.crt}}
- {name: nofile, cluster: {server: "$SERVER", certificate-authority: gone.crt}}
- {name: otherca, cluster: {server: "$SERVER", certificate-authority: $DIR/other-ca.crt}}
- {name: systemca, cluster: {server: "$SERVER"}}
- {name: badca, cluster: {server: "$SERVER", certificate-authority-data: Z2FyYmFnZQ==}}
- {name: bothca, cluster: {server: "$SERVER", certificate-authority: ca.crt, certificate-authority-data: $CA}}
- {name: insecure, cluster: {server: "$SERVER", insecure-skip-tls-verify: true}}
- {name: insecureca, cluster: {server: "$SERVER", insecure-skip-tls-verify: true, certificate-authority-data: $CA}}
- {name: named, cluster: {server: "$SERVER", tls-server-name: kubernetes, certificate-authority-data: $CA}}
- {name: misnamed, cluster: {server: "$SERVER", tls-server-name: elsewhere.test, certificate-authority-data: $CA}}
- {name: nocompression, cluster: {server: "$SERVER", disable-compression: true, certificate-authority-data: $CA}}
- {name: noserver, cluster: {certificate-authority-data: $CA}}
- {name: plain, cluster: {server: "http://127.0.0.1:1"}}
- {name: bare, cluster: {server: "127.0.0.1:1"}}
- {name: ftp, cluster: {server: "ftp://127.0.0.1"}}
- {name: deadproxy, cluster: {server: "$SERVER", proxy-url: "http://127.0.0.1:1", certificate-authority-data: $CA}}
- {name: ftpproxy, cluster: {server: "$SERVER", proxy-url: "ftp://127.0.0.1:1", certificate-authority-data: $CA}}
- name: told
  cluster:
    server: "$SERVER"
    certificate-authority-data: $CA
    extensions:
    - {name: client.authentication.k8s.io/exec, extension: {audience: e2e}}
users:
- {name: a, user: {token: "$TOKEN_A"}}
- {name: b, user: {token: "$TOKEN_B"}}
- {name: wrong, user: {token: not-a-token}}
- {name: nothing, user: {}}
- {name: rsa, user: {client-certificate: rsa.crt, client-key: rsa.key}}
- {name: ec, user: {client-certificate: $DIR/ec.crt, client-key: ./ec.key}}
- {name: ecdata, user: {client-certificate-data: $(base64 -w0 <"$DIR/ec.crt"), client-key-data: $(base64 -w0 <"$DIR/ec.key")}}
- {name: mixed, user: {client-certificate-data: $(base64 -w0 <"$DIR/ec.crt"), client-key: ec8.key}}
- {name: chain, user: {client-certificate: chain.crt, client-key: ec.key}}
- {name: locked, user: {client-certificate: ec.crt, client-key: locked.key}}
- {name: locked8, user: {client-certificate: ec.crt, client-key: locked8.key}}
- {name: mismatch, user: {client-certificate: ec.crt, client-key: rsa.key}}
- {name: nokey, user: {client-certificate: ec.crt}}
- {name: keygone, user: {client-certificate: ec.crt, client-key: gone.key}}
- {name: bothcerts, user: {client-certificate: ec.crt, client-certificate-data: $(base64 -w0 <"$DIR/ec.crt"), client-key: ec.key}}
- {name: certtoken, user: {client-certificate: ec.crt, client-key: ec.key, token: "$TOKEN_A"}}
- {name: file, user: {tokenFile: token-a}}
- {name: filegone, user: {tokenFile: gone}}
- {name: filefirst, user: {tokenFile: token-a, token: "$TOKEN_B"}}
- {name: filefallback, user: {tokenFile: gone, token: "$TOKEN_B"}}
- {name: basic, user: {username: joe, password: pw}}
- {name: basictoken, user: {username: joe, password: pw, token: "$TOKEN_A"}}
- {name: as, user: {client-certificate: admin.crt, client-key: admin.key, as: jane, as-uid: "7", as-groups: [g1, g2], as-user-extra: {"e2e.test/k": [v1, v2]}}}
- {name: asgroups, user: {client-certificate: admin.crt, client-key: admin.key, as-groups: [g1]}}
- {name: admin, user: {client-certificate: admin.crt, client-key: admin.key}}
- {name: beta, user: {exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: ./plugin, args: [v1beta1]}}}
- {name: path, user: {exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: e2e-plugin, args: [v1]}}}
- {name: shellfile, user: {exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: ./no-first-line}}}
- {name: alpha, user: {exec: {apiVersion: client.authentication.k8s.io/v1alpha1, interactiveMode: Never, command: ./plugin, args: [v1]}}}
- {name: nomode, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, args: [v1]}}}
- {name: ifavailable, user: {exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: IfAvailable, command: ./plugin, args: [stdin]}}}
- {name: always, user: {exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Always, command: ./plugin, args: [v1]}}}
- {name: nocommand, user: {exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never}}}
- {name: missing, user: {exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: e2e-no-such-plugin, installHint: get it}}}
- {name: exectoken, user: {token: "$TOKEN_B", exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: ./plugin, args: [fail]}}}
- {name: execcert, user: {client-certificate: ec.crt, client-key: ec.key, exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: ./plugin, args: [fail]}}}
- {name: execprovider, user: {exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: ./plugin, args: [v1]}, auth-provider: {name: oidc}}}
- {name: oidc, user: {auth-provider: {name: oidc, config: {idp-issuer-url: "https://issuer.test", client-id: e2e, id-token: "$TOKEN_A"}}}}
- {name: oidcnoid, user: {auth-provider: {name: oidc, config: {idp-issuer-url: "https://issuer.test", client-id: e2e}}}}
- {name: oidcnoissuer, user: {auth-provider: {name: oidc, config: {client-id: e2e, id-token: "$TOKEN_A"}}}}
- {name: gcp, user: {auth-provider: {name: gcp}}}
- {name: azure, user: {token: "$TOKEN_A", auth-provider: {name: azure}}}
- {name: provider, user: {auth-provider: {name: mine}}}
$(exec_user exec v1)
$(exec_user env env ", env: [{name: ANSWER, value: '$(<"$DIR/answer-v1")'}]")
$(exec_user info "info, '$SERVER'" ', provideClusterInfo: true')
$(exec_user noinfo noinfo)
$(exec_user execasuser cert)
$(exec_user expiry expiry)
$(exec_user otherversion v1beta1)
$(exec_user nostatus nothing)
$(exec_user refused wrong)
$(exec_user half half)
$(exec_user fails fail)
$(exec_user garbage garbage)
END
}

files() { # files to be found and merged
  mkdir -p "$DIR/sub" "$DIR/home/.kube" "$DIR/nohome"
  main_file >"$DIR/main"
  cp "$DIR/ca.crt" "$DIR/ec.crt" "$DIR/ec.key" "$DIR/plugin" "$DIR"/answer-* "$DIR/sub"
  cat >"$DIR/sub/relative" <<END
current-context: relative
contexts: [{name: relative, context: {cluster: relative, user: relative, namespace: sub}}]
clusters: [{name: relative, cluster: {server: "$SERVER", certificate-authority: ca.crt}}]
users: [{name: relative, user: {client-certificate: ./ec.crt, client-key: ec.key}}]
END
  cat >"$DIR/sub/plugin-config" <<END
current-context: relative
contexts: [{name: relative, context: {cluster: relative, user: relative}}]
clusters: [{name: relative, cluster: {server: "$SERVER", certificate-authority: ../ca.crt}}]
users: [{name: relative, user: {exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: ../sub/plugin, args: [v1]}}}]
END
  # the same names again, which lose against those of an earlier file
  sed -e "s|$TOKEN_A|$TOKEN_B|" -e 's|^current-context:.*|current-context: ns|' "$DIR/main" >"$DIR/later"
  printf 'current-context: ns\n' >"$DIR/current-only"
  printf 'users: [{name: a, user: {client-certificate: ec.crt, client-key: ec.key}}]\n' >"$DIR/user-only"
  printf 'contexts: [{name: main, context: {namespace: from-first}}]\n' >"$DIR/half-context"
  printf 'current-context: gone\n' >"$DIR/current-gone"
  : >"$DIR/empty"
  printf 'clusters:\n- name: c\n cluster: {}\n' >"$DIR/broken"
  printf 'kind: Pod\napiVersion: v1\n' >"$DIR/pod"
  printf 'users: [{name: number, user: {token: 123}}]\n' >"$DIR/number"
  printf 'clusters: {a: b}\n' >"$DIR/notlist"
  jq -n --arg server "$SERVER" --arg ca "$CA" --arg token "$TOKEN_A" '{apiVersion: "v1", kind: "Config", "current-context": "j",
    contexts: [{name: "j", context: {cluster: "j", user: "j"}}], users: [{name: "j", user: {token: $token}}],
    clusters: [{name: "j", cluster: {server: $server, "certificate-authority-data": $ca}}]}' >"$DIR/json"
  cp "$DIR/main" "$DIR/home/.kube/config"
  cp "$DIR"/*.crt "$DIR"/*.key "$DIR/plugin" "$DIR/home/.kube"
}

fixtures() {
  DIR=$BATS_FILE_TMPDIR/fixtures
  mkdir "$DIR"
  SERVER=$(admin config view --minify --raw -o jsonpath='{.clusters[0].cluster.server}')
  CA=$(admin config view --minify --raw -o jsonpath='{.clusters[0].cluster.certificate-authority-data}')
  base64 -d <<<"$CA" >"$DIR/ca.crt"
  admin config view --minify --raw -o jsonpath='{.users[0].user.client-certificate-data}' | base64 -d >"$DIR/admin.crt"
  admin config view --minify --raw -o jsonpath='{.users[0].user.client-key-data}' | base64 -d >"$DIR/admin.key"
  user kube-a >/dev/null
  user kube-b >/dev/null
  TOKEN_A=$(admin -n e2e-users create token kube-a --duration=2h)
  TOKEN_B=$(admin -n e2e-users create token kube-b --duration=2h)
  echo "$TOKEN_A" >"$DIR/token-a"
  keys
  plugins
  files
  pod_files
  export DIR SERVER CA TOKEN_A TOKEN_B
}

pod_files() { # what the kubelet would mount into a pod of ServiceAccount kube-a
  mkdir "$DIR/account"
  cp "$DIR/ca.crt" "$DIR/account/ca.crt"
  cp "$DIR/token-a" "$DIR/account/token"
  echo e2e-users >"$DIR/account/namespace"
}

in_pod() { # in_pod COMMAND...: with the ServiceAccount's folder where a pod has it, and a pod's variables
  local host=${SERVER#https://}
  # shellcheck disable=SC2016 # for the inner shell
  KUBERNETES_SERVICE_HOST=${host%:*} KUBERNETES_SERVICE_PORT=${host##*:} unshare -rm sh -c '
    mount -t tmpfs tmpfs "$(readlink -f /var/run)" && mkdir -p /var/run/secrets/kubernetes.io &&
    cp -r "$0/account" /var/run/secrets/kubernetes.io/serviceaccount && exec "$@"' "$DIR" "$@"
}

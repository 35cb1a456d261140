#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The release: what krew makes of it, and that it needs nothing of a host but its kernel.
load helper

DIST=$ROOT/build/dist

tarball() { echo "$DIST/kubectl-agentsandbox_v$(<"$ROOT/VERSION")_linux_$1.tar.gz"; }

setup_file() {
  cluster_setup
  make -C "$ROOT" dist >"$BATS_FILE_TMPDIR/dist.log" 2>&1 || { cat "$BATS_FILE_TMPDIR/dist.log"; return 1; }
  KREW=$("$ROOT/tests/krew/programs")
  export KREW
  export KREW_ROOT=$BATS_FILE_TMPDIR/krew KREW_NO_UPGRADE_CHECK=1
  # not the plugin of the build, which the other files test
  PATH=$KREW_ROOT/bin:$KREW:${PATH#"$ROOT/build:"}
  for arch in amd64 arm64; do
    mkdir "$BATS_FILE_TMPDIR/$arch"
    tar -xf "$(tarball $arch)" -C "$BATS_FILE_TMPDIR/$arch"
  done
}

# bare KUBECONFIG: a root directory with nothing but the plugin, a kubeconfig, and the one device that TLS needs
bare() {
  BARE=$BATS_TEST_TMPDIR/root
  mkdir -p "$BARE/dev"
  mknod "$BARE/dev/urandom" c 1 9
  cp "$BATS_FILE_TMPDIR/amd64/kubectl-agentsandbox" "$BARE"
  cp "$1" "$BARE/kubeconfig"
}
in_bare() { env -i KUBECONFIG=/kubeconfig "$@"; }
runs_bare() { # runs_bare [NAME=VALUE]: a command in the cluster, from there
  run -7 in_bare "$@" "$(type -P chroot)" "$BARE" /kubectl-agentsandbox run -- bash -c 'echo from inside; exit 7'
  grep -qx 'from inside' <<<"$output"
}
distrusts_bare() {
  run -125 in_bare "$@" "$(type -P chroot)" "$BARE" /kubectl-agentsandbox run -- true
  grep -q 'TLS verification of .* failed' <<<"$output"
}
without_ca() { sed 's/, certificate-authority-data: [^}]*//' "$USER_KUBECONFIG"; }
cluster_ca() { admin config view --minify --raw -o jsonpath='{.clusters[0].cluster.certificate-authority-data}' | base64 -d; }

@test "the manifest passes krew's own validation" {
  cp "$DIST/agentsandbox.yaml" "$BATS_TEST_TMPDIR"
  run -0 "$KREW/validate-krew-manifest" -skip-install -manifest "$BATS_TEST_TMPDIR/agentsandbox.yaml"
  run ! grep -q @ "$DIST/agentsandbox.yaml"
}

@test "krew's validation sees a fault in the manifest" {
  sed 's/arch: arm64/arch: amd64/' "$DIST/agentsandbox.yaml" >"$BATS_TEST_TMPDIR/agentsandbox.yaml"
  run ! "$KREW/validate-krew-manifest" -skip-install -manifest "$BATS_TEST_TMPDIR/agentsandbox.yaml"
}

@test "the tarballs hold plain files, the licence among them" {
  for arch in amd64 arm64; do
    run -0 tar --numeric-owner -tvf "$(tarball $arch)"
    run ! grep -vE '^-rw(xr-x|-r--)r-[-x] 0/0 ' <<<"$output"
    run -0 tar -tf "$(tarball $arch)"
    [ "$output" = $'LIBRARIES\nLICENSE\nNOTICE\nREADME.md\nkubectl-agentsandbox' ]
    cmp "$ROOT/LICENSE" "$BATS_FILE_TMPDIR/$arch/LICENSE"
    grep -q '^==== curl ' "$BATS_FILE_TMPDIR/$arch/NOTICE"
  done
}

@test "both programs are static" {
  for arch in amd64 arm64; do
    run -0 file -b "$BATS_FILE_TMPDIR/$arch/kubectl-agentsandbox"
    [[ $output =~ (statically|static-pie)\ linked ]]
  done
}

@test "krew installs the plugin, kubectl finds it, and it runs" {
  run -0 kubectl krew install --manifest="$DIST/agentsandbox.yaml" --archive="$(tarball amd64)"
  [ "$(readlink -f "$KREW_ROOT/bin/kubectl-agentsandbox")" = \
    "$KREW_ROOT/store/agentsandbox/v$(<"$ROOT/VERSION")/kubectl-agentsandbox" ]
  [ "$(type -P kubectl-agentsandbox)" = "$KREW_ROOT/bin/kubectl-agentsandbox" ]
  cmp "$KREW_ROOT/bin/kubectl-agentsandbox" "$BATS_FILE_TMPDIR/amd64/kubectl-agentsandbox"
  run -0 asb version
  [[ ${lines[0]} = "kubectl-agentsandbox $(<"$ROOT/VERSION")" ]]
  run -7 asb run -- bash -c 'echo from inside; exit 7'
  grep -qx 'from inside' <<<"$output"
}

@test "krew on arm64 installs the other tarball" {
  export KREW_ARCH=arm64 KREW_ROOT=$BATS_TEST_TMPDIR/krew
  run -0 kubectl krew install --manifest="$DIST/agentsandbox.yaml" --archive="$(tarball arm64)"
  cmp "$KREW_ROOT/bin/kubectl-agentsandbox" "$BATS_FILE_TMPDIR/arm64/kubectl-agentsandbox"
}

@test "krew refuses a tarball that is not the manifest's" {
  export KREW_ARCH=arm64 KREW_ROOT=$BATS_TEST_TMPDIR/krew
  run ! kubectl krew install --manifest="$DIST/agentsandbox.yaml" --archive="$(tarball amd64)"
  [ ! -e "$KREW_ROOT/bin/kubectl-agentsandbox" ]
}

@test "both shims are inside" {
  run -0 "$BATS_FILE_TMPDIR/amd64/kubectl-agentsandbox" version -o json
  [ "$(jq -r '.shims[].arch' <<<"$output")" = $'amd64\narm64' ]
  [ "$(jq -r '.shim.configMap' <<<"$output")" = "agentsandbox-shim-$(jq -r '.shims[0].hash' <<<"$output")" ]
}

@test "on a host with nothing on it: version, and a command in the cluster" {
  bare "$USER_KUBECONFIG"
  run -0 in_bare "$(type -P chroot)" "$BARE" /kubectl-agentsandbox version
  [[ ${lines[0]} = "kubectl-agentsandbox $(<"$ROOT/VERSION")" ]]
  runs_bare
}

@test "without a CA in the kubeconfig the host's authorities count, and only they" {
  bare <(without_ca)
  distrusts_bare
  cluster_ca >"$BARE/ca.crt"
  runs_bare SSL_CERT_FILE=/ca.crt
  for file in etc/ssl/certs/ca-certificates.crt etc/pki/tls/certs/ca-bundle.crt etc/ssl/ca-bundle.pem etc/ssl/cert.pem; do
    mkdir -p "$BARE/${file%/*}"
    mv "$BARE/ca.crt" "$BARE/$file"
    runs_bare
    mv "$BARE/$file" "$BARE/ca.crt"
  done
  distrusts_bare
}

@test "with a CA in the kubeconfig the host's authorities do not count" {
  openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=another -keyout "$BATS_TEST_TMPDIR/key" \
    -out "$BATS_TEST_TMPDIR/another" 2>/dev/null
  bare <(sed "s/certificate-authority-data: [^}]*/certificate-authority-data: $(base64 -w 0 "$BATS_TEST_TMPDIR/another")/" "$USER_KUBECONFIG")
  mkdir -p "$BARE/etc/ssl/certs"
  cluster_ca >"$BARE/etc/ssl/certs/ca-certificates.crt"
  distrusts_bare
}

@test "the plugin for arm64 works: its version, and a command in the cluster" {
  plugin=$BATS_FILE_TMPDIR/arm64/kubectl-agentsandbox
  run -0 qemu-aarch64-static "$plugin" version
  [[ ${lines[0]} = "kubectl-agentsandbox $(<"$ROOT/VERSION")" ]]
  KUBECONFIG=$USER_KUBECONFIG run -7 qemu-aarch64-static "$plugin" run -- bash -c 'echo from inside; exit 7'
  grep -qx 'from inside' <<<"$output"
}

@test "built again in another directory it is the same, byte by byte" {
  run -0 "$ROOT/krew/check"
}

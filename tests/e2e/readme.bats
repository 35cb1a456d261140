#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# readme.bats - every line of the README that a user types, as it stands there, in an empty directory. Names are made unique.
load helper

setup_file() {
  cluster_setup
  export BOX FAST
  BOX=$(unique box) FAST=$(unique fast)
}

setup() {
  mkdir -p "$BATS_TEST_TMPDIR/empty"
  cd "$BATS_TEST_TMPDIR/empty" || return 1
}

teardown_file() {
  asb delete --ignore-not-found "$BOX"
  asb pool delete "$FAST" >/dev/null 2>&1 || true
  gone "$BOX"
}

typed() { # typed HEADING: the lines of the shell blocks below it, without comments
  awk -v heading="$1" '/^## / { on = ($0 == "## " heading) } /^```/ { code = ($0 == "```sh"); next } on && code' "$ROOT/README.md" |
    sed -E 's/ +# .*//; s/\bbox\b/'"$BOX"'/g; s/\bfast\b/'"$FAST"'/g'
}

lines_of() { # lines_of HEADING COUNT: runs each; there are at least COUNT
  local line n=0
  while IFS= read -r line; do
    [ -n "$line" ] || continue
    n=$((n + 1))
    echo "\$ $line"
    KUBECONFIG=$USER_KUBECONFIG bash -c "$line" </dev/null || { echo "ended with $?" && return 1; }
  done < <(typed "$1")
  [ "$n" -ge "$2" ] || { echo "only $n lines" && return 1; }
}

@test "the first five minutes" {
  if ! admin get runtimeclass gvisor >/dev/null 2>&1; then skip "the cluster has no RuntimeClass gvisor"; fi
  run lines_of "The first five minutes" 7
  echo "$output"
  [ "$status" -eq 0 ]
  [[ "$output" == *5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03* ]] # of "hello"
  [[ "$output" == *$'\n124\n'* ]]
  [[ "$output" == *$'\nblue\n'* ]]
  [[ "$output" == *"Starting gVisor"* ]]
  [[ "$output" == *$'\n3' ]]
  [ -z "$(ls)" ]
}

@test "work in a sandbox" { # in one shell, as its variable wants it; a forward would stay until it is interrupted
  local script
  mkdir src && echo hello >src/notes.txt
  script=$(typed "Work in a sandbox" | sed -E "s/^(kubectl agentsandbox port-forward .*)/timeout --preserve-status -s INT 5 \\1 \\&\& echo forwarded/")
  KUBECONFIG=$USER_KUBECONFIG run -0 --separate-stderr bash -ec "$script" </dev/null
  echo "$output" "$stderr"
  [ "$(<notes.txt)" = hello ]
  [[ "$output" == *Forwarding*:8080*forwarded* ]]
  [[ "$output" == *running*$'\ndone\n'* ]]
  [[ "$output" == *'"text":"'*src* ]]
  [[ "$output" == *"\"$BOX\" deleted"* ]]
  gone "$BOX"
}

@test "sandboxes that stay" {
  run lines_of "Sandboxes that stay" 8
  echo "$output"
  [ "$status" -eq 0 ]
  [[ "$output" =~ [0-9]+\ pods.txt ]]
  [[ "$output" == *"\"$BOX\" deleted"* ]]
  gone "$BOX"
}

@test "warm pools" {
  run lines_of "Warm pools" 3
  echo "$output"
  [ "$status" -eq 0 ]
  [[ "$output" == *NAME*STATUS*ROLES* ]]
}

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# completion.bats - `kubectl agentsandbox` completed by kubectl itself.
load helper

setup_file() {
  cluster_setup
  export PATH="$ROOT/completion:$PATH"
}

completes() { KUBECONFIG=$USER_KUBECONFIG kubectl __complete agentsandbox "$@" 2>/dev/null; }

@test "commands and their subcommands, with what they are for" {
  run -0 completes r
  [ "$output" = $'run\tRuns one command in a sandbox of its own\nresume\tStarts a suspended sandbox again\n:4' ]
  run -0 completes pool sc
  [[ "$output" == scale$'\t'*$'\n:4' ]]
  run -0 completes help ex
  [[ "$output" == exec$'\t'*$'\nextend\t'*$'\n:4' ]]
  run -0 completes no-such-command ""
  [ "$output" = ":4" ]
}

@test "options of the command, and their values where they are known" {
  run -0 completes run --image
  [[ "$output" == --image$'\t'*$'\n--image-pull-policy\t'*$'\n:4' ]]
  run -0 completes pool create --image-
  [[ "$output" == --image-pull-policy$'\t'*$'\n:4' ]]
  run -0 completes run --cold n
  [ "$output" = $'never\n:4' ]
  run -0 completes create -f ""
  [ "$output" = ":0" ] # files
  run -0 completes run -- ca
  [ "$output" = ":0" ]
}

@test "names of sandboxes, only where one is wanted" {
  name=$(unique complete)
  asb create "$name" --ttl 10m --wait=false >/dev/null
  run -0 completes exec "${name%?}"
  [ "$output" = "$name"$'\n:4' ]
  run -0 completes delete other "${name%?}"
  [ "$output" = "$name"$'\n:4' ]
  run -0 completes exec --timeout 3s "${name%?}"
  [ "$output" = "$name"$'\n:4' ]
  run -0 completes exec "$name" "${name%?}"
  [ "$output" = ":4" ]
  run -0 completes exec -n default "${name%?}" # where it is not, and the user may not look
  [ "$output" = ":4" ]
  asb delete "$name"
  gone "$name"
}

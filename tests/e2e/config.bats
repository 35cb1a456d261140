#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# config.bats - what a file or a variable says counts where no flag does, and mistakes in it are named.
load helper

setup_file() { cluster_setup; }
setup() {
  export XDG_CONFIG_HOME=$BATS_TEST_TMPDIR
  mkdir "$XDG_CONFIG_HOME/kubectl-agentsandbox" "$XDG_CONFIG_HOME/kubectl-ai"
  own=$XDG_CONFIG_HOME/kubectl-agentsandbox/config.yaml
  theirs=$XDG_CONFIG_HOME/kubectl-ai/config.yaml
}

from() { # from KEY: its source and value
  asb config view -o json | jq -r --arg key "$1" '.settings[$key] | "\(.source) \(.value)"'
}

@test "with a configuration file no flags are needed" {
  cat >"$own" <<END
image: docker.io/library/debian:12
user: 4242
resources: {memory: 64Mi}
env: {TEAM: blue, ROOM: "12"}
workdir: /tmp
timeout: 1m
END
  name=$(unique config)
  run -0 --separate-stderr asb run --name "$name" --keep 'id -u; pwd; echo $TEAM $ROOM; grep -o Debian /etc/os-release | head -1'
  [ "$output" = $'4242\n/tmp\nblue 12\nDebian' ]
  run -0 admin -n $NS get pod "$name" -o jsonpath='{.spec.containers[0].image} {.spec.containers[0].resources.limits.memory}'
  [ "$output" = "docker.io/library/debian:12 64Mi" ]
  admin -n $NS delete sandbox "$name"
  gone "$name"
  run -0 --separate-stderr asb run --user 4243 --env TEAM=red --workdir /workspace 'id -u; pwd; echo $TEAM $ROOM'
  [ "$output" = $'4243\n/workspace\nred 12' ]
  run -124 asb run --timeout 1s 'sleep 60'
}

@test "kubectl-ai's file is honoured: sandbox, image and RuntimeClass" {
  cat >"$theirs" <<END
llmProvider: gemini
sandbox: agent-sandbox
sandboxImage: docker.io/library/debian:12
END
  run -0 asb run 'grep -o Debian /etc/os-release | head -1; command -v kubectl || echo none'
  [ "$output" = $'Debian\nnone' ]
  echo 'runtimeClass: gvisor-of-kubectl-ai' >>"$theirs"
  name=$(unique ai)
  run -125 asb run --name "$name" true
  [[ "$output" == *gvisor-of-kubectl-ai* ]]
  gone "$name"
  run -0 asb run --runtime-class '' 'echo none'
  [ "$output" = none ]
}

@test "a flag comes before a variable, that before our file, that before kubectl-ai's, that before the default" {
  run -0 from image
  [ "$output" = "default bitnami/kubectl:latest" ]
  echo 'sandboxImage: ai:1' >"$theirs"
  run -0 from image
  [ "$output" = "kubectl-ai ai:1" ]
  echo 'image: own:1' >"$own"
  run -0 from image
  [ "$output" = "file own:1" ]
  export AGENTSANDBOX_IMAGE=docker.io/denied/variable:1
  run -0 from image
  [ "$output" = "environment docker.io/denied/variable:1" ]
  run -125 asb run true
  [[ "$output" == *docker.io/denied/variable:1* ]]
  run -0 asb run --image bitnami/kubectl:latest 'echo flag'
  [ "$output" = flag ]
}

@test "the namespace of the file is where the sandbox is made; -n is another" {
  echo 'namespace: no-such-namespace' >"$own"
  run -125 asb run true
  [[ "$output" == *no-such-namespace* ]]
  run -0 asb run -n $NS 'echo here'
  [ "$output" = here ]
}

@test "AGENTSANDBOX_CONFIG names another file, which must exist" {
  echo 'image: own:1' >"$own"
  echo 'image: other:1' >other.yaml
  AGENTSANDBOX_CONFIG=other.yaml run -0 from image
  [ "$output" = "file other:1" ]
  AGENTSANDBOX_CONFIG=other.yaml run -0 asb config path
  [ "$output" = other.yaml ]
  AGENTSANDBOX_CONFIG=missing.yaml run -2 asb run true
  [[ "$output" == *missing.yaml* ]]
}

@test "a mistake in the file is a usage error with its line and what was meant; help still works" {
  printf '# mine\nimage: x:1\nruntime: gvisor\n' >"$own"
  run -2 asb run true
  [[ "$output" == *"$own:3: unknown key \"runtime\""* ]]
  [[ "$output" == *"runtimeClass"* ]]
  run -2 asb config view
  run -0 asb run --help
  run -0 asb config path
  [ "$output" = "$own" ]
  printf 'env:\n  PORT: 8080\n' >"$own"
  run -2 asb run true
  [[ "$output" == *"$own:2: env.PORT is a number"* ]]
  printf 'lease: 1s\n' >"$own"
  run -2 asb run true
  [[ "$output" == *"$own:1: lease is shorter than 10s"* ]]
  AGENTSANDBOX_CPU=lots run -2 asb run true
  [[ "$output" == *AGENTSANDBOX_CPU*lots* ]]
}

@test "a mistake in kubectl-ai's file is a note, which --quiet hides" {
  echo 'sandboxImage: [' >"$theirs"
  run -0 --separate-stderr asb run 'echo fine'
  [ "$output" = fine ]
  [[ "$stderr" == "note: kubectl-ai's settings are not used: $theirs: "* ]]
  run -0 --separate-stderr asb run --quiet 'echo fine'
  [ "$output" = fine ]
  [ -z "$stderr" ]
}

@test "config view shows where values come from, and no value of env" {
  printf 'runtimeClass: gvisor\nenv: {TOKEN: do-not-show}\n' >"$own"
  AGENTSANDBOX_CPU=2 run -0 asb config view
  [[ "$output" == *"gvisor"*"$own:1"* ]]
  grep -qE "^resources.cpu +2 +AGENTSANDBOX_CPU\$" <<<"$output"
  grep -qE "^image +bitnami/kubectl:latest +default\$" <<<"$output"
  grep -qE "^env +TOKEN +$own:2\$" <<<"$output"
  for format in json yaml; do
    run -0 asb config view -o $format
    [[ "$output" == *TOKEN* ]]
    [[ "$output" != *do-not-show* ]]
  done
  run -0 asb config keys
  [[ "$output" == *AGENTSANDBOX_RUNTIME_CLASS* ]]
}

@test "sandbox: k8s of kubectl-ai's file makes a plain pod, the flag a Sandbox" {
  echo 'sandbox: k8s' >"$theirs"
  name=$(unique plain)
  run -0 --separate-stderr asb run --name "$name" 'echo plain; kubectl -n computer get pods -o name'
  [[ "$output" == plain*"pod/$name"* ]]
  gone "$name"
  name=$(unique flag)
  run -0 --separate-stderr asb run --name "$name" --sandbox agent-sandbox --keep 'echo sandbox'
  [ "$output" = sandbox ]
  sandbox_exists "$name"
  admin -n $NS delete sandbox "$name"
  gone "$name"
}

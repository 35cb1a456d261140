#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run.bats - the main job: a command runs in a Sandbox as it would at home, and nothing is left. So it does in every cell
# of the matrix: what only one of them can show is in cold.bats, gvisor.bats and pool.bats.
load helper

setup_file() {
  cluster_setup
  cell_setup
}
teardown_file() { cell_teardown; }
setup() { cell_ready; }

@test "the agent's kubectl lists the pods of the cluster, through kubectl's plugin discovery" {
  name=$(unique list)
  run --separate-stderr asb run --name "$name" "kubectl get pods -A; hostname"
  [ "$status" -eq 0 ]
  [[ "$output" == *agent-sandbox-controller* ]]
  [[ "$output" =~ \ (${lines[-1]})\  ]] # its own pod among them
  [ -z "$(without_notes "$stderr")" ]
  gone "$name"
}

@test "kubectl agent-sandbox works too" {
  KUBECONFIG=$USER_KUBECONFIG run -0 --separate-stderr kubectl agent-sandbox run "echo yes"
  [ "$output" = yes ]
}

@test "a client certificate works as well as a token" {
  [ -z "${AGENTSANDBOX_TEST_KUBECONFIG:-}" ] || skip "the cluster is not ours"
  "$ROOT/tests/cluster/cluster" user cert-user agentsandbox:users >"$BATS_TEST_TMPDIR/kc"
  admin -n $NS create rolebinding e2e-cert --role=kubectl-agentsandbox-user --user=cert-user --dry-run=client -o yaml | admin apply -f -
  run -0 --separate-stderr as_user "$BATS_TEST_TMPDIR/kc" run "echo cert"
  admin -n $NS delete rolebinding e2e-cert
  [ "$output" = cert ]
}

@test "stdout and stderr stay apart, the exit code is the command's" {
  run -7 --separate-stderr asb run 'echo out; echo err >&2; exit 7'
  [ "$output" = out ]
  [ "$(without_notes "$stderr")" = err ]
}

@test "a killed command gives 137, a missing program 127, one that can't be executed 126" {
  run -137 asb run 'kill -9 $$'
  run -127 asb run -- no-such-program
  [[ "$output" == *no-such-program* ]]
  run -126 asb run -- /etc/passwd
}

@test "arguments reach the program unchanged, without a shell" {
  run -0 --separate-stderr asb run -- printf '%s|' 'a b' '$HOME' '*' '' 'x;y' $'two\nlines' '"q"'
  [ "$output" = $'a b|$HOME|*||x;y|two\nlines|"q"|' ]
}

@test "an image without a shell runs kubectl" {
  image=$(admin get nodes -o jsonpath='{.items[0].status.images[*].names}' | tr -d '[]"' | tr ', ' '\n\n' | grep -m1 '^registry.k8s.io/kubectl:')
  run -0 asb run --image "$image" --image-pull-policy IfNotPresent -- kubectl get pods -n $NS
  [[ "$output" == *run-* ]]
  run -127 asb run --image "$image" "echo hi"
  [[ "$output" == *"-- PROGRAM"* ]]
}

@test "--timeout 1s ends sleep 60 with 124 within 2 s of running, and no process is left inside" {
  for try in 1 2 3; do # a machine that is busy may need more, once
    name=$(unique timeout)
    run -124 --separate-stderr asb run --name "$name" --keep --timeout 1s -o json 'setsid sleep 61 & sleep 60'
    [ "$(jq .timedOut <<<"$output")" = true ]
    [ "$(jq '.durations.run < 2' <<<"$output")" = false ] || break
    [ $try -lt 3 ]
    remove "$name"
  done
  run ! --separate-stderr admin -n $NS exec "$(pod_of "$name")" -- pgrep sleep
  [ -z "$output" ]
  remove "$name"
}

@test "64 MiB through stdin and 64 MiB out arrive unchanged" {
  head -c 64M /dev/urandom >in
  run -0 --separate-stderr asb run -i -- sha256sum <in
  [ "${output%% *}" = "$(sha256sum <in | cut -d' ' -f1)" ]
  asb run -i cat <in >out
  cmp in out
  rm in out
}

@test "a command line of 100 KB works" {
  line=": $(head -c 100000 /dev/zero | tr '\0' x); echo done"
  run -0 --separate-stderr asb run "$line"
  [ "$output" = done ]
}

@test "200 environment variables arrive unchanged, with blanks, quotes, newlines and semicolons" {
  args=()
  for i in $(seq 200); do args+=(--env "V$i=a b'\"; \$x"$'\n'"line $i"); done
  run -0 --separate-stderr asb run "${args[@]}" 'for i in $(seq 200); do v=V$i; printf "%s\0" "${!v}"; done | sha256sum'
  want=$(for i in $(seq 200); do printf '%s\0' "a b'\"; \$x"$'\n'"line $i"; done | sha256sum)
  [ "$output" = "$want" ]
}

@test "no local variable is visible inside" {
  SECRET_OF_MINE=do-not-leak run -0 asb run 'env; tr "\0" "\n" </proc/1/environ 2>/dev/null; true'
  [[ "$output" != *do-not-leak* ]]
  [[ "$output" != *SECRET_OF_MINE* ]]
  run -2 asb run --env HOME true
}

@test "images whose user is root run as 1001; --user takes another; HOME and the work directory are writable" {
  for image in docker.io/library/debian:12 bitnami/kubectl:latest; do
    run -0 --separate-stderr asb run --image "$image" --image-pull-policy IfNotPresent 'id -u; touch "$HOME/a" ./b /tmp/c && echo writable; pwd'
    [ "${lines[0]}" = 1001 ]
    [ "${lines[1]}" = writable ]
  done
  run -0 --separate-stderr asb run --user 4242 'id -u; touch "$HOME/a" ./b && echo writable'
  [ "${lines[0]}" = 4242 ]
  [ "${lines[1]}" = writable ]
  run -0 --separate-stderr asb run --user image 'id -u'
  [ "$output" = 1001 ]
  run -125 asb run --user image --image docker.io/library/debian:12 --image-pull-policy IfNotPresent 'id -u'
  [[ "$output" == *PodSecurity* ]]
}

@test "the pod passes PodSecurity restricted, and the sandbox can't be written outside its directories" {
  [ "$(admin get namespace $NS -o jsonpath='{.metadata.labels.pod-security\.kubernetes\.io/enforce}')" = restricted ]
  run -0 --separate-stderr asb run 'touch /etc/x 2>/dev/null || echo refused; grep " / " /proc/mounts; grep CapEff /proc/self/status'
  [[ "$output" == refused* ]]
  [[ "$output" =~ " / "[a-z0-9]+" ro," ]]
  [[ "$output" == *"CapEff:"*0000000000000000* ]]
}

@test "the agent can read everything but Secrets" {
  run -0 asb run 'kubectl auth can-i list pods -A && kubectl auth can-i list nodes'
  run -0 asb run 'kubectl auth can-i get secrets -A || true; kubectl auth can-i create pods || true'
  [[ "$output" != *yes* ]]
}

@test "--workdir, --cpu and --memory are honoured" {
  name=$(unique flags)
  run -0 --separate-stderr asb run --name "$name" --keep --workdir /tmp --cpu 250m --memory 128Mi pwd
  [ "${lines[0]}" = /tmp ]
  [ "$(admin -n $NS get pod "$name" -o jsonpath='{.spec.containers[0].resources.limits.cpu} {.spec.containers[0].resources.limits.memory}')" = "250m 128Mi" ]
  remove "$name"
}

@test "a command that is killed for its memory says so" {
  run -137 asb run --memory 64Mi 'x=$(head -c 200M /dev/zero | tr "\0" x); echo "${#x}"'
  [[ "$output" == *memory* ]]
}

@test "-o json gives one object on stdout" {
  run -3 --separate-stderr asb run -o json 'echo out; echo err >&2; exit 3'
  [ "$(jq -s length <<<"$output")" = 1 ]
  [ "$(jq .exitCode <<<"$output")" = 3 ]
  [ "$(jq '.bytes.stdout, .bytes.stderr' <<<"$output" | xargs)" = "4 4" ]
  [ "$(jq '.durations | [.check, .create, .schedule, .start, .connect, .run, .delete, .total] | all(type == "number")' <<<"$output")" = true ]
  [[ "$(jq -r .sandbox <<<"$output")" == run-* ]]
  run -137 --separate-stderr asb run -o json 'kill -9 $$'
  [ "$(jq -r .signal <<<"$output")" = KILL ]
}

@test "output arrives live" {
  mkfifo live
  exec 8<>live # opened for both, so that neither end waits for the other
  background run 'echo first; sleep 30' >live 8>&-
  read -r -t 20 line <&8
  [ "$line" = first ]
  kill -0 $plugin
  kill -INT $plugin
  wait $plugin || true
  exec 8<&-
}

@test "a reader that leaves ends the command as a pipe would" {
  run -0 --separate-stderr bash -c 'KUBECONFIG=$USER_KUBECONFIG timeout 60 kubectl-agentsandbox run "yes; echo \$? >&2" | head -n 1'
  [ "${lines[0]}" = y ]
}

@test "a full disk is an error, not a success" {
  run -125 bash -c 'KUBECONFIG=$USER_KUBECONFIG kubectl-agentsandbox run "head -c 1M /dev/zero" >/dev/full'
  [[ "$output" == *"No space left"* ]]
}

@test "usage errors end with 2 and create nothing" {
  run -2 asb run
  run -2 asb run a b
  [[ "$output" == *"--"* ]]
  run -2 asb run --no-such-flag x
  run -2 asb run --cpu lots x
  run -2 asb run --memory 12Q x
  run -2 asb run --timeout soon x
  run -2 asb run --name Not_A_Name x
  run -2 asb run --workdir relative x
  run -2 asb run --image-pull-policy Sometimes x
  run -2 asb run --user nobody x
  run -2 asb rum x
  [[ "$output" == *run* ]]
}

@test "help can be read and names every flag" {
  run -0 asb help
  [[ "$output" == *run* ]]
  run -0 asb run --help
  for flag in image runtime-class service-account env workdir timeout ready-timeout keep name cpu memory image-pull-policy user stdin quiet output lease; do
    [[ "$output" == *"--$flag"* ]] || { echo "no --$flag"; return 1; }
  done
  run -0 asb version
}

@test "kubectl logs shows what the agent did, and no value of its environment" {
  name=$(unique audit)
  asb run --name "$name" --keep --env TOKEN=do-not-log -- echo audited
  run -0 admin -n $NS logs "$(pod_of "$name")"
  remove "$name"
  [[ "$output" == *'"audited"'* ]]
  [[ "$output" != *do-not-log* ]]
  jq -se 'length == 2' <<<"$output"
}

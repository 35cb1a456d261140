#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# cold.bats - what only a sandbox of its own under runc can show: what PID 1 takes of the machine, which walls Linux
# puts up, and that kubectl inside starts where the caller is.
load helper

setup_file() { cluster_setup; }

@test "yes | head -c 1G grows neither the plugin beyond 32 MiB nor the shim beyond 4 MiB" {
  name=$(unique giga)
  background run --name "$name" --keep 'yes | head -c 1G' >/dev/null
  within 30 pod_runs "$name"
  peak=0 shim=0
  until ended $plugin; do
    rss=$(awk '/VmHWM/ {print $2}' /proc/$plugin/status 2>/dev/null || true)
    [ "${rss:-0}" -le "$peak" ] || peak=$rss
    rss=$(shim_rss "$name")
    [ "${rss:-0}" -le "$shim" ] || shim=$rss
    sleep 0.2
  done
  wait $plugin
  echo "peak KiB: plugin $peak, shim $shim"
  admin -n $NS delete sandbox "$name"
  [ "$peak" -gt 0 ] && [ "$peak" -le 32768 ]
  [ "$shim" -gt 0 ] && [ "$shim" -le 4096 ]
}

shim_rss() { # peak RSS in KiB of PID 1 of a run, seen from the node (or from inside where the cluster isn't ours)
  admin -n $NS exec "$1" -- cat /proc/1/status 2>/dev/null | awk '/VmHWM/ {print $2}'
}

@test "an idle PID 1 uses at most 1 MiB and does not wake up" {
  name=$(unique idle)
  asb run --name "$name" --keep true
  # the look itself is an exec of the runtime: it does not wake PID 1
  before=$(admin -n $NS exec "$name" -- cat /proc/1/status)
  sleep 3 # what is measured is that nothing happens meanwhile
  after=$(admin -n $NS exec "$name" -- cat /proc/1/status)
  admin -n $NS delete sandbox "$name"
  echo "$after" | grep -E 'VmRSS|ctxt'
  [ "$(awk '/VmRSS/ {print $2}' <<<"$after")" -le 1024 ]
  [ "$(awk '/^voluntary/ {print $2}' <<<"$before")" = "$(awk '/^voluntary/ {print $2}' <<<"$after")" ]
}

@test "kubectl inside starts in the namespace of the caller's context" {
  user agent-user kube-system >"$BATS_TEST_TMPDIR/kc"
  run -0 as_user "$BATS_TEST_TMPDIR/kc" run 'kubectl config view --minify -o jsonpath={..namespace}'
  [ "$output" = kube-system ]
  run -0 asb run 'kubectl config view --minify -o jsonpath={..namespace}'
  [ "$output" = default ]
}

@test "no new privileges, and seccomp's filter" {
  run -0 asb run 'grep -E "NoNewPrivs|Seccomp:" /proc/self/status'
  [[ "$output" == *"NoNewPrivs:"*1* ]]
  [[ "$output" == *"Seccomp:"*2* ]]
}

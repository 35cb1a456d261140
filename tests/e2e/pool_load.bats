#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# pool_load.bats - more runs at once than a pool has sandboxes: each gets its own, nothing leaks, and the pool is whole again.
load helper

RUNS=100
AT_ONCE=10
SIZE=5
LONGEST=420 # seconds for all runs; a cold start takes a second or two, on an idle machine

setup_file() {
  cluster_setup
  export POOL=e2e-load-$$
  # small ones: those that end and those that start stand beside those that run
  asb pool create "$POOL" --size $SIZE --cpu 200m --memory 128Mi
}

teardown_file() { asb pool delete "$POOL" >/dev/null 2>&1 || true; }

full() { asb pool status "$1" >/dev/null; }

one() { # one N: runs a command that says who it is, and checks what comes back
  local said code=0
  said=$(asb run -q --pool "$POOL" --name "$RUN-$1" --env "NUMBER=$1" 'echo "run $NUMBER on $(hostname)"; exit $((NUMBER % 7))' 2>"err-$1") || code=$?
  if [ "$code" -eq $(($1 % 7)) ] && [[ "$said" =~ ^run\ $1\ on\ [a-z0-9-]+$ ]]; then
    echo "${said##* }" >>hosts
  else
    echo "run $1: exit status $code, \"$said\", $(cat "err-$1")" >>wrong
  fi
}

left_of_load() { # claims, sandboxes of claims, pods of either, and ConfigMaps of the runs
  admin -n $NS get "sandboxclaims.v1beta1.extensions.agents.x-k8s.io" -o name | grep "/$RUN-"
  admin -n $NS get sandboxes,pods,configmaps -o name | grep "/$RUN-"
  admin -n $NS get sandboxes,pods -o name | grep "/$POOL-" | while IFS= read -r object; do
    waits "$object" || echo "$object"
  done
}
waits() { # a Sandbox of the pool, or the pod of one
  local name=${1#*/}
  [ "$(admin -n $NS get sandbox "$name" -o jsonpath='{.metadata.ownerReferences[?(@.controller==true)].kind}' 2>/dev/null)" = SandboxWarmPool ]
}
nothing_leaks() { [ -z "$(left_of_load)" ]; }
pods_waiting() { admin -n $NS get pods -o name | grep -c "/$POOL-"; }
whole() { full "$POOL" && [ "$(pods_waiting)" -eq $SIZE ]; }

@test "$RUNS runs, $AT_ONCE at once, on a pool of $SIZE: all succeed with their own output, nothing leaks, the pool is whole again" {
  within 90 full "$POOL"
  RUN=$(unique load)
  export RUN
  : >hosts >wrong
  start=$SECONDS
  for ((worker = 0; worker < AT_ONCE; worker++)); do
    for ((i = worker; i < RUNS; i += AT_ONCE)); do
      [ $((SECONDS - start)) -lt $LONGEST ] || { echo "run $i: no time left" >>wrong; continue; }
      one "$i"
    done 3>&- &
  done
  wait
  cat wrong
  [ ! -s wrong ]
  [ "$(wc -l <hosts)" -eq $RUNS ]
  [ "$(sort -u hosts | wc -l)" -eq $RUNS ] # no sandbox is given twice
  within 90 nothing_leaks || { left_of_load; false; }
  within 90 whole || { asb pool status "$POOL"; pods_waiting; false; }
}

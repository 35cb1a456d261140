# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# common.sh - what the scripts here share: where things are kept, and how they fail.

HERE=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
CACHE=${AGENTSANDBOX_TEST_CACHE:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/kubectl-agentsandbox}/dist
LIBRARIES=$HERE/libraries

fail() { # fail CAUSE [HINT]
  printf 'error: %s\n' "$1" >&2
  [ $# -lt 2 ] || printf 'hint: %s\n' "$2" >&2
  exit 1
}

# pins: the lines of the list of libraries, without comments
pins() { grep -vE '^[[:space:]]*(#|$)' "$LIBRARIES"; }

# cached NAME KEY FUNCTION: prints the directory of the cache that FUNCTION DIR makes. It is made aside and renamed, so it is
# either whole or not there; KEY says what it is made from. Two builds of the same wait for each other.
cached() {
  local dir aside lock
  dir=$CACHE/$1-$(sha256sum <<<"$2" | cut -c1-16)
  if [ ! -d "$dir" ]; then
    mkdir -p "$CACHE"
    exec {lock}>"$CACHE/$1.lock"
    flock "$lock"
    if [ ! -d "$dir" ]; then
      aside=$CACHE/.$1
      rm -rf --one-file-system "$aside"
      mkdir "$aside"
      # Beside the shell and not in its condition, where errors would not end it.
      ( "$3" "$aside" ) >"$CACHE/$1.log" 2>&1 {lock}>&- &
      wait $! || {
        tail -n 30 "$CACHE/$1.log" >&2
        fail "building $1 failed, all of it is in $CACHE/$1.log"
      }
      mv -T "$aside" "$dir"
    fi
    exec {lock}>&-
  fi
  printf '%s\n' "$dir"
}

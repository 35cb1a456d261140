# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# secrets.bash - what is said at the highest verbosity is recorded, and searched for all secrets at the end of a file.
#
#   secret TEXT...       TEXT must not be said, nor its base64
#   recorded COMMAND...  runs it; what it says on stderr goes to $BATS_TEST_TMPDIR/err, and on the record
#   no_secret_was_said   of the whole file; fails when nothing was recorded, or nothing verbose

secret() { printf '%s\n' "$@" >>"$BATS_FILE_TMPDIR/secrets"; }

recorded() {
  local code=0
  "$@" 2>"$BATS_TEST_TMPDIR/err" || code=$?
  cat "$BATS_TEST_TMPDIR/err" >>"$BATS_FILE_TMPDIR/said"
  return $code
}

said() { # said TEXT...: by the last recorded command
  local text
  for text in "$@"; do
    grep -qF -- "$text" "$BATS_TEST_TMPDIR/err" || { echo "not said: $text"; tail -n 5 "$BATS_TEST_TMPDIR/err"; return 1; }
  done
}

no_secret_was_said() {
  local text said=$BATS_FILE_TMPDIR/said
  grep -q '^> Authorization: <masked>' "$said"
  grep -q '^response body: ' "$said"
  [ "$(sort -u "$BATS_FILE_TMPDIR/secrets" | wc -l)" -ge "$1" ]
  while read -r text; do
    [ ${#text} -ge 6 ] || { echo "too short to be looked for: $text"; return 1; }
    for text in "$text" "$(printf '%s' "$text" | base64 -w0)"; do
      ! grep -nF -- "$text" "$said" || return 1
    done
  done < <(sort -u "$BATS_FILE_TMPDIR/secrets")
}

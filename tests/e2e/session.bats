#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# session.bats - many commands over one connection, in lines of JSON.
load helper

setup_file() {
  cluster_setup
  export BOX=e2e-session-$$
  asb run -q --name "$BOX" --keep true
}
teardown_file() { remove "$BOX"; }

session() { asb session "$BOX"; }
of() { jq -c "select(.id == $1)" "$2"; } # of ID FILE: its events
text() { jq -j "select(.id == $1 and .event == \"$2\").text" "$3"; }
in_background() { # in_background FIFO BOX: with stdin, which a shell's background job has not by itself
  rm -f events errors # of the test before
  KUBECONFIG=$USER_KUBECONFIG kubectl-agentsandbox session -n $NS "$2" <"$1" >events 2>errors 3>&- 7>&- &
  plugin=$!
  exec 7>"$1"
}
has_event() { grep -qs "\"event\":\"$1\"" "$2"; }

@test "session: commands run as exec runs them, each with its own output and status" {
  run -0 --separate-stderr session <<'END'
{"id": "a", "line": "echo $TEAM; echo err >&2; exit 7", "env": {"TEAM": "blue"}}
{"id": "b", "argv": ["sh", "-c", "pwd; cat"], "cwd": "/tmp", "stdin": "typed"}
{"id": "c", "argv": ["no-such-program"]}

{"id": "d", "line": "kill -9 $$"}
{"id": 5, "line": "cat | od -An -tx1", "stdinBase64": "AP8="}
{"id": "e", "line": "printf '\\377\\000'"}
END
  [ -z "$stderr" ]
  echo "$output" >events
  [ "$(text '"a"' stdout events)|$(text '"a"' stderr events)" = $'blue|err' ]
  [ "$(text '"b"' stdout events)" = $'/tmp\ntyped' ]
  [ "$(text 5 stdout events)" = ' 00 ff' ]
  [ "$(of '"e"' events | jq -r 'select(.event == "stdout").base64')" = /wA= ]
  [ "$(jq -r 'select(.event == "exit") | "\(.id) \(.exitCode) \(.signal)"' events | sort | paste -sd,)" = "5 0 null,a 7 null,b 0 null,d 137 KILL,e 0 null" ]
  [ "$(of '"c"' events | jq -r '"\(.event) \(.exitCode) \(.started)"')" = "failed 127 false" ]
  [ "$(of '"a"' events | jq -r .event | paste -sd' ')" = "started stdout stderr exit" ] ||
    [ "$(of '"a"' events | jq -r .event | paste -sd' ')" = "started stderr stdout exit" ]
}

@test "session: 1,000 commands, and 200 at once" {
  seq 1000 | jq -c '{id: ., argv: ["echo", "n\(.)"]}' | session >events
  [ "$(jq -r 'select(.event == "exit" and .exitCode == 0).id' events | sort -n | uniq | wc -l)" -eq 1000 ]
  jq -j 'select(.event == "stdout") | "\(.id) \(.text)"' events | awk '$2 != "n" $1 { exit 1 } END { exit NR != 1000 }'
  seq 200 | jq -c '{id: ., line: "read x; echo $x \(.)", stdinOpen: true}' >in
  seq 200 | jq -c '{id: ., stdin: "go\n"}' >>in
  session <in >events
  [ "$(jq -j 'select(.event == "stdout").text' events | sort -k2n | paste -sd,)" = "$(seq -f 'go %g' 200 | paste -sd,)" ]
}

@test "session: a dialogue with a command, and a signal for it" {
  mkfifo lines
  in_background lines "$BOX"
  echo '{"id":"py","line":"trap \"echo caught; exit 4\" INT; while read -r x; do echo \"got $x\"; done; echo end; sleep 100","stdinOpen":true}' >&7
  echo '{"id":"py","stdin":"one\n"}' >&7
  within 40 grep -qs 'got one' events
  echo '{"id":"py","stdin":"two\n","stdinOpen":false}' >&7
  within 40 grep -qs 'end' events
  echo '{"id":"py","signal":"INT"}' >&7
  within 40 has_event exit events
  exec 7>&-
  ends_with 0 40
  [ "$(text '"py"' stdout events)" = $'got one\ngot two\nend\ncaught' ]
  [ "$(jq -r 'select(.event == "exit").exitCode' events)" = 4 ]
}

@test "session: a line that can't be followed is told, and nothing else happens" {
  run -0 session <<'END'
nonsense
{"id": "a", "line": "sleep 1; echo done"}
{"id": "a", "line": "echo twice"}
{"id": "b", "lines": "true"}
{"id": "gone", "signal": "INT"}
{"line": "true"}
END
  [ "$(jq -r 'select(.event == "error").line' <<<"$output" | paste -sd,)" = 1,3,4,5,6 ]
  [ "$(jq -j 'select(.event == "stdout").text' <<<"$output")" = done ]
  [ "$(jq -r 'select(.event == "exit").exitCode' <<<"$output")" = 0 ]
}

@test "session: a timeout ends one command and its tree; others go on" {
  run -0 session <<'END'
{"id": "slow", "line": "setsid sleep 61 & sleep 60", "timeout": "1s"}
{"id": "other", "line": "sleep 2; echo here"}
END
  [ "$(jq -r 'select(.id == "slow" and .event == "exit") | "\(.exitCode) \(.timedOut) \(.error)"' <<<"$output")" = "124 true timed out after 1s" ]
  [ "$(jq -j 'select(.event == "stdout").text' <<<"$output")" = here ]
  run ! asb exec "$BOX" -- pgrep sleep
}

@test "session: 10 MiB arrive unchanged, as text and as bytes; a slow reader loses nothing" {
  asb exec "$BOX" 'head -c 10M /dev/urandom >/tmp/bytes; base64 </tmp/bytes >/tmp/text'
  session <<<'{"id":1,"argv":["cat","/tmp/bytes"]}' | jq -r 'select(.event == "stdout") | .base64 // (.text | @base64)' |
    while read -r piece; do base64 -d <<<"$piece"; done | sha256sum >ours
  [ "$(asb exec "$BOX" 'sha256sum </tmp/bytes')" = "$(cat ours)" ]
  { echo '{"id":1,"argv":["cat","/tmp/text"]}'; echo '{"id":2,"argv":["sh","-c","sleep 1; echo second"]}'; } | session |
    { dd bs=1000 count=1 iflag=fullblock status=none; sleep 3; cat; } >events
  [ "$(asb exec "$BOX" 'sha256sum </tmp/text')" = "$(text 1 stdout events | sha256sum)" ]
  [ "$(text 2 stdout events)" = second ]
  jq -e -s '[.[] | select(.event == "exit").exitCode] == [0, 0]' events
}

@test "session: SIGTERM ends it and all that runs in it; a sandbox that is gone too, with its reason" {
  mkfifo more
  in_background more "$BOX"
  echo '{"id":1,"argv":["sleep","1234"]}' >&7
  within 40 has_event started events
  kill -TERM $plugin
  ends_with 143 40
  exec 7>&-
  within 40 no_sleep
  victim=e2e-session-victim-$$
  asb run -q --name "$victim" --keep true
  in_background more "$victim"
  echo '{"id":1,"argv":["sleep","1234"]}' >&7
  within 40 has_event started events
  remove "$victim"
  ends_with 125 40
  exec 7>&-
  [ -s errors ]
  [ "$(of 1 events | jq -r 'select(.event == "failed").started')" = true ] || has_event exit events
}
no_sleep() { asb exec "$BOX" '! cat /proc/[0-9]*/comm 2>/dev/null | grep -qx sleep'; }

@test "session: what can't be meant is a usage error" {
  run -2 asb session
  run -2 asb session "$BOX" more
  run -125 asb session no-such-sandbox </dev/null
  [[ "$output" == *"not found"* ]]
}

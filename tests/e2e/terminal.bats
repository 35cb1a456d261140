#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# terminal.bats - -it as a person uses it: a real terminal (tmux), a shell that leaves its modes alone (dash), and in the
# sandbox bash, vim, less and top. vim and less come from this machine: no image has to hold them.
# shellcheck disable=SC2016 # what is typed is for the shell in the terminal
load helper

setup_file() {
  cluster_setup
  export BOX=e2e-terminal-$$
  asb run -q --name "$BOX" --keep true
  bring_programs
}
teardown_file() { remove "$BOX"; }

bring_programs() { # into /workspace of the sandbox, with their libraries
  local program
  mkdir -p programs/lib
  for program in vim less; do
    cp "$(readlink -f "$(command -v $program)")" programs/$program
    ldd programs/$program | sed -n 's/.*=> \(\/[^ ]*\).*/\1/p' | grep -v '/libc\.so' | xargs -I{} cp -L {} programs/lib
  done
  tar -C programs -c vim less lib | asb exec "$BOX" -i -- tar -x -C /workspace
}

t() { tmux -S "$BATS_TEST_TMPDIR/tmux" "$@"; } # a server for each test: the last one may still be going away

setup() { # a terminal of 30 lines and 100 columns with a shell in it
  t -f /dev/null new-session -d -x 100 -y 30 \
    "env PATH='$PATH' KUBECONFIG='$USER_KUBECONFIG' PS1='local> ' XDG_CONFIG_HOME='$XDG_CONFIG_HOME' dash -i"
  t set-option -g history-limit 5000
  shows 'local>'
  tty=$(t display-message -p '#{pane_tty}')
  pane=$(t display-message -p '#{pane_pid}')
  modes=$(stty -g -F "$tty")
}
teardown() { t kill-server 2>/dev/null || true; }

screen() { t capture-pane -p -S - | sed 's/ *$//' | grep .; }
on_screen() { screen | grep -qF -- "$1"; }
shows() { within 60 on_screen "$1" || { screen; return 1; }; }
line() { # types a line; the screen is empty before
  t send-keys -R
  t clear-history
  type "$1"
  key Enter
}
type() { t send-keys -l -- "$1"; }
key() { t send-keys "$@"; }
has_modes() { [ "$(stty -g -F "$tty")" = "$modes" ]; }
is_raw() { ! has_modes; }
same_modes() { within 30 has_modes || { stty -a -F "$tty"; return 1; }; }
status_is() { # of the last command in the local shell, which has the terminal as it was
  shows 'local>'
  same_modes
  line 'echo "status $?"'
  shows "status $1"
}
inside() { # a shell in the sandbox
  line "kubectl agentsandbox exec -it ${1:-$BOX} --env PS1='in''side> ' --env LD_LIBRARY_PATH=/workspace/lib -w /workspace -- bash --norc"
  shows 'inside>'
  within 30 is_raw
}
plugin() { pgrep -P "$pane"; }
interrupted() { # a key that comes before the shell has given the terminal away is lost
  key C-c
  within 2 on_screen 'inside>'
}
stopped() {
  key C-z
  within 2 on_screen Stopped
}
no_sleep() { ! asb exec "$BOX" -- pgrep sleep >/dev/null; }

@test "a terminal: the command has one of our size and kind, and it follows ours" {
  inside
  line 'test -t 0 && test -t 1 && test -t 2 && stty size && echo "kind $TERM"'
  shows '30 100'
  shows "kind $(t show-options -gv default-terminal)"
  t resize-window -x 120 -y 40
  line 'until [ "$(stty size)" = "40 120" ]; do sleep 0.1; done; echo fol""lowed'
  shows followed
  line 'exit 7'
  status_is 7
}

@test "a terminal: bash controls its jobs, Ctrl-C and Ctrl-D are the command's" {
  inside
  line 'sleep 300'
  within 30 asb exec "$BOX" -- pgrep -x sleep
  within 60 stopped
  line 'bg; jobs'
  shows Running
  line fg
  within 60 interrupted
  line 'echo "ended $?"'
  shows 'ended 130'
  line 'cat; echo ca""t is over'
  type typed
  key Enter C-d
  shows 'cat is over'
  key C-d
  status_is 0
}

@test "a terminal: vim, less and top fill the screen and its new size" {
  inside
  line './vim -u NONE -N -n note'
  shows '"note" [New]'
  t resize-window -x 90 -y 25
  type ':set lines? columns?'
  key Enter
  shows 'columns=90'
  type ionce
  key Enter
  type 'again'
  key Escape
  type ':wq'
  key Enter
  shows 'inside>'
  line 'cat note; echo "vim $?"'
  shows again
  shows 'vim 0'
  line 'seq 5000 | ./less'
  key G
  shows 5000
  key g q
  shows 'inside>'
  line 'top -d 1'
  shows 'load average'
  key q
  shows 'inside>'
  line 'exit'
  status_is 0
}

@test "a terminal: suspended by ~^Z the local shell is back, and what filled the screen draws it anew" {
  inside
  line './vim -u NONE -N -n other'
  shows '"other" [New]'
  type 'isome words'
  key Enter
  type '~'
  key C-z
  same_modes
  line 'echo lo""cal' # over what vim has drawn
  shows local
  run ! on_screen 'some words'
  line fg
  shows 'some words'
  key Escape
  type ':q!'
  key Enter
  shows 'inside>'
  line 'exit 5'
  status_is 5
}

@test "a terminal: 1 MiB pasted arrives unchanged" {
  head -c 786432 /dev/urandom | base64 -w 76 | head -c 1048576 >pasted
  inside
  line 'stty raw -echo; echo re""ady; head -c 1048576 | sha256sum; stty sane'
  shows ready
  t load-buffer pasted
  t paste-buffer -r
  shows "$(sha256sum <pasted | cut -d' ' -f1)"
  line 'exit 3'
  status_is 3
}

@test "a terminal: lost connections cost no byte of it, neither of what is typed nor of what is shown" {
  head -c 786432 /dev/urandom | base64 -w 76 | head -c 1048576 >pasted
  inside
  line 'for i in 1 2 3; do until pkill -9 -f "[s]him connect"; do sleep 0.1; done; done; echo sur""vived'
  shows survived
  line '(for i in 1 2 3; do sleep 0.2; pkill -9 -f "[s]him connect"; done)& stty raw -echo; echo re""ady; head -c 1048576 | sha256sum; wait; stty sane'
  shows ready
  t load-buffer pasted
  t paste-buffer -r
  shows "$(sha256sum <pasted | cut -d' ' -f1)"
  line 'until pkill -9 -f "[s]him connect"; do sleep 0.1; done; seq 40000; exit 3'
  shows 40000
  status_is 3
}

@test "a terminal: ~. ends the command whatever it does, ~? explains, ~~ is one ~" {
  inside
  key Enter
  type '~?'
  shows 'suspend kubectl agentsandbox'
  line '~~; echo "home"$((1 + 1))'
  shows home2
  shows 'inside>'
  line 'trap "" INT TERM HUP; stty raw; sleep 300'
  within 30 asb exec "$BOX" -- pgrep -x sleep
  key Enter
  type '~.'
  status_is 130
  within 30 no_sleep
}

@test "a terminal: its modes are restored after SIGTERM, SIGABRT, the end of the command by SIGKILL" {
  inside
  kill -TERM "$(plugin)"
  status_is 143
  inside
  kill -ABRT "$(plugin)"
  status_is 134
  inside
  line 'kill -9 $$'
  status_is 137
}

@test "a terminal: its modes are restored when the sandbox is lost" {
  name=$(unique lost)
  asb run -q --name "$name" --keep true
  inside "$name"
  asb delete "$name" >/dev/null
  status_is 1 # 137, or 125 when its exit record did not come any more
  gone "$name"
}

@test "a terminal: run has one, too; stdout may lead elsewhere" {
  line 'kubectl agentsandbox run -it "test -t 0 && stty size; exit 4" | cat; echo "si""ze"'
  shows '30 100'
  shows size
  line 'kubectl agentsandbox run -it "exit 4"'
  status_is 4
}

@test "a terminal: without one on stdin it goes on without, as kubectl does; -o json wants none" {
  run -1 --separate-stderr asb exec "$BOX" -it -- tty </dev/null
  [ "$output" = 'not a tty' ]
  [ "$stderr" = 'note: unable to use a TTY: stdin is not a terminal' ]
  run -0 --separate-stderr asb exec "$BOX" -q -t -- true
  [ -z "$stderr" ]
  run -2 asb exec "$BOX" -it -o json -- true
}

@test "a terminal: gVisor's is one, too" {
  admin get runtimeclass gvisor >/dev/null 2>&1 || skip "the cluster has no RuntimeClass gvisor"
  name=$(unique gvisor)
  line "kubectl agentsandbox run -it --name $name --runtime-class gvisor --env PS1='in''side> ' -- bash --norc"
  shows 'inside>'
  line 'test -t 0 && stty size'
  shows '30 100'
  t resize-window -x 120 -y 40
  line 'until [ "$(stty size)" = "40 120" ]; do sleep 0.1; done; echo fol""lowed'
  shows followed
  line 'sleep 300'
  within 60 stopped
  line fg
  within 60 interrupted
  line 'echo "ended $?"'
  shows 'ended 130'
  line 'exit 6'
  status_is 6
}

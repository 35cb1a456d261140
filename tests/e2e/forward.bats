#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# forward.bats - local ports whose connections go on inside the sandbox.
load helper

setup_file() {
  cluster_setup
  export BOX=e2e-forward-$$
  asb run -q --name "$BOX" --keep true
  cat >server <<'END'
use strict;
use Socket;
my ($port, $mode) = @ARGV;
socket(my $s, PF_INET, SOCK_STREAM, 0) or die;
setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
bind($s, sockaddr_in($port, INADDR_LOOPBACK)) or die "bind: $!";
listen($s, 200);
$SIG{CHLD} = "IGNORE";
open(my $ready, ">", "/tmp/ready-$port");
while (accept(my $c, $s)) {
  next if fork;
  my ($all, $b) = (0, "");
  if ($mode eq "echo") { while (sysread($c, $b, 65536)) { my $o = 0; $o += syswrite($c, $b, length($b) - $o, $o) while $o < length $b } }
  if ($mode eq "count") { $all += length $b while sysread($c, $b, 65536); syswrite($c, "got $all\n") }
  if ($mode eq "first") { syswrite($c, "hello\n"); shutdown($c, 1); $all += length $b while sysread($c, $b, 65536); open(my $f, ">", "/tmp/first"); print $f $all }
  exit 0;
}
END
  cat >client <<'END'
use strict;
use Socket;
my ($port, $after) = @ARGV;
socket(my $s, PF_INET, SOCK_STREAM, 0) or die;
connect($s, sockaddr_in($port, INADDR_LOOPBACK)) or die "connect: $!";
binmode(STDIN); binmode(STDOUT);
my ($b, $pid) = ("", fork);
if (!$pid) { while (sysread($s, $b, 65536)) { my $o = 0; $o += syswrite(STDOUT, $b, length($b) - $o, $o) while $o < length $b } exit 0 }
sleep $after if $after;
while (sysread(STDIN, $b, 65536)) { my $o = 0; $o += syswrite($s, $b, length($b) - $o, $o) // last while $o < length $b }
shutdown($s, 1);
waitpid($pid, 0);
END
}
teardown_file() { remove "$BOX"; }

serve() { # serve BOX PORT MODE: it goes on listening when its starter is gone
  KUBECONFIG=$USER_KUBECONFIG kubectl-agentsandbox exec -n $NS -i "$1" -- perl - "$2" "$3" <server >/dev/null 2>&1 3>&- &
  servers+=($!)
  within 40 asb exec "$1" -- test -e "/tmp/ready-$2"
}
forward() { # forward ARG...: in the background, until its ports are listened on
  rm -f said problems # of the test before
  KUBECONFIG=$USER_KUBECONFIG env --default-signal=INT kubectl-agentsandbox port-forward -n $NS "$@" >said 2>problems 3>&- &
  plugin=$!
  within 40 grep -qs '^Forwarding from 127' said
}
port() { sed -n "s/^Forwarding from 127.0.0.1:\([0-9]*\) -> $1\$/\1/p" said; } # the local one
client() { timeout 60 perl client "$@"; }
teardown() {
  local pid
  for pid in "${servers[@]}" ${plugin:-}; do kill "$pid" 2>/dev/null || true; done
}

@test "port-forward: bytes go both ways, over several ports and many connections at once; Ctrl-C ends it" {
  serve "$BOX" 7000 echo
  serve "$BOX" 7001 count
  forward "$BOX" :7000 :7001
  head -c 50M /dev/urandom >in
  client "$(port 7000)" <in | cmp - in
  [ "$(client "$(port 7001)" <in)" = "got 52428800" ] # our half ends, the answer still comes
  for ((i = 0; i < 20; i++)); do
    { head -c 200000 in | client "$(port 7000)" | cmp - <(head -c 200000 in) && echo same; } >"same-$i" 2>&1 3>&- &
    clients[i]=$!
  done
  wait "${clients[@]}"
  [ "$(cat same-* | sort | uniq -c | tr -d ' ')" = 20same ]
  grep -qx "Handling connection for $(port 7001)" said
  kill -INT $plugin
  ends_with 0 20
  [ ! -s problems ]
}

@test "port-forward: the sandbox's half may end first; a slow reader stops only itself" {
  serve "$BOX" 7002 first
  serve "$BOX" 7003 echo
  forward "$BOX" :7002 :7003
  [ "$(head -c 300000 /dev/zero | client "$(port 7002)" 1)" = hello ]
  within 20 asb exec "$BOX" '[ "$(cat /tmp/first)" = 300000 ]'
  mkfifo slow
  client "$(port 7003)" </dev/zero >slow 2>/dev/null 3>&- & # nobody reads it
  reader=$!
  exec 7<slow
  head -c 1M /dev/urandom >in
  client "$(port 7003)" <in | cmp - in
  kill $reader
  exec 7<&-
}

@test "port-forward: a port where nobody listens is told, and ends no other" {
  forward "$BOX" :1
  run client "$(port 1)" <<<x
  within 20 grep -q 'port 1 of localhost: Connection refused' problems
  kill -0 $plugin
}

@test "port-forward: under gVisor, too; a sandbox that is gone ends it with its reason" {
  box=e2e-forward-gvisor-$$
  asb run -q --runtime-class gvisor --name "$box" --keep true
  serve "$box" 7000 echo
  forward "$box" :7000
  head -c 2M /dev/urandom >in
  client "$(port 7000)" <in | cmp - in
  remove "$box"
  ends_with 125 60
  grep -q 'deleted' problems
}

@test "port-forward: what can't be meant is a usage error; a local port that is taken is an error" {
  run -2 asb port-forward
  run -2 asb port-forward "$BOX"
  run -2 asb port-forward "$BOX" 80:http
  run -2 asb port-forward "$BOX" 70000
  run -2 asb port-forward "$BOX" 80 --address nowhere.test
  forward "$BOX" :9
  run -125 timeout 60 kubectl-agentsandbox --kubeconfig "$USER_KUBECONFIG" port-forward -n $NS "$BOX" "$(port 9):9"
  [[ "$output" == *"can't be listened on"* ]]
}

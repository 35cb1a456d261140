# SPDX-License-Identifier: Apache-2.0
#
# attack.bash - what a command tries that wants more from PID 1 than to be run by it. It prints what it got, and how many bytes PID 1
# sent to who is no client: 0. The pipe into `connect` stays open, so that it ends because it is refused.
# shellcheck disable=SC2016 # for the shell inside
ATTACK='
  exec 3> >(/agentsandbox/shim connect | wc -c)
  printf "%s" "$!" >pid
  while kill -0 "$(cat pid)" 2>/dev/null; do sleep 0.1; done
  cat /proc/1/environ /proc/1/maps
  head -c 1 /proc/1/mem && echo mem
  echo x >/proc/1/mem && echo written to mem
  for fd in /proc/1/fd/*; do readlink "$fd"; (: <"$fd") && echo read; (: >"$fd") && echo written; done
  perl -MSocket -e '\''
    my ($attach, $seize) = (16, 0x4206);
    if (`uname -m` eq "x86_64\n") { # ptrace is number 101 there
      print "traced\n" if syscall(101, $attach, 1, 0, 0) == 0 or syscall(101, $seize, 1, 0, 0) == 0;
    }
    socket(my $s, PF_UNIX, SOCK_STREAM, 0) or die;
    connect($s, pack("S a*", AF_UNIX, "\0agentsandbox-shim")) or die "no socket: $!";
    local $SIG{PIPE} = "IGNORE";
    syswrite($s, "ASBP" x 4096);
    print "client\n" if sysread($s, my $answer, 1);
  '\'' || echo perl failed
  true'

attack_failed() { # attack_failed LOG: $output is what the attack printed, LOG what PID 1 said
  [ "$output" = 0 ] || { echo "printed: $output" && return 1; }
  [[ "$1" == *"refused a connection"*"did not come from the container runtime"* ]]
}

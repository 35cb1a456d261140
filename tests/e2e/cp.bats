#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# cp.bats - files and trees into a sandbox and out of it: all of them as they were, and nothing else.
load helper

setup_file() {
  cluster_setup
  export BOX=e2e-cp-$$ SMALL=e2e-cp-small-$$ BARE=e2e-cp-bare-$$ SLOW=e2e-cp-slow-$$
  asb create "$BOX" -q >/dev/null
}
teardown_file() {
  local name
  asb delete "$BOX" "$SMALL" "$BARE" "$SLOW" "$BOX-gvisor" --ignore-not-found
  for name in "$BOX" "$SMALL" "$BARE" "$SLOW" "$BOX-gvisor"; do gone "$name" 60; done
}

inside() { asb exec "$BOX" "$@"; }
# What a tree is: names of any bytes, types, modes, times, sizes, targets of links. Sums say the rest.
shape() { (cd "$1" && find . -printf '%P|%y|%m|%T@|%s|%l\0' | sed -z 's/|d|\([^|]*\)|\([^|]*\)|[^|]*/|d|\1|\2|/' | sort -z | tr '\0' '\1'); }
shape_inside() {
  inside "cd '$1' && find . -printf '%P|%y|%m|%T@|%s|%l\\0' | sed -z 's/|d|\\([^|]*\\)|\\([^|]*\\)|[^|]*/|d|\\1|\\2|/' | LC_ALL=C sort -z | tr '\\0' '\\1'"
}
sums() { (cd "$1" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum); }
# Only a sandbox with little of a CPU is slow enough to be caught in the middle of a file.
slowly() { asb exec "$SLOW" "$@"; }
slow_box() {
  sandbox_exists "$SLOW" || asb create "$SLOW" -q --cpu 50m >/dev/null
  [ -f big ] || head -c 150M /dev/zero | tr '\0' x >big
}
temporary_inside() { [ -n "$(slowly "find '$1' -name '.agentsandbox-*'")" ]; }
no_temporary_inside() { [ -z "$(slowly "find '$1' -name '.agentsandbox-*'")" ]; }

odd_tree() { # odd_tree DIR
  mkdir -p "$1/empty" "$1/deep/er/still" "$1/closed"
  printf 'line\n' >"$1/plain"
  : >"$1/zero"
  head -c 300000 /dev/urandom >"$1/deep/er/still/bytes"
  printf 'x' >"$1/$(printf 'new\nline')"
  printf 'y' >"$1/$(printf 'byte\xff\x80')"
  printf 'z' >"$1/$(printf 'n%.0s' $(seq 255))"
  printf 'w' >"$1/ *?\"'\\\$x"
  printf 'v' >"$1/-r"
  printf 'in' >"$1/closed/in"
  ln -s ../nowhere/at/all "$1/dangling"
  ln -s plain "$1/link"
  ln -s / "$1/root"
  chmod 604 "$1/plain"
  chmod 755 "$1/zero"
  touch -d '2001-02-03 04:05:06.123456789' "$1/plain" "$1/empty" "$1/deep/er"
  touch -h -d '1999-01-01 00:00:00.5' "$1/link"
  touch -d '1969-12-31 12:00:00.25' "$1/zero"
  chmod 555 "$1/closed"
}

@test "cp: a tree of odd names comes and goes with modes, times to the nanosecond, links and empty directories" {
  export LC_ALL=C
  odd_tree tree
  run -0 --separate-stderr asb cp tree "$BOX:there"
  [ -z "$output$stderr" ]
  [ "$(shape tree)" = "$(shape_inside there)" ]
  run -0 --separate-stderr asb cp "$BOX:there" back
  [ -z "$output$stderr" ]
  [ "$(shape tree)" = "$(shape back)" ]
  [ "$(sums tree)" = "$(sums back)" ]
  [ "$(readlink back/root)" = / ]
}

@test "cp: targets are those of cp -r" {
  mkdir -p d/sub to
  echo one >d/one
  echo two >two
  asb cp two "$BOX:"
  asb cp two d "$BOX:/tmp"
  asb cp d/. "$BOX:/tmp/fresh"
  asb cp two "$BOX:/tmp/renamed"
  run -0 inside 'cat two /tmp/two /tmp/d/one /tmp/fresh/one /tmp/renamed; ls /tmp/d'
  [ "$output" = $'two\ntwo\none\none\ntwo\none\nsub' ]
  asb cp "$BOX:two" "$BOX:/tmp/d" to
  [ "$(cat to/two to/d/one)" = $'two\none' ]
  asb cp "$BOX:/tmp/d" to # once more, into what is there
  asb cp "$BOX:/tmp/fresh/." to
  [ "$(cat to/one)" = one ]
  inside 'ln -s two latest'
  asb cp "$BOX:latest" to
  [ ! -L to/latest ] && [ "$(cat to/latest)" = two ]
  run -1 asb cp two "$BOX:/tmp/new/" # would have to be a directory
  [[ "$output" == *"error: new: can't be made: Not a directory"* ]]
  run -1 asb cp two d "$BOX:/tmp/nowhere"
  [[ "$output" == *"error: /tmp/nowhere: is no directory: No such file or directory"* ]]
  run -125 asb cp "$BOX:two" no/such/directory/name
  [[ "$output" == *"no/such/directory/name"* ]]
}

@test "cp: --no-preserve leaves mode and time to the umask and the clock" {
  echo old >old
  chmod 700 old
  touch -d 2001-01-01 old
  asb cp --no-preserve old "$BOX:fresh"
  run -0 inside 'stat -c %a fresh; find fresh -newermt 2002-01-01'
  [ "$output" = $'755\nfresh' ]
}

@test "cp: a sparse file of 1 GiB is quick and stays sparse, both ways" {
  truncate -s 1G sparse
  printf middle | dd of=sparse bs=1 seek=700000000 conv=notrunc status=none
  asb cp sparse "$BOX:sparse"
  [ "$(inside 'stat -c %s sparse; [ $(stat -c %b sparse) -lt 1000 ] && echo holes; dd if=sparse bs=1 skip=700000000 count=6 status=none')" = $'1073741824\nholes\nmiddle' ]
  asb cp "$BOX:sparse" sparse.back
  [ "$(stat -c %b sparse.back)" -lt 1000 ]
  cmp -n 1048576 -i 699000000 sparse sparse.back
  [ "$(stat -c %s sparse.back)" = 1073741824 ]
  rm sparse sparse.back
  inside 'rm sparse'
}

@test "cp: what can't be read is told and the rest comes, with exit status 1, both ways" {
  mkdir -p some
  echo good >some/good
  mkfifo some/pipe
  run -1 asb cp some missing "$BOX:/tmp"
  [[ "$output" == *"error: some/pipe: is neither file nor directory nor symbolic link"* ]]
  [[ "$output" == *"error: missing: can't be read: No such file or directory"* ]]
  inside 'cat /tmp/some/good'
  inside 'mkdir part && cd part && echo good >good && echo bad >bad && chmod 0 bad && mkdir no && chmod 0 no'
  run -1 asb cp "$BOX:part" .
  [[ "$output" == *"error: part/bad: can't be opened: Permission denied"* ]]
  [[ "$output" == *"error: part/no: can't be opened: Permission denied"* ]]
  [ "$(cat part/good)" = good ]
  [ ! -e part/bad ]
  run -1 asb cp "$BOX:no-such-file" .
  [[ "$output" == *"error: no-such-file: can't be read: No such file or directory"* ]]
  inside 'chmod 700 part/no'
}

@test "cp: names of the sandbox do not steer the terminal" {
  inside 'mkfifo "$(printf "evil\033[2Jname\nerror: fake")"'
  run -1 asb cp "$BOX:." evil
  [[ "$output" == *'evil?[2Jname?error: fake: is neither'* ]]
  inside 'rm evil*'
  rm -rf evil
}

@test "cp: a target that can't be written is told: read-only, no permission, a directory where a file comes" {
  echo x >x
  run -1 asb cp x "$BOX:/etc/x"
  [[ "$output" == *"can't be made: "* ]]
  inside 'mkdir -p taken/x'
  run -1 asb cp x "$BOX:taken"
  [[ "$output" == *"error: taken/x: can't be replaced: "* ]]
  [ "$(inside 'ls -A taken')" = x ]
}

@test "cp: a full disk is told; what was there stays, nothing half is left, small files still come" {
  cat >small.yaml <<END
apiVersion: agents.x-k8s.io/v1beta1
kind: Sandbox
metadata: {name: $SMALL}
spec:
  podTemplate:
    spec:
      containers: [{name: main, volumeMounts: [{name: small, mountPath: /small}]}]
      volumes: [{name: small, emptyDir: {medium: Memory, sizeLimit: 1Mi}}]
END
  asb create -f small.yaml -q >/dev/null
  mkdir full
  echo new >full/a
  head -c 4M /dev/urandom >full/big
  echo small >full/z
  asb exec "$SMALL" 'mkdir /small/full; echo old >/small/full/big'
  run -1 asb cp full "$SMALL:/small"
  [[ "$output" == *"error: /small/full/big: can't be written: No space left on device"* ]]
  run -0 asb exec "$SMALL" 'cat /small/full/a /small/full/z /small/full/big; ls -A /small/full | wc -l'
  [ "$output" = $'new\nsmall\nold\n3' ]
}

@test "cp: one that is interrupted leaves no half file, there or here" {
  slow_box
  slowly 'mkdir half; echo old >half/big'
  background cp big "$SLOW:half"
  within 30 temporary_inside half
  kill -INT $plugin
  ends_with 130 60
  within 60 no_temporary_inside half
  [ "$(slowly 'cat half/big')" = old ]
  mkdir here
  echo old >here/big
  slowly 'head -c 100M /dev/zero | tr "\0" y >big'
  background cp "$SLOW:big" here
  within 30 temporary_here
  kill -TERM $plugin
  ends_with 143 60
  [ "$(ls -A here)" = big ]
  [ "$(cat here/big)" = old ]
}
temporary_here() { [ -n "$(find here -name '.agentsandbox-*')" ]; }

@test "cp: what the sandbox ends leaves no half file there, and is no success" {
  slow_box
  slowly 'mkdir killed'
  background cp big "$SLOW:killed"
  within 30 temporary_inside killed
  slowly 'pkill -TERM -f "^/agentsandbox/shim put"'
  ends_with 143 60
  [ -z "$(slowly 'ls -A killed')" ]
}

@test "cp: an image without tar and without a shell" {
  version=$(admin version -o json | jq -r .serverVersion.gitVersion)
  asb create "$BARE" -q --image "registry.k8s.io/kubectl:$version" >/dev/null
  mkdir bare
  echo here >bare/file
  asb cp bare "$BARE:"
  asb cp "$BARE:bare" bare.back
  [ "$(cat bare.back/file)" = here ]
}

@test "cp: gVisor keeps the same" {
  admin get runtimeclass gvisor >/dev/null 2>&1 || skip "the cluster has no RuntimeClass gvisor"
  export LC_ALL=C
  [ -d tree ] || odd_tree tree
  truncate -s 64M tree/sparse
  asb create "$BOX-gvisor" -q --runtime-class gvisor >/dev/null
  asb cp tree "$BOX-gvisor:there"
  asb cp "$BOX-gvisor:there" gvisor.back
  [ "$(shape tree)" = "$(shape gvisor.back)" ]
  [ "$(sums tree)" = "$(sums gvisor.back)" ]
  [ "$(stat -c %b gvisor.back/sparse)" -lt 1000 ]
}

@test "cp: what can't be meant is a usage error, with what could be" {
  run -2 asb cp x
  run -2 asb cp x y
  [[ "$output" == *"cp ./src box:/workspace"* ]]
  run -2 asb cp a:x b:y
  run -2 asb cp a:x b:y .
  run -2 asb cp a:x y .
  run -2 asb cp Not_A_Name:x .
  [[ "$output" == *"./Not_A_Name:x"* ]]
  run -125 asb cp no-such-sandbox:x .
  [[ "$output" == *"not found"* ]]
}

@test "cp: connections that are lost in the middle change nothing" {
  slow_box
  slowly 'mkdir cut'
  background cp big "$SLOW:cut"
  within 30 temporary_inside cut
  slowly 'pkill -KILL -f "^/agentsandbox/shim connect"'
  ends_with 0 120
  [ "$(slowly "stat -c %s cut/big")" = "$(stat -c %s big)" ] # its checksum was looked at
}

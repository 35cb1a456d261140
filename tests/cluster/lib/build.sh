# shellcheck shell=bash
# Building and caching: programs from the Go modules of modules/.
#
# An artefact is a directory of the cache named by a hash of everything it is
# made from, its build function's text included. It is built aside and renamed,
# so it is either complete or not there, and is shared by every checkout.

# artefact_find NAME FUNCTION INPUT...: leaves in ARTEFACT[NAME] the directory of
# what FUNCTION makes from the inputs; false if it is not in the cache. An input
# is a file, or text when no such file exists.
artefact_find() {
	local name=$1 function=$2 input key
	shift 2
	key=$({
		declare -f "$function" go_build layer_tar image_archive
		for input in "$@"; do
			if [[ -f $input ]]; then cat -- "$input"; else printf '%s\n' "$input"; fi
		done
	} | sha256sum)
	ARTEFACT["$name"]=$CACHE/$name-${key:0:16}
	[[ -d ${ARTEFACT["$name"]} ]]
}

# artefact NAME FUNCTION INPUT...: makes it unless it is cached, by FUNCTION DIR.
artefact() {
	artefact_find "$@" || step "build $1" build_aside "$1" "$2" "${ARTEFACT["$1"]}"
}

# The same for what needs Go, which is only looked for when there is need.
go_artefact() {
	artefact_find "$@" || need_go
	artefact "$@"
}

build_aside() {
	local name=$1 function=$2 dir=$3 aside
	if [[ -z ${BUILD_LOCKED:-} ]]; then
		take_lock "$CACHE/lock"
		BUILD_LOCKED=1
		# Nobody else builds now: whatever is lying about was cut short.
		rm -rf --one-file-system "$CACHE"/.aside-*
	fi
	[[ -d $dir ]] && return
	aside=$(mktemp -d "$CACHE/.aside-$name.XXXXXX")
	CURRENT_LOG=$CACHE/$name.log
	# A build yields to whatever else the machine does.
	(renice -n 5 -p "$BASHPID" && "$function" "$aside") >"$CURRENT_LOG" 2>&1
	CURRENT_LOG=
	chmod 755 "$aside"
	mv -T "$aside" "$dir"
}

# newer_or_same A B: whether version A is at least B.
newer_or_same() {
	[[ $(printf '%s\n' "$1" "$2" | sort -V | tail -n 1) == "$1" ]]
}

# need_go: sets GO to a Go that can build modules/. The machine's own where it is
# new enough, or can fetch a newer toolchain; else that toolchain's module is
# fetched with the Go of Debian, which need not be able to build anything.
need_go() {
	local have=0 want
	[[ -z ${GO:-} ]] || return 0
	want=$(sed -n 's/^go //p' "$MODULES"/*/go.mod | sort -V | tail -n 1)
	if type -P go >/dev/null; then
		have=$(cd / && GOTOOLCHAIN=local go env GOVERSION)
		have=${have#go}
	fi
	GO=go
	if newer_or_same "$have" "$want"; then
		export GOTOOLCHAIN=local
	elif newer_or_same "$have" 1.21; then
		export GOTOOLCHAIN=go$GO_VERSION
	else
		artefact go build_go "$GO_VERSION"
		GO=${ARTEFACT[go]}/toolchain/bin/go
		# A tool of the build is no part of the cluster.
		unset 'ARTEFACT[go]'
		export GOTOOLCHAIN=local
	fi
}

build_go() {
	local debian=$1/debian
	mkdir "$debian"
	unpack_debian "$debian" golang-1.19-go golang-1.19-src
	(cd "$debian" && GOROOT='' GOFLAGS=-modcacherw GOMODCACHE=$debian/modules \
		"$debian"/usr/lib/go-1.19/bin/go mod download -json \
		"golang.org/toolchain@v0.0.1-go$GO_VERSION.linux-$(dpkg --print-architecture)") >"$1/download.json" || {
		jq -r .Error "$1/download.json"
		return 1
	}
	mv "$(jq -r .Dir "$1/download.json")" "$1/toolchain"
	# Modules carry no permissions; Go restores them only from version 1.21 on.
	chmod 755 "$1"/toolchain/bin/* "$1"/toolchain/pkg/tool/*/*
	rm -rf "$debian" "$1/download.json"
}

# go_build MODULE DIR LDFLAGS PACKAGE...: static programs into DIR, from exactly
# what the module's go.sum says.
go_build() {
	local module=$1 dir=$2 ldflags=$3
	shift 3
	(cd "$MODULES/$module" && CGO_ENABLED=0 GOWORK=off GOFLAGS='-mod=readonly -buildvcs=false' \
		"$GO" build -trimpath -ldflags "-s -w $ldflags" -o "$dir/" "$@")
}

# module_version MODULE PATH: the version of PATH that MODULE's go.mod requires.
module_version() {
	awk -v path="$2" '$1 == "require" { $0 = $2 " " $3 } $1 == path { print $2 }' "$MODULES/$1/go.mod"
}

build_kubernetes() {
	local version=$KUBERNETES_VERSION plain package ldflags='' key
	local -A value
	plain=${version#v}
	value=([gitVersion]=$version [gitMajor]=${plain%%.*} [gitTreeState]=archive
		[gitMinor]=$(cut -d. -f2 <<<"$plain"))
	for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
		for key in "${!value[@]}"; do
			ldflags+=" -X $package.$key=${value[$key]}"
		done
	done
	go_build kubernetes "$1" "$ldflags" k8s.io/kubernetes/cmd/{kube-apiserver,kube-controller-manager,kube-scheduler,kubelet,kubectl}
}

build_etcd() {
	go_build etcd "$1" '' go.etcd.io/etcd/server/v3
	mv "$1/server" "$1/etcd"
}

build_coredns() {
	go_build coredns "$1" '' .
}

# runsc, and the shim by which containerd calls it.
build_gvisor() {
	go_build gvisor "$1" \
		"-X gvisor.dev/gvisor/runsc/version.version=$(module_version gvisor gvisor.dev/gvisor)" \
		gvisor.dev/gvisor/runsc .
	mv "$1/gvisor" "$1/containerd-shim-runsc-v1"
}

build_helpers() {
	go_build pause "$1" '' .
	go_build registry "$1" '' .
	go_build volumes "$1" '' .
}

# controller_manifest DIR: upstream's objects with the extensions, from DIR. Since
# v0.5.2 that is its own kustomization; before, its users applied these files one
# after the other, so that the second controller took the place of the first.
controller_manifest() {
	if [[ -e $1/kustomization.yaml ]]; then
		"${ARTEFACT[kubernetes]}/kubectl" kustomize "$1"
	else
		awk 'BEGIN { RS = "---\n" } !/kind: (Deployment|StatefulSet)/ { print "---\n" $0 }' "$1/controller.yaml"
		awk 'FNR == 1 { print "---" } { print }' "$1"/{rbac.generated,extensions,extensions-rbac.generated,extensions.controller}.yaml
	fi
	# v0.1.0 lacks a right that it needs where owner references are checked, as here.
	grep -q finalizers "$1/rbac.generated.yaml" || cat "$HERE/manifests/finalizers.yaml"
}

# The controller, its CRDs, and all.yaml with the image's name filled in.
build_controller() {
	local version=$AGENT_SANDBOX_VERSION module=$AGENT_SANDBOX_MODULE source
	go_build "$module" "$1" \
		"-X sigs.k8s.io/agent-sandbox/internal/version.gitVersion=$version" \
		sigs.k8s.io/agent-sandbox/cmd/agent-sandbox-controller
	source=$(cd "$MODULES/$module" && "$GO" list -m -f '{{.Dir}}' sigs.k8s.io/agent-sandbox)
	mkdir "$1/crds"
	cp --no-preserve=mode "$source"/k8s/crds/*.yaml "$1/crds"
	controller_manifest "$source/k8s" |
		sed "s|ko://sigs.k8s.io/agent-sandbox/cmd/agent-sandbox-controller|$CONTROLLER_IMAGE|" >"$1/all.yaml"
	echo "$version" >"$1/version"
}

# build_all: every artefact that a running cluster needs.
build_all() {
	local m=$MODULES
	mkdir -p "$CACHE"
	artefact runtime build_runtime containerd-runc-cni
	go_artefact kubernetes build_kubernetes "$m"/kubernetes/go.{mod,sum} "$KUBERNETES_VERSION"
	go_artefact etcd build_etcd "$m"/etcd/go.{mod,sum}
	go_artefact coredns build_coredns "$m"/coredns/{go.mod,go.sum,main.go}
	go_artefact gvisor build_gvisor "$m"/gvisor/{go.mod,go.sum,main.go}
	go_artefact helpers build_helpers "$m"/{pause,registry,volumes}/{go.mod,main.go}
	go_artefact controller build_controller "$m/$AGENT_SANDBOX_MODULE"/go.{mod,sum} \
		"${ARTEFACT[kubernetes]##*/}" "$(declare -f controller_manifest)" "$HERE/manifests/finalizers.yaml"
	artefact rootfs build_rootfs "$IMAGE_SUITE"
	artefact images build_images "${ARTEFACT[rootfs]##*/}" "${ARTEFACT[kubernetes]##*/}" \
		"${ARTEFACT[helpers]##*/}" "$PAUSE_IMAGE"
	artefact controller-image build_controller_image "${ARTEFACT[controller]##*/}" "$CONTROLLER_IMAGE"
}

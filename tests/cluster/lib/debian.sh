# shellcheck shell=bash
# What comes from Debian, through the machine's own apt configuration.
#
# Tools that start no service are installed where they are missing. containerd,
# runc, the CNI plugins and Go are only unpacked into the cache: installing
# containerd would start a service and change the machine.

apt_quiet() {
	DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" >&2
}

# Whether apt's lists are there; a fresh machine has none.
apt_known() {
	[[ -n $(apt-cache policy "$1" 2>/dev/null | sed -n 's/^  Candidate: \([^(].*\)/\1/p') ]]
}

apt_refresh_for() {
	local package
	for package in "$@"; do
		apt_known "$package" || {
			apt_quiet update
			break
		}
	done
}

# need_tools: installs the Debian packages of the commands the script calls.
need_tools() {
	local pair missing=()
	for pair in ip:iproute2 openssl:openssl jq:jq curl:curl nsenter:util-linux \
		flock:util-linux debootstrap:debootstrap; do
		type -P "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
	done
	[[ -e /usr/lib/$(uname -m)-linux-gnu/libseccomp.so.2 ]] || missing+=(libseccomp2)
	[[ -e /etc/ssl/certs/ca-certificates.crt ]] || missing+=(ca-certificates)
	((${#missing[@]})) || return 0
	type -P apt-get >/dev/null || die "missing ${missing[*]}, and this is no Debian to get them from"
	apt_refresh_for "${missing[@]}"
	apt_quiet install --yes --no-install-recommends "${missing[@]}"
}

# unpack_debian DIR PACKAGE...: the packages' files below DIR, nothing installed.
unpack_debian() {
	local dir=$1 deb debs
	shift
	debs=$(mktemp -d "$dir/.debs.XXXXXX")
	apt_refresh_for "$@"
	# A second try with fresh lists: the mirror may have dropped a version.
	(cd "$debs" && { apt_quiet download "$@" || { apt_quiet update && apt_quiet download "$@"; }; })
	for deb in "$debs"/*.deb; do
		dpkg --extract "$deb" "$dir"
	done
	rm -rf "$debs"
}

build_runtime() {
	unpack_debian "$1" containerd runc containernetworking-plugins
}

# The address of the Debian mirror that the machine's apt uses.
debian_mirror() {
	local codename
	codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
		awk -v codename="$codename" '$2 == codename && $3 == "main" { print $1; exit }'
}

# A minimal Debian userland as a layer, in a mount namespace of its own so that
# a build cut short leaves no mount behind.
build_rootfs() {
	local mirror root=$1/root proxy=
	mirror=$(debian_mirror)
	[[ -n $mirror ]] || die "no Debian mirror in the machine's apt configuration"
	eval "$(apt-config shell proxy Acquire::http::Proxy)"
	${proxy:+env http_proxy="$proxy"} unshare --mount --propagation private \
		debootstrap --variant=minbase --include=bash,jq,curl,ca-certificates,coreutils,procps \
		"$IMAGE_SUITE" "$root" "$mirror"
	rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/* \
		"$root"/usr/share/{doc,man,info,locale}/* "$root"/etc/apt/sources.list
	rm -f "$root"/etc/resolv.conf "$root"/etc/hostname
	layer_tar "$1/layer.tar" "$root" .
	rm -rf "$root"
}

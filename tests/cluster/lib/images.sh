# shellcheck shell=bash
# Container images, made locally under the names that users know, as one
# docker-archive whose images share their layers.

# layer_tar FILE DIR MEMBER...: a layer whose digest does not depend on times.
layer_tar() {
	local file=$1 dir=$2
	shift 2
	tar --create --file="$file" --directory="$dir" --sort=name --mtime=@0 \
		--numeric-owner --format=gnu "$@"
}

# program_layer FILE PROGRAM PATH: a layer with just PROGRAM at PATH.
program_layer() {
	local tree
	tree=$(mktemp -d "${1%/*}/.tree.XXXXXX")
	chmod 755 "$tree"
	install -D -m 755 "$2" "$tree/$3"
	layer_tar "$1" "$tree" "${3%%/*}"
	rm -rf "$tree"
}

# image_add DIR NAME CONFIG LAYER...: adds an image to the archive in DIR.
# CONFIG is the image's "config" object, each LAYER a tar below DIR.
image_add() {
	local dir=$1 name=$2 config=$3 layer id diffs=()
	shift 3
	for layer in "$@"; do
		diffs+=("sha256:$(sha256sum "$dir/$layer" | cut -d' ' -f1)")
	done
	jq -nc --argjson config "$config" --arg arch "$(dpkg --print-architecture)" \
		'{created: "1970-01-01T00:00:00Z", architecture: $arch, os: "linux", config: $config,
		  rootfs: {type: "layers", diff_ids: $ARGS.positional},
		  history: [$ARGS.positional[] | {created: "1970-01-01T00:00:00Z"}]}' \
		--args "${diffs[@]}" >"$dir/config.tmp"
	id=$(sha256sum "$dir/config.tmp" | cut -d' ' -f1)
	mv "$dir/config.tmp" "$dir/$id.json"
	jq -nc --arg id "$id" --arg name "$name" \
		'{Config: ($id + ".json"), RepoTags: [$name], Layers: $ARGS.positional}' \
		--args "$@" >>"$dir/manifest.lines"
}

# image_archive DIR: turns DIR into DIR/images.tar.
image_archive() {
	jq -s . "$1/manifest.lines" >"$1/manifest.json"
	rm "$1/manifest.lines"
	(cd "$1" && tar --create --file=images.tar -- *.json *.layer && rm -- *.json *.layer)
}

build_images() {
	local dir=$1 kubectl=${ARTEFACT[kubernetes]}/kubectl path
	path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
	cp "${ARTEFACT[rootfs]}/layer.tar" "$dir/debian.layer"
	program_layer "$dir/pause.layer" "${ARTEFACT[helpers]}/pause" pause
	program_layer "$dir/kubectl.layer" "$kubectl" bin/kubectl
	program_layer "$dir/bitnami.layer" "$kubectl" opt/bitnami/kubectl/bin/kubectl

	image_add "$dir" "$PAUSE_IMAGE" \
		'{"User": "65535:65535", "Env": ["PATH='$path'"], "Entrypoint": ["/pause"]}' pause.layer
	image_add "$dir" docker.io/library/debian:12 \
		'{"Env": ["PATH='$path'"], "Cmd": ["bash"]}' debian.layer
	image_add "$dir" docker.io/bitnami/kubectl:latest \
		'{"User": "1001", "WorkingDir": "/", "Entrypoint": ["kubectl"], "Cmd": ["--help"],
		  "Env": ["HOME=/", "PATH=/opt/bitnami/kubectl/bin:'$path'"]}' debian.layer bitnami.layer
	image_add "$dir" "registry.k8s.io/kubectl:$KUBERNETES_VERSION" \
		'{"Env": ["PATH='$path'"], "Entrypoint": ["/bin/kubectl"]}' kubectl.layer
	image_archive "$dir"
}

# Upstream's base image has no shell either, but has /tmp, where the controller
# writes its webhook's certificates.
build_controller_image() {
	mkdir -p "$1/tree/tmp"
	chmod 755 "$1/tree"
	chmod 1777 "$1/tree/tmp"
	layer_tar "$1/base.layer" "$1/tree" tmp
	rm -r "$1/tree"
	program_layer "$1/controller.layer" "${ARTEFACT[controller]}/agent-sandbox-controller" agent-sandbox-controller
	image_add "$1" "$CONTROLLER_IMAGE" \
		'{"User": "65532", "WorkingDir": "/", "Entrypoint": ["/agent-sandbox-controller"],
		  "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]}' base.layer controller.layer
	image_archive "$1"
}

images_present() {
	local have name
	have=$(ctr_k8s images list -q)
	for name in "$PAUSE_IMAGE" docker.io/bitnami/kubectl:latest "$CONTROLLER_IMAGE"; do
		grep -qxF "$name" <<<"$have" || return 1
	done
}

# Loads the images into the running containerd.
load_images() {
	CURRENT_LOG=$DATA/log/images.log
	ctr_k8s images import "${ARTEFACT[images]}/images.tar" >"$CURRENT_LOG" 2>&1
	ctr_k8s images import "${ARTEFACT[controller-image]}/images.tar" >>"$CURRENT_LOG" 2>&1
	CURRENT_LOG=
}

load_controller_image() {
	CURRENT_LOG=$DATA/log/images.log
	ctr_k8s images import "${ARTEFACT[controller-image]}/images.tar" >"$CURRENT_LOG" 2>&1
	CURRENT_LOG=
}

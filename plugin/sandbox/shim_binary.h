/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shim_binary.h - the shims inside the plugin (shim_binary.S), one for each architecture of a node
 * that the build had a compiler for: at least one, at most ASB_SHIMS_MOST, amd64 before arm64. A
 * release has both.
 */
#ifndef ASB_SHIM_BINARY_H
#define ASB_SHIM_BINARY_H

#define ASB_SHIMS_MOST 2

struct asb_shim {
	const char *arch; /* value of the node label kubernetes.io/arch: "amd64", "arm64" */
	const unsigned char *bytes;
	unsigned long size;
	const char *hash;      /* first 12 hex digits of the bytes' sha256 */
	const char *configmap; /* name of what carries it: "agentsandbox-shim-" and the hash */
};

extern const struct asb_shim asb_shims[];
extern const unsigned long asb_shim_count;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shim_binary.h - the shims inside the plugin (shim_binary.S), one for each architecture of a node
 * that the build had a compiler for. There is always one for amd64, and it is the first.
 */
#ifndef ASB_SHIM_BINARY_H
#define ASB_SHIM_BINARY_H

struct asb_shim {
	const char *arch; /* value of the node label kubernetes.io/arch: "amd64", "arm64" */
	const unsigned char *bytes;
	unsigned long size;
	const char *hash; /* first 12 hex digits of the bytes' sha256 */
};

extern const struct asb_shim asb_shims[];
extern const unsigned long asb_shim_count;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shim_binary.h - the shim for linux/amd64 as bytes inside the plugin (shim_binary.S). The build
 * puts them there; nothing may write them.
 */
#ifndef ASB_SHIM_BINARY_H
#define ASB_SHIM_BINARY_H

extern const unsigned char asb_shim_binary[];
extern const unsigned long asb_shim_binary_size;

#endif

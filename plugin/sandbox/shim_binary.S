/* SPDX-License-Identifier: Apache-2.0 */
/* shim_binary.S - embeds the file ASB_SHIM_PATH (a string in quotes, given by the build). */
	.section .rodata
	.balign 16
	.global asb_shim_binary
	.type asb_shim_binary, @object
asb_shim_binary:
	.incbin ASB_SHIM_PATH
.Lend:
	.size asb_shim_binary, .Lend - asb_shim_binary

	.balign 8
	.global asb_shim_binary_size
	.type asb_shim_binary_size, @object
asb_shim_binary_size:
	.quad .Lend - asb_shim_binary
	.size asb_shim_binary_size, 8

	.section .note.GNU-stack, "", @progbits

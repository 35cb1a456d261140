/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shim_binary.S - the table of shim_binary.h. For each architecture that is to be embedded the build
 * gives a file (ASB_SHIM_AMD64, in quotes) and its hash (ASB_SHIM_AMD64_HASH, likewise).
 */
#if !defined(ASB_SHIM_AMD64) && !defined(ASB_SHIM_ARM64)
#error "there is no shim to embed"
#endif

	.macro shim arch, path, hash
	.pushsection .rodata
	.balign 16
.L\arch\()_bytes:
	.incbin "\path"
.L\arch\()_end:
.L\arch\()_name:
	.asciz "\arch"
.L\arch\()_configmap:
	.ascii "agentsandbox-shim-"
.L\arch\()_hash:
	.asciz "\hash"
	.popsection
	.quad .L\arch\()_name, .L\arch\()_bytes, .L\arch\()_end - .L\arch\()_bytes
	.quad .L\arch\()_hash, .L\arch\()_configmap
	.endm

	/* Addresses: the dynamic linker, or the start of a static PIE, has to write them once. */
	.section .data.rel.ro, "aw"
	.balign 8
	.global asb_shims
	.type asb_shims, %object
asb_shims:
#ifdef ASB_SHIM_AMD64
	shim amd64, ASB_SHIM_AMD64, ASB_SHIM_AMD64_HASH
#endif
#ifdef ASB_SHIM_ARM64
	shim arm64, ASB_SHIM_ARM64, ASB_SHIM_ARM64_HASH
#endif
.Lshims_end:
	.size asb_shims, .Lshims_end - asb_shims

	.section .rodata
	.balign 8
	.global asb_shim_count
	.type asb_shim_count, %object
asb_shim_count:
	.quad (.Lshims_end - asb_shims) / 40
	.size asb_shim_count, 8

	.section .note.GNU-stack, "", %progbits

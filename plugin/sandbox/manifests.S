/* SPDX-License-Identifier: Apache-2.0 */
/* manifests.S - asb_manifests of installation.h. The build puts the files together, one YAML document
 * behind the other, in the order of manifests/kustomization.yaml. */
	.section .rodata
	.global asb_manifests
	.type asb_manifests, %object
asb_manifests:
	.incbin "build/include/manifests.yaml"
	.byte 0
	.size asb_manifests, . - asb_manifests

	.section .note.GNU-stack, "", %progbits

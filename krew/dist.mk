# SPDX-License-Identifier: Apache-2.0
#
# dist.mk - the release; see docs/packaging.md. Included by the Makefile.

# What Debian provides for it; the last two look at what was made.
DEB_DIST := build-essential pkg-config libxxhash-dev cmake gcc-aarch64-linux-gnu linux-libc-dev-arm64-cross \
	qemu-user-static file

.PHONY: dist dist-check need-dist

need-dist:
	$(Q)$(MAKE) --no-print-directory need-deps DEB_ALL='$(DEB_DIST)'

dist: need-dist
	$(Q)krew/dist

# Everything twice and the second time from nothing, libraries too: a quarter of an hour.
dist-check: dist
	$(Q)krew/check --with-libraries

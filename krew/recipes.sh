# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# recipes.sh - how each library is configured and built: one function each, in the library's own unpacked source, with
#
#   TARGET  x86_64-linux-musl or aarch64-linux-musl; the tools TARGET-gcc, TARGET-ar ... are in PATH
#   ROOT    what is installed goes below ROOT/usr, where these tools find headers and libraries
#   FLAGS   compiler flags
#
# Each leaves a pkg-config file, with prefix /usr. Only what the plugin uses is switched on.

build_openssl() {
  local platform=linux-${TARGET%%-*}
  # openssldir is where it looks for certificate authorities (see authorities.c). Nothing is read from an openssl.cnf of the
  # host, which is meant for another version with modules beside it.
  # shellcheck disable=SC2086
  CC=$TARGET-gcc AR=$TARGET-ar RANLIB=$TARGET-ranlib ./Configure "$platform" --prefix=/usr --libdir=lib --openssldir=/etc/ssl \
    no-shared no-pinshared no-module no-dso no-engine no-legacy no-tests no-autoload-config no-comp no-afalgeng no-capieng \
    no-ui-console no-ssl3 no-tls1 no-tls1_1 no-dtls no-srp no-srtp no-psk no-gost no-idea no-seed no-camellia no-aria no-bf \
    no-cast no-rc2 no-rc4 no-md4 no-mdc2 no-whirlpool no-sm2 no-sm3 no-sm4 no-rmd160 no-siphash no-blake2 no-cms no-ts no-cmp \
    no-ct no-ec2m $FLAGS
  make -s -j"$(nproc)" build_libs
  make -s DESTDIR="$ROOT" install_dev
}

build_zlib() {
  CC=$TARGET-gcc AR=$TARGET-ar RANLIB=$TARGET-ranlib CFLAGS="$FLAGS" ./configure --static --prefix=/usr
  make -s -j"$(nproc)" libz.a
  make -s DESTDIR="$ROOT" install
}

build_nghttp2() {
  cmake_build -DENABLE_LIB_ONLY=ON -DENABLE_STATIC_LIB=ON -DENABLE_SHARED_LIB=OFF
}

build_curl() {
  keep_configure
  # With neither a CA bundle nor a CA path curl leaves that to OpenSSL.
  ./configure --host="$TARGET" --build="$(gcc -dumpmachine)" --prefix=/usr CFLAGS="$FLAGS" --disable-dependency-tracking \
    --enable-static --disable-shared --with-openssl --with-nghttp2 --with-zlib --without-ca-bundle --without-ca-path \
    --with-ca-fallback --disable-openssl-auto-load-config --without-brotli --without-zstd --without-libpsl --without-libidn2 \
    --without-librtmp --without-libssh2 --without-libgsasl --without-ngtcp2 --without-nghttp3 --disable-ftp --disable-file \
    --disable-ldap --disable-ldaps --disable-rtsp --disable-dict --disable-telnet --disable-tftp --disable-pop3 --disable-imap \
    --disable-smb --disable-smtp --disable-gopher --disable-mqtt --disable-manual --disable-ntlm --disable-tls-srp \
    --disable-cookies --disable-alt-svc --disable-hsts --disable-netrc --disable-doh --disable-kerberos-auth \
    --disable-negotiate-auth --disable-aws --disable-unix-sockets --disable-libcurl-option --disable-ares
  make -s -C lib -j"$(nproc)"
  make -s -C lib DESTDIR="$ROOT" install
  make -s -C include DESTDIR="$ROOT" install
  make -s DESTDIR="$ROOT" install-pkgconfigDATA
}

build_cjson() {
  cmake_build -DENABLE_CJSON_TEST=OFF -DENABLE_CJSON_UTILS=OFF -DBUILD_SHARED_LIBS=OFF -DENABLE_CUSTOM_COMPILER_FLAGS=OFF
}

build_libyaml() {
  cmake_build -DBUILD_SHARED_LIBS=OFF -DBUILD_TESTING=OFF
  sed -e 's|@prefix@|/usr|; s|@exec_prefix@|/usr|; s|@includedir@|/usr/include|; s|@libdir@|/usr/lib|; s|@PACKAGE_VERSION@|0.2|' \
    yaml-0.1.pc.in >"$ROOT/usr/lib/pkgconfig/yaml-0.1.pc"
}

build_util-linux() { # of which libuuid is all
  keep_configure
  ./configure --host="$TARGET" --build="$(gcc -dumpmachine)" --prefix=/usr --libdir=/usr/lib CFLAGS="$FLAGS" \
    --disable-dependency-tracking --disable-all-programs --enable-libuuid --enable-static --disable-shared --disable-nls \
    --disable-bash-completion --disable-asciidoc --without-python --without-systemd --without-udev --without-ncurses \
    --without-ncursesw --without-tinfo
  make -s -j"$(nproc)" libuuid.la
  make -s DESTDIR="$ROOT" install-usrlib_execLTLIBRARIES install-uuidincHEADERS install-pkgconfigDATA
}

# Debian's patches touch what configure is made from; what they change there does not matter here, so upstream's stays.
keep_configure() {
  find . -name aclocal.m4 -exec touch {} +
  find . \( -name configure -o -name '*config*.h.in' -o -name Makefile.in \) -exec touch {} +
}

# cmake_build OPTION...: configured for the target and installed; nothing of the host is found by accident
cmake_build() {
  cmake -S . -B .build -DCMAKE_BUILD_TYPE=None -DCMAKE_INSTALL_PREFIX=/usr -DCMAKE_INSTALL_LIBDIR=lib \
    -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR="${TARGET%%-*}" -DCMAKE_C_COMPILER="$TARGET-gcc" \
    -DCMAKE_AR="$(type -P "$TARGET-ar")" -DCMAKE_RANLIB="$(type -P "$TARGET-ranlib")" -DCMAKE_C_FLAGS="$FLAGS" \
    -DCMAKE_FIND_ROOT_PATH="$ROOT" -DCMAKE_FIND_ROOT_PATH_MODE_{LIBRARY,INCLUDE,PACKAGE}=ONLY \
    -DCMAKE_TRY_COMPILE_TARGET_TYPE=EXECUTABLE -DCMAKE_POSITION_INDEPENDENT_CODE=ON "$@"
  cmake --build .build --parallel "$(nproc)"
  DESTDIR=$ROOT cmake --install .build
}

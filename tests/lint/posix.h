/* SPDX-License-Identifier: Apache-2.0 */
/* What POSIX.1-2024 has and this machine's headers show to later programs only. */
#include <stddef.h>
#include <sys/socket.h>
#include <time.h>

time_t timegm(struct tm *tm);
int getentropy(void *bytes, size_t n);
void *memmem(const void *bytes, size_t n, const void *wanted, size_t m);
int accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);

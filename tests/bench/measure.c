/* SPDX-License-Identifier: Apache-2.0 */
/*
 * measure FILE COMMAND [ARG...] - runs the command and appends a line of JSON to FILE: seconds on
 * the wall and of CPU, of the command and all its children that were waited for, and the most
 * memory that one of them had (MiB). Its exit status is the command's; 128+n for signal n.
 */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double seconds(const struct timeval *t)
{
	return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

int main(int argc, char **argv)
{
	struct rusage usage = {0};
	double began = now();
	int status = 0;
	FILE *out;
	pid_t pid;

	if (argc < 3)
		return 2;
	pid = fork();
	if (pid == 0) {
		execvp(argv[2], argv + 2);
		perror(argv[2]);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) < 0)
		return 125;
	began = now() - began;
	out = fopen(argv[1], "a");
	if (out == NULL)
		return 125;
	fprintf(out, "{\"wall\":%.6f,\"cpu\":%.6f,\"rss\":%.1f}\n", began,
		seconds(&usage.ru_utime) + seconds(&usage.ru_stime),
		(double)usage.ru_maxrss / 1024);
	if (fclose(out) != 0)
		return 125;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

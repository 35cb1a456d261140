/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file.h - the modes of the program that move files. They are ordinary commands of the sandbox,
 * run by PID 1 as jobs: what they read or write is an archive (docs/protocol.md §12) on stdin or
 * stdout, so credit, resume, checksums, the exit record and the audit are those of any job.
 *
 * Each problem is one line on stderr: path, what is wrong, why. Exit code 0: everything was copied;
 * 1: not everything; 2: the arguments can't be understood.
 */
#ifndef ASB_FILE_H
#define ASB_FILE_H

/*
 * `put [-d] [-n] TARGET`: an archive from stdin to TARGET, which is a directory that is there or,
 * without -d, the name of the one entry. -n: modes and times are not kept. When a signal ends it, a
 * file that is not complete goes away first.
 */
int asb_file_put(int argc, char **argv);

/* `get PATH...`: an archive of these on stdout. */
int asb_file_get(int argc, char **argv);

#endif

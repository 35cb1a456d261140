/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forward.h - the mode of the program that joins stdin and stdout with a TCP connection inside the
 * sandbox's network: an ordinary command, run by PID 1 as a job, one for each connection.
 */
#ifndef ASB_FORWARD_H
#define ASB_FORWARD_H

/*
 * `forward HOST PORT`: HOST is an IPv4 or IPv6 address, or "localhost", which is 127.0.0.1 and then
 * ::1; no name is looked up. The end of stdin closes the connection's half, the end of the
 * connection's other half closes stdout. Exit code 0 when both have ended, or nobody reads stdout;
 * 1 with a line on stderr when there is no connection, or it was reset; 2 for arguments that can't
 * be understood.
 */
int asb_forward(int argc, char **argv);

#endif

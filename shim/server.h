/* SPDX-License-Identifier: Apache-2.0 */
/* server.h - the listening socket and the life of connections. */
#ifndef ASB_SERVER_H
#define ASB_SERVER_H

#include <stdbool.h>

/* Listens. Returns 0, or -1 with errno. `base` is the environment that all commands get. */
int asb_server_init(char **base);

/*
 * Lets connections and sessions take their next step. After each turn of the loop. True: something
 * changed that others may have to act on, so that everything should be settled once more before
 * waiting.
 */
bool asb_server_settle(void);

/* No new connections, sessions and jobs. */
void asb_server_refuse(void);

/* The last word to every connection: ERROR SHUTDOWN. */
void asb_server_say_goodbye(void);

/* Whether any connection is open. */
bool asb_server_is_in_use(void);

#endif

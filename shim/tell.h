/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tell.h - the frames a job owes its client, made when the connection has room for them.
 *
 * Each function returns false when there was no room for what is due; it is then asked again with
 * an empty buffer. The order per job: STARTED first; CREDIT and STOP any time after; DATA
 * (stream.h); EOF of a stream after its last DATA; EXIT last.
 */
#ifndef ASB_TELL_H
#define ASB_TELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shim/job.h"
#include "shim/out.h"

/* STARTED or FAILED, CREDIT and STOP of stdin. A job whose FAILED was put may be free. */
bool asb_tell_control(struct asb_job *job, struct asb_out *out);

/* One DATA frame of either output: *put says whether there was any. `which` 0: stdout, 1: stderr.
 */
bool asb_tell_data(struct asb_job *job, int which, struct asb_out *out);

/* Whether there is little to send of that output, and something. */
bool asb_tell_is_small(const struct asb_job *job, int which);

/* EOF of the outputs and EXIT, as far as they are due. */
bool asb_tell_end(struct asb_job *job, struct asb_out *out);

/* The attributes of the exit record of an ended job; returns their length, at most ASB_RECORD_MAX.
 */
#define ASB_RECORD_MAX 256u
size_t asb_tell_record(const struct asb_job *job, uint8_t bytes[ASB_RECORD_MAX]);

/* A FAILED frame for what never became a job. */
bool asb_tell_refusal(struct asb_out *out, uint32_t channel, const struct asb_refusal *why);

#endif

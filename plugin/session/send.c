/* SPDX-License-Identifier: Apache-2.0 */
/* send.c - the outgoing queue of a session. */
#include "plugin/session/session_internal.h"

void asb_session_send(struct asb_session *session, uint8_t type, uint8_t flags, uint32_t channel,
		      const void *head, size_t head_length, const void *body, size_t body_length)
{
	uint8_t header[ASB_FRAME_HEADER];

	if (session->write_closed || asb_failed(&session->failure) || asb_failed(&session->loss))
		return;
	asb_frame_header(header, type, flags, channel, (uint16_t)(head_length + body_length));
	asb_buffer_add(&session->out, header, sizeof(header));
	asb_buffer_add(&session->out, head, head_length);
	asb_buffer_add(&session->out, body, body_length);
}

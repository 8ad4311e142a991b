/* SPDX-License-Identifier: Apache-2.0
 *
 * A DNS message as text, in the layout of golang-dnstap's tool, which is close
 * to dig's. Parsing and the presentation of names and records are libldns's.
 */
#pragma once

#include <ldns/ldns.h>
#include <stdbool.h>

struct message {
	ldns_pkt *pkt;
	bool z; /* the reserved bit of RFC 1035 4.1.1, which libldns ignores */
};

/* Returns false if the message is malformed. */
bool message_parse(struct message *message, const uint8_t *wire, size_t size);
void message_release(struct message *message);

bool message_has_question(const struct message *message);

/* "name" CLASS TYPE of the first question. */
void message_put_question(ldns_buffer *out, const struct message *message);

/* The whole message, several lines. */
void message_put(ldns_buffer *out, const struct message *message);

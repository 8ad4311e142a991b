/* SPDX-License-Identifier: Apache-2.0
 *
 * A DNS message as text, in the layout of golang-dnstap's tool, which is close
 * to dig's. Parsing and the presentation of names and records are libldns's.
 */
#pragma once

#include <ldns/ldns.h>
#include <stdbool.h>

struct dns_message {
	ldns_pkt *pkt;
	bool z; /* the reserved bit of RFC 1035 4.1.1, which libldns ignores */
};

/* Returns false if the message is malformed. */
bool dns_message_parse(struct dns_message *message, const uint8_t *wire,
		       size_t size);
void dns_message_release(struct dns_message *message);

bool dns_message_has_question(const struct dns_message *message);

/* "name" CLASS TYPE of the first question. */
void dns_message_put_question(ldns_buffer *out,
			      const struct dns_message *message);

/* The pseudo-section of a message that has the EDNS record (RFC 6891); edns.c. */
void dns_message_put_edns(ldns_buffer *out, const ldns_pkt *pkt);

/* The whole message, several lines. */
void dns_message_put(ldns_buffer *out, const struct dns_message *message);

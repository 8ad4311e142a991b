/* SPDX-License-Identifier: Apache-2.0
 *
 * What a Dnstap message says, whatever form it will be shown in.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dnstap.pb-c.h"
#include "proto/address.h"
#include "proto/dns.h"

struct text;

/* Returns NULL if the frame holds no message; release with dnstap_free. */
Dnstap__Dnstap *dnstap_read(const uint8_t *data, size_t size);
void dnstap_free(Dnstap__Dnstap *dnstap);

/* Whether this is a query's message by its type; it decides which time and
 * which payload the message is about. */
bool dnstap_is_query(const Dnstap__Message *message);

/* The DNS message, empty if it was not sent along. */
const ProtobufCBinaryData *dnstap_payload(const Dnstap__Message *message);

/* Nanoseconds since the epoch; 0: not known. */
uint64_t dnstap_time(const Dnstap__Message *message);

/* Of a response, nanoseconds since its query. Returns false if not known. */
bool dnstap_latency(const Dnstap__Message *message, uint64_t *ns);

/* An address that is not known if the message has none. */
struct address dnstap_asker(const Dnstap__Message *message);
struct address dnstap_answerer(const Dnstap__Message *message);

/* Of the DNS message; all zero where it has none of it. */
struct dns_facts {
	bool header_known;
	struct dns_header header;
	struct dns_question question; /* name NULL: none */
	uint16_t rcode;               /* with EDNS's upper bits */
};

/* The question's name may lie in `expanded`, as dns_question_parse has it. */
struct dns_facts dns_facts_of(const Dnstap__Message *message,
			      uint8_t expanded[DNS_NAME_SIZE]);

void dns_put_type(struct text *out, uint16_t type);
void dns_put_class(struct text *out, uint16_t class);
void dns_put_rcode(struct text *out, uint16_t rcode);

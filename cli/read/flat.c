/* SPDX-License-Identifier: Apache-2.0
 *
 * A flat JSON object a message, for tables and searches: one level, numbers as
 * numbers, and of the DNS message what is usually asked for.
 */
#include <inttypes.h>

#include "cli/read/dnstap.h"
#include "cli/read/fields.h"
#include "cli/read/format.h"
#include "cli/read/member.h"
#include "proto/common.h"
#include "proto/text.h"

#define TEXT_MAX 1100 /* the longest name with all octets escaped */

static void put_seconds(ldns_buffer *out, const char *key, uint64_t ns)
{
	member_key(out, key);
	ldns_buffer_printf(out, "%" PRIu64 ".%09" PRIu64, ns / NS_PER_S,
			   ns % NS_PER_S);
}

static void put_type(ldns_buffer *out, const Dnstap__Message *m)
{
	put_text(out, "\"type\":\"");
	put_enum(out, &dnstap__message__type__descriptor, m->type);
	put_text(out, "\"");
}

static void put_when(ldns_buffer *out, const Dnstap__Message *m)
{
	uint64_t ns = dnstap_time(m);

	member_time(out, "time", ns, ns / NS_PER_S, (uint32_t)(ns % NS_PER_S));
}

static void put_ends(ldns_buffer *out, const Dnstap__Message *m)
{
	member_word(out, "protocol", m->has_socket_protocol,
		    &dnstap__socket_protocol__descriptor, m->socket_protocol);
	member_address(out, "query_address", m->has_query_address,
		       &m->query_address);
	member_number(out, "query_port", m->has_query_port, m->query_port);
	member_address(out, "response_address", m->has_response_address,
		       &m->response_address);
	member_number(out, "response_port", m->has_response_port,
		      m->response_port);
}

static void put_flags(ldns_buffer *out, uint16_t flags)
{
	static const struct {
		uint16_t bit;
		const char *name;
	} names[] = { { 1 << 15, "qr" }, { 1 << 10, "aa" }, { 1 << 9, "tc" },
		      { 1 << 8, "rd" },  { 1 << 7, "ra" },  { 1 << 5, "ad" },
		      { 1 << 4, "cd" } };
	const char *gap = "";

	member_key(out, "flags");
	put_text(out, "\"");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!(flags & names[i].bit))
			continue;
		ldns_buffer_printf(out, "%s%s", gap, names[i].name);
		gap = " ";
	}
	put_text(out, "\"");
}

typedef void put_word_fn(struct text *out, uint16_t number);

static void put_word(ldns_buffer *out, const char *key, put_word_fn *word,
		     uint16_t number)
{
	char octets[32];
	struct text text = { .start = octets, .size = sizeof(octets) };

	word(&text, number);
	member_string(out, key, octets, text.used);
}

static void put_question(ldns_buffer *out, const struct dns_question *question)
{
	char octets[TEXT_MAX];
	struct text text = { .start = octets, .size = sizeof(octets) };

	if (!question->name)
		return;
	text_add_name(&text, question->name, question->name_size);
	member_string(out, "qname", octets, text.used);
	put_word(out, "qtype", dns_put_type, question->type);
	put_word(out, "qclass", dns_put_class, question->class);
}

static void put_dns(ldns_buffer *out, const Dnstap__Message *m)
{
	uint8_t expanded[DNS_NAME_SIZE];
	struct dns_facts facts = dns_facts_of(m, expanded);

	if (!facts.header_known)
		return;
	member_number(out, "size", true, dnstap_payload(m)->len);
	member_number(out, "id", true, facts.header.id);
	member_number(out, "opcode", true, DNS_OPCODE(facts.header.flags));
	put_flags(out, facts.header.flags);
	put_question(out, &facts.question);
	if (!dnstap_is_query(m))
		put_word(out, "rcode", dns_put_rcode, facts.rcode);
}

void format_flat(ldns_buffer *out, const Dnstap__Dnstap *dnstap)
{
	const Dnstap__Message *m = dnstap->message;
	uint64_t latency;

	put_text(out, "{");
	put_type(out, m);
	put_when(out, m);
	member_bytes(out, "identity", dnstap->has_identity, &dnstap->identity);
	member_bytes(out, "version", dnstap->has_version, &dnstap->version);
	member_bytes(out, "extra", dnstap->has_extra, &dnstap->extra);
	put_ends(out, m);
	put_dns(out, m);
	if (dnstap_latency(m, &latency))
		put_seconds(out, "latency", latency);
	put_text(out, "}\n");
}

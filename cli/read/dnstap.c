/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading what a Dnstap message has.
 */
#include "cli/read/dnstap.h"

#include "proto/common.h"
#include "proto/mnemonic.h"
#include "proto/text.h"

#define BADVERS 16

/* What the schema leaves optional, but nothing can be shown without. */
static bool has_message(const Dnstap__Dnstap *dnstap)
{
	return dnstap && dnstap->type == DNSTAP__DNSTAP__TYPE__MESSAGE &&
	       dnstap->message;
}

Dnstap__Dnstap *dnstap_read(const uint8_t *data, size_t size)
{
	Dnstap__Dnstap *dnstap = dnstap__dnstap__unpack(NULL, size, data);

	if (has_message(dnstap))
		return dnstap;
	dnstap_free(dnstap);
	return NULL;
}

void dnstap_free(Dnstap__Dnstap *dnstap)
{
	if (dnstap)
		dnstap__dnstap__free_unpacked(dnstap, NULL);
}

bool dnstap_is_query(const Dnstap__Message *message)
{
	/* The schema numbers every query odd, and its response next to it. */
	return message->type & 1;
}

const ProtobufCBinaryData *dnstap_payload(const Dnstap__Message *message)
{
	return dnstap_is_query(message) ? &message->query_message
					: &message->response_message;
}

static uint64_t time_of(bool known, uint64_t seconds, uint32_t nanoseconds)
{
	return known ? seconds * NS_PER_S + nanoseconds : 0;
}

static uint64_t query_time(const Dnstap__Message *m)
{
	return time_of(m->has_query_time_sec, m->query_time_sec,
		       m->query_time_nsec);
}

static uint64_t response_time(const Dnstap__Message *m)
{
	return time_of(m->has_response_time_sec, m->response_time_sec,
		       m->response_time_nsec);
}

uint64_t dnstap_time(const Dnstap__Message *message)
{
	return dnstap_is_query(message) ? query_time(message)
					: response_time(message);
}

bool dnstap_latency(const Dnstap__Message *message, uint64_t *ns)
{
	uint64_t asked = query_time(message), answered = response_time(message);

	if (dnstap_is_query(message) || !asked || answered < asked)
		return false;
	*ns = answered - asked;
	return true;
}

static struct address address_of(protobuf_c_boolean has,
				 const ProtobufCBinaryData *octets,
				 bool has_port, uint32_t port)
{
	struct address address = { 0 };

	if (has && (octets->len == 4 || octets->len == 16)) {
		address_set(&address, octets->data, octets->len == 16);
		address.known = true; /* also the wildcard */
	}
	address.port = has_port ? (uint16_t)port : 0;
	return address;
}

struct address dnstap_asker(const Dnstap__Message *m)
{
	return address_of(m->has_query_address, &m->query_address,
			  m->has_query_port, m->query_port);
}

struct address dnstap_answerer(const Dnstap__Message *m)
{
	return address_of(m->has_response_address, &m->response_address,
			  m->has_response_port, m->response_port);
}

struct dns_facts dns_facts_of(const Dnstap__Message *message,
			      uint8_t expanded[DNS_NAME_SIZE])
{
	const ProtobufCBinaryData *payload = dnstap_payload(message);
	struct dns_facts facts = { 0 };
	struct dns_edns edns;

	if (payload->len < DNS_HEADER_SIZE)
		return facts;
	facts.header_known = true;
	dns_header_parse(payload->data, &facts.header);
	dns_question_parse(payload->data, payload->len, &facts.question,
			   expanded);
	dns_edns_parse(payload->data, payload->len, &edns);
	facts.rcode = edns.rcode_high << 4 | DNS_RCODE(facts.header.flags);
	return facts;
}

static void put_number(struct text *out, const char *name, const char *prefix,
		       uint16_t number)
{
	text_add_string(out, name ? name : prefix);
	if (!name)
		text_add_number(out, number);
}

void dns_put_type(struct text *out, uint16_t type)
{
	put_number(out, mnemonic_type(type), "TYPE", type);
}

void dns_put_class(struct text *out, uint16_t class)
{
	put_number(out, mnemonic_class(class), "CLASS", class);
}

void dns_put_rcode(struct text *out, uint16_t rcode)
{
	put_number(out, rcode == BADVERS ? "BADVERS" : mnemonic_rcode(rcode),
		   "", rcode);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * The bytes of a Dnstap message: golden ones written out field by field, and
 * any event read back by protobuf-c.
 */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "proto/common.h"
#include "proto/encode.h"
#include "tests/unit/hex.h"

static struct event *event_new(size_t size)
{
	struct event *event = calloc(1, sizeof(*event) + size);

	event->size = size;
	for (size_t i = 0; i < size; i++)
		event->payload[i] = i * 7 + (i >> 8);
	return event;
}

/* Packs into memory of the bound's size, so that a sanitizer sees an overrun. */
static uint8_t *pack(struct encoder *encoder, const struct record *record,
		     size_t *size)
{
	size_t bound =
		encoder_bound(encoder, record->event->size, record->extra_size);
	uint8_t *out = malloc(bound);

	*size = encoder_pack(encoder, record, out);
	cr_assert_leq(*size, bound);
	return out;
}

static void assert_packs(struct encoder *encoder, const struct record *record,
			 const char *text)
{
	size_t size, golden_size;
	uint8_t *golden = hex_new(text, &golden_size);
	uint8_t *out = pack(encoder, record, &size);

	for (size_t i = 0; i < size && i < golden_size; i++)
		cr_assert_eq(out[i], golden[i], "octet %zu: %02x", i, out[i]);
	cr_assert_eq(size, golden_size, "%zu octets", size);
	free(out);
	free(golden);
	encoder_free(encoder);
}

Test(encode, golden_client_query)
{
	static const char golden[] =
		"0a 03 'ns1'"     /* identity = 1 */
		"12 02 'v9'"      /* version = 2 */
		"1a 04 'ex' c3a9" /* extra = 3 */
		"72 33"           /* message = 14, 51 octets */
		"08 05"           /* type = 1: CLIENT_QUERY */
		"10 01"           /* socket_family = 2: INET */
		"18 01"           /* socket_protocol = 3: UDP */
		"22 04 c000024d"  /* query_address = 4: who asked */
		"2a 04 7f00000b"  /* response_address = 5: we answer */
		"30 c0b802"       /* query_port = 6: 40000 */
		"38 35"           /* response_port = 7: 53 */
		"40 80e2cfaa06"   /* query_time_sec = 8: 1700000000 */
		"4d 15cd5b07"     /* query_time_nsec = 9: 123456789 */
		"52 0e 00070e151c232a31383f464d545b" /* query_message = 10 */
		"78 01";                             /* type = 15: MESSAGE */
	struct event *event = event_new(14);

	event->flags = EVENT_LOCAL | EVENT_REMOTE | EVENT_SERVES;
	memcpy(event->local, (uint8_t[]){ 127, 0, 0, 11 }, 4);
	memcpy(event->remote, (uint8_t[]){ 192, 0, 2, 77 }, 4);
	event->local_port = 53;
	event->remote_port = 40000;
	assert_packs(encoder_new("ns1", "v9", true),
		     &(struct record){
			     .event = event,
			     .type = DNSTAP__MESSAGE__TYPE__CLIENT_QUERY,
			     .time_ns = 1700000000 * NS_PER_S + 123456789,
			     .extra = "ex\u00e9",
			     .extra_size = 4,
		     },
		     golden);
	free(event);
}

Test(encode, golden_resolver_response)
{
	static const char golden[] =
		"72 4b" /* message = 14, 75 octets */
		"08 04" /* type = 1: RESOLVER_RESPONSE */
		"10 02" /* socket_family = 2: INET6 */
		"18 02" /* socket_protocol = 3: TCP */
		"22 10 20010db8000000000000000000000001" /* query_address = 4 */
		"2a 10 20010db8000000000000000000000002" /* response_address */
		"30 e807" /* query_port = 6: 1000, our own, because we asked */
		"38 35"   /* response_port = 7: 53 */
		"40 01"   /* query_time_sec = 8 */
		"4d ffc99a3b" /* query_time_nsec = 9: 999999999 */
		"60 02"       /* response_time_sec = 12 */
		"6d 00000000" /* response_time_nsec = 13 */
		"72 0c 00070e151c232a31383f464d" /* response_message = 14 */
		"78 01";                         /* type = 15: MESSAGE */
	static const uint8_t local[16] = { 0x20, 1, 0xd, 0xb8, [15] = 1 };
	static const uint8_t remote[16] = { 0x20, 1, 0xd, 0xb8, [15] = 2 };
	struct event *event = event_new(12);

	event->flags = EVENT_LOCAL | EVENT_REMOTE | EVENT_INET6 | EVENT_TCP;
	memcpy(event->local, local, 16);
	memcpy(event->remote, remote, 16);
	event->local_port = 1000;
	event->remote_port = 53;
	assert_packs(encoder_new(NULL, "", true),
		     &(struct record){
			     .event = event,
			     .type = DNSTAP__MESSAGE__TYPE__RESOLVER_RESPONSE,
			     .response = true,
			     .asked = true,
			     .time_ns = 2 * NS_PER_S,
			     .query_time_ns = 2 * NS_PER_S - 1,
		     },
		     golden);
	free(event);
}

Test(encode, what_was_not_observed_is_left_out)
{
	static const char golden[] = "72 0d" /* message = 14, 13 octets */
				     "08 06" /* type = 1: CLIENT_RESPONSE */
				     "10 01" /* socket_family = 2: INET */
				     "18 01" /* socket_protocol = 3: UDP */
				     "60 01" /* response_time_sec = 12 */
				     "6d 05000000" /* response_time_nsec = 13 */
				     "78 01";      /* type = 15: MESSAGE */
	struct event *event = event_new(12);

	memset(event->local, 1, sizeof(event->local));
	memset(event->remote, 2, sizeof(event->remote));
	assert_packs(encoder_new("", NULL, false),
		     &(struct record){
			     .event = event,
			     .type = DNSTAP__MESSAGE__TYPE__CLIENT_RESPONSE,
			     .response = true,
			     .time_ns = NS_PER_S + 5,
			     .extra = "",
		     },
		     golden);
	free(event);
}

/* A small generator of our own: the same events in every run. */
static uint64_t state = 88172645463325252ull;

static uint64_t any(uint64_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % n;
}

static void any_event(struct event *event)
{
	static const uint32_t sizes[] = { 12, 13, 127, 128, 512, 1232, 65535 };

	for (int i = 0; i < 16; i++) {
		event->local[i] = any(256);
		event->remote[i] = any(256);
	}
	event->local_port = any(3) ? any(65536) : 0;
	event->remote_port = any(3) ? any(65536) : 0;
	event->flags = any(64);
	event->size = any(2) ? sizes[any(7)] : 12 + any(500);
}

static void any_record(const struct event *event, struct record *record)
{
	static char text[70000];

	*record = (struct record){
		.event = event,
		.type = 1 + any(14),
		.response = any(2),
		.asked = any(2),
		.bare = any(4) == 0,
		.time_ns = 1 + any(any(2) ? 3 * NS_PER_S : UINT64_MAX - 1),
		.query_time_ns = any(2) ? 1 + any(UINT64_MAX - 1) : 0,
		.extra = any(2) ? text : NULL,
		.extra_size = any(2) ? any(any(50) ? 300 : 70000) : 0,
	};
}

static void assert_bytes(int has, ProtobufCBinaryData got, bool expected,
			 const void *data, size_t size)
{
	cr_assert_eq(has, expected);
	if (!expected)
		return;
	cr_assert_eq(got.len, size);
	cr_assert_eq(memcmp(got.data, data, size), 0);
}

static void assert_time(int has_sec, uint64_t sec, int has_nsec, uint32_t nsec,
			uint64_t expected_ns)
{
	cr_assert_eq(has_sec, expected_ns != 0);
	cr_assert_eq(has_nsec, expected_ns != 0);
	cr_assert_lt(nsec, NS_PER_S);
	if (expected_ns)
		cr_assert_eq(sec * NS_PER_S + nsec, expected_ns);
}

static void assert_message(const Dnstap__Message *m, const struct event *e,
			   const struct record *f, bool full)
{
	bool inet6 = e->flags & EVENT_INET6, local = e->flags & EVENT_LOCAL;
	bool remote = e->flags & EVENT_REMOTE, tcp = e->flags & EVENT_TCP;
	size_t octets = inet6 ? 16 : 4;
	uint16_t query_port = f->asked ? e->local_port : e->remote_port;
	uint16_t response_port = f->asked ? e->remote_port : e->local_port;

	cr_assert_eq(m->type, f->type);
	cr_assert(m->has_socket_family && m->has_socket_protocol);
	cr_assert_eq(m->socket_family, inet6 ? 2 : 1);
	cr_assert_eq(m->socket_protocol, tcp ? 2 : 1);
	assert_bytes(m->has_query_address, m->query_address,
		     f->asked ? local : remote, f->asked ? e->local : e->remote,
		     octets);
	assert_bytes(m->has_response_address, m->response_address,
		     f->asked ? remote : local, f->asked ? e->remote : e->local,
		     octets);
	cr_assert_eq(m->has_query_port, query_port != 0);
	cr_assert_eq(m->query_port, query_port);
	cr_assert_eq(m->has_response_port, response_port != 0);
	cr_assert_eq(m->response_port, response_port);
	assert_time(m->has_query_time_sec, m->query_time_sec,
		    m->has_query_time_nsec, m->query_time_nsec,
		    f->response ? f->query_time_ns : f->time_ns);
	assert_time(m->has_response_time_sec, m->response_time_sec,
		    m->has_response_time_nsec, m->response_time_nsec,
		    f->response ? f->time_ns : 0);
	assert_bytes(m->has_query_message, m->query_message,
		     full && !f->response, e->payload, e->size);
	assert_bytes(m->has_response_message, m->response_message,
		     full && f->response, e->payload, e->size);
	cr_assert(!m->has_query_zone && !m->policy && !m->has_http_protocol);
}

/* Each field is where protobuf-c puts it, in the shortest form. */
static void assert_packs_again(const Dnstap__Dnstap *d, const uint8_t *out,
			       size_t size)
{
	uint8_t *again = malloc(size);

	cr_assert_eq(dnstap__dnstap__get_packed_size(d), size);
	dnstap__dnstap__pack(d, again);
	cr_assert_eq(memcmp(again, out, size), 0);
	free(again);
}

/* One encoder for all: a message must not leave a field to its successor. */
static void round_trips(const char *identity, const char *version, bool full,
			int times)
{
	struct encoder *encoder = encoder_new(identity, version, full);
	struct event *event = event_new(EVENT_PAYLOAD_MAX);

	for (int i = 0; i < times; i++) {
		struct record record;
		Dnstap__Dnstap *d;
		uint8_t *out;
		size_t size;

		any_event(event);
		any_record(event, &record);
		out = pack(encoder, &record, &size);
		d = dnstap__dnstap__unpack(NULL, size, out);
		cr_assert_not_null(d);
		cr_assert_eq(d->type, DNSTAP__DNSTAP__TYPE__MESSAGE);
		assert_bytes(d->has_identity, d->identity,
			     identity && *identity, identity,
			     identity ? strlen(identity) : 0);
		assert_bytes(d->has_version, d->version, version && *version,
			     version, version ? strlen(version) : 0);
		assert_bytes(d->has_extra, d->extra,
			     record.extra && record.extra_size, record.extra,
			     record.extra_size);
		cr_assert_not_null(d->message);
		assert_message(d->message, event, &record,
			       full && !record.bare);
		assert_packs_again(d, out, size);
		dnstap__dnstap__free_unpacked(d, NULL);
		free(out);
	}
	free(event);
	encoder_free(encoder);
}

Test(encode, any_event_reads_back)
{
	char identity[1025] = { 0 };

	memset(identity, 'i', sizeof(identity) - 1);
	round_trips("ns1.example", "named 9.18 dnstapshim", true, 5000);
	round_trips(NULL, "", true, 500);
	round_trips(identity, identity, false, 2000);
}

/* Every field there, each as long as it can be: the constant holds, and is no
 * more generous than it says. */
Test(encode, bound_of_the_largest_message)
{
	struct encoder *encoder = encoder_new(NULL, NULL, true);
	struct event *event = event_new(EVENT_PAYLOAD_MAX);
	struct record record = {
		.event = event,
		.type = DNSTAP__MESSAGE__TYPE__UPDATE_RESPONSE,
		.response = true,
		.time_ns = UINT64_MAX,
		.query_time_ns = UINT64_MAX,
	};
	size_t size;

	event->flags = EVENT_INET6 | EVENT_LOCAL | EVENT_REMOTE | EVENT_TCP;
	event->local_port = event->remote_port = 65535;
	free(pack(encoder, &record, &size));
	cr_assert_geq(size, EVENT_PAYLOAD_MAX + ENCODE_FIXED_MAX / 2);
	free(event);
	encoder_free(encoder);
}

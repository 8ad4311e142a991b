/* SPDX-License-Identifier: Apache-2.0
 *
 * A record into the octets of a Dnstap message: what is the same in every message
 * is packed once, the rest is written field by field, in the order of their
 * numbers, as protobuf-c does it; that takes five times as long to walk its
 * descriptors (bench/README.md).
 */
#include "proto/encode.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "proto/common.h"

/* A field begins with its number and the form of what follows. */
#define VARINT(number)  ((number) << 3 | 0)
#define OCTETS(number)  ((number) << 3 | 2) /* behind their length */
#define FIXED32(number) ((number) << 3 | 5)

/* Of Dnstap. Its type is the last field. */
#define TAG_EXTRA   OCTETS(3)
#define TAG_MESSAGE OCTETS(14)
#define TYPE_SIZE   2

/* Of Message. */
#define TAG_TYPE             VARINT(1)
#define TAG_SOCKET_FAMILY    VARINT(2)
#define TAG_SOCKET_PROTOCOL  VARINT(3)
#define TAG_QUERY_ADDRESS    OCTETS(4)
#define TAG_RESPONSE_ADDRESS OCTETS(5)
#define TAG_QUERY_PORT       VARINT(6)
#define TAG_RESPONSE_PORT    VARINT(7)
#define TAG_QUERY_SEC        VARINT(8)
#define TAG_QUERY_NSEC       FIXED32(9)
#define TAG_QUERY_MESSAGE    OCTETS(10)
#define TAG_RESPONSE_SEC     VARINT(12)
#define TAG_RESPONSE_NSEC    FIXED32(13)
#define TAG_RESPONSE_MESSAGE OCTETS(14)

struct encoder {
	bool full;
	size_t frame_size;
	uint8_t frame[]; /* identity, version, type: a Dnstap without message */
};

static ProtobufCBinaryData text(const char *string)
{
	/* protobuf-c does not write to what it packs. */
	return (ProtobufCBinaryData){ .len = string ? strlen(string) : 0,
				      .data = (uint8_t *)string };
}

struct encoder *encoder_new(const char *identity, const char *version,
			    bool full)
{
	Dnstap__Dnstap frame = DNSTAP__DNSTAP__INIT;

	frame.type = DNSTAP__DNSTAP__TYPE__MESSAGE;
	frame.has_identity = identity && *identity;
	frame.identity = text(identity);
	frame.has_version = version && *version;
	frame.version = text(version);
	size_t size = dnstap__dnstap__get_packed_size(&frame);

	struct encoder *e = malloc(sizeof(*e) + size);
	if (!e)
		return NULL;
	e->full = full;
	e->frame_size = dnstap__dnstap__pack(&frame, e->frame);
	return e;
}

void encoder_free(struct encoder *encoder)
{
	free(encoder);
}

size_t encoder_bound(const struct encoder *encoder, size_t payload_size,
		     size_t told_size)
{
	return ENCODE_FIXED_MAX + encoder->frame_size + told_size +
	       (encoder->full ? payload_size : 0);
}

static Dnstap__SocketProtocol protocol_of(uint16_t flags)
{
	if (flags & EVENT_HTTP)
		return DNSTAP__SOCKET_PROTOCOL__DOH;
	if (flags & EVENT_TLS)
		return DNSTAP__SOCKET_PROTOCOL__DOT;
	return flags & EVENT_TCP ? DNSTAP__SOCKET_PROTOCOL__TCP
				 : DNSTAP__SOCKET_PROTOCOL__UDP;
}

static uint8_t *put(uint8_t *out, const void *data, size_t size)
{
	memcpy(out, data, size);
	return out + size;
}

/* Base 128, the lowest digit first. */
static uint8_t *put_varint(uint8_t *out, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		*out++ = 0x80 | (value & 0x7f);
	*out++ = value;
	return out;
}

static size_t varint_size(size_t value)
{
	size_t size = 1;

	while (value >>= 7)
		size++;
	return size;
}

/* Of a type and protocols there are fewer than 128. */
static uint8_t *put_kind(uint8_t *out, const struct record *record)
{
	const uint16_t flags = record->event->flags;
	const uint8_t kind[] = {
		TAG_TYPE,
		record->type,
		TAG_SOCKET_FAMILY,
		flags & EVENT_INET6 ? DNSTAP__SOCKET_FAMILY__INET6
				    : DNSTAP__SOCKET_FAMILY__INET,
		TAG_SOCKET_PROTOCOL,
		protocol_of(flags),
	};

	return put(out, kind, sizeof(kind));
}

/* One end of what the message passed. */
struct side {
	const uint8_t *octets; /* 16 that can be read; NULL: not observed */
	uint16_t port;
};

static uint8_t *put_address(uint8_t *out, uint8_t tag, const struct side *side,
			    bool inet6)
{
	uint8_t size = inet6 ? 16 : 4;

	if (!side->octets)
		return out;
	*out++ = tag;
	*out++ = size;
	memcpy(out, side->octets, 16); /* there is room */
	return out + size;
}

static uint8_t *put_port(uint8_t *out, uint8_t tag, const struct side *side)
{
	if (!side->port)
		return out;
	*out++ = tag;
	return put_varint(out, side->port);
}

static uint8_t *put_sides(uint8_t *out, const struct event *event, bool asked)
{
	const struct side local = {
		event->flags & EVENT_LOCAL ? event->local : NULL,
		event->local_port,
	};
	const struct side remote = {
		event->flags & EVENT_REMOTE ? event->remote : NULL,
		event->remote_port,
	};
	const struct side *query = asked ? &local : &remote;
	const struct side *response = asked ? &remote : &local;
	bool inet6 = event->flags & EVENT_INET6;

	out = put_address(out, TAG_QUERY_ADDRESS, query, inet6);
	out = put_address(out, TAG_RESPONSE_ADDRESS, response, inet6);
	out = put_port(out, TAG_QUERY_PORT, query);
	return put_port(out, TAG_RESPONSE_PORT, response);
}

static uint8_t *put_time(uint8_t *out, uint8_t sec_tag, uint8_t nsec_tag,
			 uint64_t ns)
{
	uint32_t nsec = htole32(ns % NS_PER_S);

	if (!ns)
		return out;
	*out++ = sec_tag;
	out = put_varint(out, ns / NS_PER_S);
	*out++ = nsec_tag;
	return put(out, &nsec, sizeof(nsec));
}

/* The fields before the payload, and its own tag and length. */
static uint8_t *put_head(uint8_t *out, const struct record *record, bool full)
{
	const struct event *event = record->event;
	bool response = record->response;

	out = put_kind(out, record);
	out = put_sides(out, event, record->asked);
	out = put_time(out, TAG_QUERY_SEC, TAG_QUERY_NSEC,
		       response ? record->query_time_ns : record->time_ns);
	if (response)
		out = put_time(out, TAG_RESPONSE_SEC, TAG_RESPONSE_NSEC,
			       record->time_ns);
	if (!full)
		return out;
	*out++ = response ? TAG_RESPONSE_MESSAGE : TAG_QUERY_MESSAGE;
	return put_varint(out, event->size);
}

/* Most messages take between 128 and 16,383 octets: the head is put behind room
 * for a length of two, and seldom moved. */
static uint8_t *put_message(uint8_t *out, const struct record *record,
			    bool full)
{
	uint8_t *head = out + 1 + 2;
	size_t head_size = put_head(head, record, full) - head;
	size_t payload_size = full ? record->event->size : 0;
	size_t size = head_size + payload_size;

	*out++ = TAG_MESSAGE;
	if (varint_size(size) != 2)
		memmove(out + varint_size(size), head, head_size);
	out = put_varint(out, size) + head_size;
	return put(out, record->event->payload, payload_size);
}

/* One that the program has given may have any field. */
static uint8_t *put_given(uint8_t *out, const struct record *record, bool full)
{
	Dnstap__Message message;
	Dnstap__Policy policy;

	given_fill(record, full, &message, &policy);
	*out++ = TAG_MESSAGE;
	out = put_varint(out, dnstap__message__get_packed_size(&message));
	return out + dnstap__message__pack(&message, out);
}

static uint8_t *put_extra(uint8_t *out, const char *extra, size_t size)
{
	*out++ = TAG_EXTRA;
	return put(put_varint(out, size), extra, size);
}

size_t encoder_pack(struct encoder *encoder, const struct record *record,
		    uint8_t *out)
{
	bool full = encoder->full && !record->bare;
	size_t strings_size = encoder->frame_size - TYPE_SIZE;
	uint8_t *end = put(out, encoder->frame, strings_size);

	if (record->extra && record->extra_size)
		end = put_extra(end, record->extra, record->extra_size);
	end = record->given ? put_given(end, record, full)
			    : put_message(end, record, full);
	return put(end, encoder->frame + strings_size, TYPE_SIZE) - out;
}

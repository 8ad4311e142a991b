/* SPDX-License-Identifier: Apache-2.0
 *
 * A record into the bytes of a Dnstap message. What is the same in every message
 * is packed once, or set up once; nothing calls malloc.
 */
#include "proto/encode.h"

#include <stdlib.h>
#include <string.h>

#include "proto/common.h"

/* Of the fields of Dnstap that differ, both of wire type 2: octets behind their
 * length. */
enum { TAG_EXTRA = 3 << 3 | 2, TAG_MESSAGE = 14 << 3 | 2 };

/* Dnstap.type, the last field. */
#define TYPE_SIZE 2

struct encoder {
	Dnstap__Message message;
	bool full;
	size_t frame_size;
	uint8_t frame[]; /* identity, version, type: a Dnstap without message */
};

static ProtobufCBinaryData bytes(const void *data, size_t size)
{
	/* protobuf-c does not write to what it packs. */
	return (ProtobufCBinaryData){ .len = size, .data = (uint8_t *)data };
}

static ProtobufCBinaryData text(const char *string)
{
	return bytes(string, string ? strlen(string) : 0);
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
	dnstap__message__init(&e->message);
	e->message.has_socket_family = true;
	e->message.has_socket_protocol = true;
	return e;
}

void encoder_free(struct encoder *encoder)
{
	free(encoder);
}

size_t encoder_bound(const struct encoder *encoder, const struct record *record)
{
	return ENCODE_FIXED_MAX + encoder->frame_size + record->extra_size +
	       (encoder->full ? record->event->size : 0) + record->event->tail;
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

static void set_socket(Dnstap__Message *m, const struct event *event)
{
	m->socket_family = event->flags & EVENT_INET6
				   ? DNSTAP__SOCKET_FAMILY__INET6
				   : DNSTAP__SOCKET_FAMILY__INET;
	m->socket_protocol = protocol_of(event->flags);
}

static void set_sides(Dnstap__Message *m, const struct event *event, bool asked)
{
	size_t size = event->flags & EVENT_INET6 ? 16 : 4;
	bool has_local = event->flags & EVENT_LOCAL;
	bool has_remote = event->flags & EVENT_REMOTE;
	ProtobufCBinaryData local = bytes(event->local, size);
	ProtobufCBinaryData remote = bytes(event->remote, size);

	m->has_query_address = asked ? has_local : has_remote;
	m->query_address = asked ? local : remote;
	m->query_port = asked ? event->local_port : event->remote_port;
	m->has_query_port = m->query_port != 0;

	m->has_response_address = asked ? has_remote : has_local;
	m->response_address = asked ? remote : local;
	m->response_port = asked ? event->remote_port : event->local_port;
	m->has_response_port = m->response_port != 0;
}

static void set_times(Dnstap__Message *m, uint64_t query_ns,
		      uint64_t response_ns)
{
	m->has_query_time_sec = m->has_query_time_nsec = query_ns != 0;
	m->query_time_sec = query_ns / NS_PER_S;
	m->query_time_nsec = query_ns % NS_PER_S;

	m->has_response_time_sec = m->has_response_time_nsec = response_ns != 0;
	m->response_time_sec = response_ns / NS_PER_S;
	m->response_time_nsec = response_ns % NS_PER_S;
}

static void set_payload(Dnstap__Message *m, const struct event *event,
			bool full, bool response)
{
	ProtobufCBinaryData payload = bytes(event->payload, event->size);

	m->has_query_message = full && !response;
	m->query_message = payload;
	m->has_response_message = full && response;
	m->response_message = payload;
}

static uint8_t *put(uint8_t *out, const void *data, size_t size)
{
	memcpy(out, data, size);
	return out + size;
}

/* Base 128, the lowest digit first. */
static uint8_t *put_length(uint8_t *out, size_t length)
{
	for (; length >= 0x80; length >>= 7)
		*out++ = 0x80 | (length & 0x7f);
	*out++ = length;
	return out;
}

/* Most messages take between 128 and 16,383 octets: packed behind room for a
 * length of two octets, they need not be moved. */
static uint8_t *put_message(uint8_t *out, const Dnstap__Message *message)
{
	*out++ = TAG_MESSAGE;
	size_t size = dnstap__message__pack(message, out + 2);
	size_t length_size = 1 + (size >= 0x80) + (size >= 0x4000);

	if (length_size != 2)
		memmove(out + length_size, out + 2, size);
	return put_length(out, size) + size;
}

static uint8_t *put_extra(uint8_t *out, const char *extra, size_t size)
{
	*out++ = TAG_EXTRA;
	return put(put_length(out, size), extra, size);
}

size_t encoder_pack(struct encoder *encoder, const struct record *record,
		    uint8_t *out)
{
	const struct event *event = record->event;
	Dnstap__Message *m = &encoder->message, told;
	Dnstap__Policy policy;
	bool full = encoder->full && !record->bare;
	size_t strings_size = encoder->frame_size - TYPE_SIZE;
	uint8_t *end = put(out, encoder->frame, strings_size);

	m->type = record->type;
	set_socket(m, event);
	set_sides(m, event, record->asked);
	if (record->response)
		set_times(m, record->query_time_ns, record->time_ns);
	else
		set_times(m, record->time_ns, 0);
	set_payload(m, event, full, record->response);
	if (__builtin_expect(record->given != NULL, 0)) {
		told = *m;
		given_fill(record->given, full, &told, &policy);
		m = &told;
	}
	if (record->extra && record->extra_size)
		end = put_extra(end, record->extra, record->extra_size);
	end = put_message(end, m);
	return put(end, encoder->frame + strings_size, TYPE_SIZE) - out;
}

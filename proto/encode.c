/* SPDX-License-Identifier: Apache-2.0
 *
 * An event into the bytes of a Dnstap message. What is the same in every message
 * is set up once; a message changes the other fields and calls no malloc.
 */
#include "proto/encode.h"

#include <stdlib.h>
#include <string.h>

enum { NS_PER_S = 1000000000 };

struct encoder {
	Dnstap__Dnstap dnstap;
	Dnstap__Message message; /* dnstap.message */
	bool full;
	size_t strings_size;
	uint8_t strings[]; /* identity, version */
};

static ProtobufCBinaryData bytes(const void *data, size_t size)
{
	/* protobuf-c does not write to what it packs. */
	return (ProtobufCBinaryData){ .len = size, .data = (uint8_t *)data };
}

struct encoder *encoder_new(const char *identity, const char *version,
			    bool full)
{
	size_t identity_size = identity ? strlen(identity) : 0;
	size_t version_size = version ? strlen(version) : 0;
	size_t strings_size = identity_size + version_size;
	struct encoder *e = malloc(sizeof(*e) + strings_size);

	if (!e)
		return NULL;
	dnstap__dnstap__init(&e->dnstap);
	dnstap__message__init(&e->message);
	e->full = full;
	e->strings_size = strings_size;
	if (identity_size)
		memcpy(e->strings, identity, identity_size);
	if (version_size)
		memcpy(e->strings + identity_size, version, version_size);

	e->dnstap.type = DNSTAP__DNSTAP__TYPE__MESSAGE;
	e->dnstap.message = &e->message;
	e->dnstap.has_identity = identity_size > 0;
	e->dnstap.identity = bytes(e->strings, identity_size);
	e->dnstap.has_version = version_size > 0;
	e->dnstap.version = bytes(e->strings + identity_size, version_size);
	e->message.has_socket_family = true;
	e->message.has_socket_protocol = true;
	return e;
}

void encoder_free(struct encoder *encoder)
{
	free(encoder);
}

size_t encoder_bound(const struct encoder *encoder, const struct event *event,
		     const struct encode_facts *facts)
{
	return ENCODE_FIXED_MAX + encoder->strings_size + facts->extra_size +
	       facts->query_zone_size + (encoder->full ? event->size : 0);
}

static void set_socket(Dnstap__Message *m, const struct event *event)
{
	m->socket_family = event->flags & EVENT_INET6
				   ? DNSTAP__SOCKET_FAMILY__INET6
				   : DNSTAP__SOCKET_FAMILY__INET;
	m->socket_protocol = event->flags & EVENT_TCP
				     ? DNSTAP__SOCKET_PROTOCOL__TCP
				     : DNSTAP__SOCKET_PROTOCOL__UDP;
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

size_t encoder_pack(struct encoder *encoder, const struct event *event,
		    const struct encode_facts *facts, uint8_t *out)
{
	Dnstap__Dnstap *d = &encoder->dnstap;
	Dnstap__Message *m = &encoder->message;

	m->type = facts->type;
	set_socket(m, event);
	set_sides(m, event, facts->asked);
	if (facts->response)
		set_times(m, facts->query_time_ns, event->time_ns);
	else
		set_times(m, event->time_ns, 0);
	set_payload(m, event, encoder->full, facts->response);
	m->has_query_zone = facts->query_zone && facts->query_zone_size;
	m->query_zone = bytes(facts->query_zone, facts->query_zone_size);
	d->has_extra = facts->extra && facts->extra_size;
	d->extra = bytes(facts->extra, facts->extra_size);
	return dnstap__dnstap__pack(d, out);
}

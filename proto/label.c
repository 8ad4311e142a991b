/* SPDX-License-Identifier: Apache-2.0
 *
 * One small function a label, false where the value is not known. Each reads of
 * the message what it needs: most templates name no more than one or two that do.
 */
#include "proto/label.h"

#include <string.h>

#include "proto/common.h"
#include "proto/dns.h"
#include "proto/metadata.h"
#include "proto/mnemonic.h"

/* The size that a client without EDNS can take: RFC 1035 4.2.1. */
enum { UDP_SIZE_MIN = 512, TCP_SIZE = 65535 };

static bool add_known(struct text *out, const char *string)
{
	if (string)
		text_add_string(out, string);
	return string;
}

static void add_end(struct text *out, const uint8_t *address, bool inet6,
		    uint16_t port)
{
	text_add_address(out, address, inet6);
	text_add(out, ":", 1);
	text_add_number(out, port);
}

static bool add_known_end(struct text *out, const struct address *end)
{
	if (end->known)
		add_end(out, end->octets, end->inet6, end->port);
	return end->known;
}

static void add_mnemonic(struct text *out, const char *mnemonic,
			 const char *prefix, uint16_t number)
{
	text_add_string(out, mnemonic ? mnemonic : prefix);
	if (!mnemonic)
		text_add_number(out, number);
}

static struct dns_header header_of(const struct label_source *source)
{
	struct dns_header header;

	dns_header_parse(source->record->event->payload, &header);
	return header;
}

static bool question_of(const struct label_source *source,
			struct dns_question *question,
			uint8_t expanded[DNS_NAME_SIZE])
{
	const struct event *event = source->record->event;

	return dns_question_parse(event->payload, event->size, question,
				  expanded);
}

/* Returns false if this is a response whose query is not known. */
static bool query_of(const struct label_source *source,
		     struct record_query *query)
{
	if (!source->record->response)
		extra_query_read(source->record->event, query);
	else if (source->record->query)
		*query = *source->record->query;
	else
		return false;
	return true;
}

static bool type(struct text *out, const struct label_source *source)
{
	struct dns_question question;
	uint8_t expanded[DNS_NAME_SIZE];

	if (!question_of(source, &question, expanded))
		return false;
	add_mnemonic(out, mnemonic_type(question.type), "TYPE", question.type);
	return true;
}

static bool class(struct text *out, const struct label_source *source)
{
	struct dns_question question;
	uint8_t expanded[DNS_NAME_SIZE];

	if (!question_of(source, &question, expanded))
		return false;
	add_mnemonic(out, mnemonic_class(question.class), "CLASS",
		     question.class);
	return true;
}

static bool name(struct text *out, const struct label_source *source)
{
	struct dns_question question;
	uint8_t expanded[DNS_NAME_SIZE];

	if (!question_of(source, &question, expanded))
		return false;
	text_add_name(out, question.name, question.name_size);
	return true;
}

static bool proto(struct text *out, const struct label_source *source)
{
	bool tcp = source->record->event->flags & EVENT_TCP;

	text_add_string(out, tcp ? "tcp" : "udp");
	return true;
}

static bool remote(struct text *out, const struct label_source *source)
{
	const struct event *event = source->record->event;

	if (!(event->flags & EVENT_REMOTE))
		return false;
	text_add_address(out, event->remote, event->flags & EVENT_INET6);
	return true;
}

static bool local(struct text *out, const struct label_source *source)
{
	const struct event *event = source->record->event;

	if (!(event->flags & EVENT_LOCAL))
		return false;
	text_add_address(out, event->local, event->flags & EVENT_INET6);
	return true;
}

static bool port(struct text *out, const struct label_source *source)
{
	if (source->record->event->remote_port == 0)
		return false;
	text_add_number(out, source->record->event->remote_port);
	return true;
}

static bool id(struct text *out, const struct label_source *source)
{
	text_add_number(out, header_of(source).id);
	return true;
}

static bool opcode(struct text *out, const struct label_source *source)
{
	text_add_number(out, DNS_OPCODE(header_of(source).flags));
	return true;
}

static bool size(struct text *out, const struct label_source *source)
{
	struct record_query query;

	if (!query_of(source, &query))
		return false;
	text_add_number(out, query.size);
	return true;
}

static bool dnssec_ok(struct text *out, const struct label_source *source)
{
	struct record_query query;

	if (!query_of(source, &query))
		return false;
	text_add_string(out, query.dnssec_ok ? "true" : "false");
	return true;
}

static bool buffer_size(struct text *out, const struct label_source *source)
{
	struct record_query query;

	if (!query_of(source, &query))
		return false;
	if (source->record->event->flags & EVENT_TCP)
		query.udp_size = TCP_SIZE;
	else if (query.udp_size < UDP_SIZE_MIN)
		query.udp_size = UDP_SIZE_MIN;
	text_add_number(out, query.udp_size);
	return true;
}

static bool rcode(struct text *out, const struct label_source *source)
{
	const struct event *event = source->record->event;
	struct dns_edns edns;
	uint16_t code;

	if (!source->record->response)
		return false;
	dns_edns_parse(event->payload, event->size, &edns);
	code = edns.rcode_high << 4 | DNS_RCODE(header_of(source).flags);
	add_mnemonic(out, mnemonic_rcode(code), "", code);
	return true;
}

static bool response_size(struct text *out, const struct label_source *source)
{
	if (!source->record->response)
		return false;
	text_add_number(out, source->record->event->size);
	return true;
}

static bool response_flags(struct text *out, const struct label_source *source)
{
	static const struct {
		uint16_t bit;
		char name[3];
	} flags[] = {
		{ 1 << 15, "qr" }, { 1 << 10, "aa" }, { 1 << 9, "tc" },
		{ 1 << 8, "rd" },  { 1 << 7, "ra" },  { 1 << 6, "z" },
		{ 1 << 5, "ad" },  { 1 << 4, "cd" },
	};
	const char *separator = "";

	if (!source->record->response)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		if (!(header_of(source).flags & flags[i].bit))
			continue;
		text_add_string(out, separator);
		text_add_string(out, flags[i].name);
		separator = ",";
	}
	return true;
}

static bool duration(struct text *out, const struct label_source *source)
{
	const struct record *record = source->record;
	uint64_t from = record->query ? record->query->stamp_ns : UINT64_MAX;
	uint64_t to = record->event->stamp_ns;

	if (record->given) {
		from = record->query_time_ns ? record->query_time_ns
					     : UINT64_MAX;
		to = record->time_ns;
	}
	/* The clock may have been set back between the two. */
	if (!record->response || to < from)
		return false;
	text_add_seconds(out, to - from);
	text_add(out, "s", 1);
	return true;
}

/* Of upstream traffic the other end is the upstream. */
static bool upstream(struct text *out, const struct label_source *source)
{
	const struct event *event = source->record->event;

	if (!source->record->asked)
		return add_known_end(out, &source->record->upstream);
	if (!(event->flags & EVENT_REMOTE) || event->remote_port == 0)
		return false;
	add_end(out, event->remote, event->flags & EVENT_INET6,
		event->remote_port);
	return true;
}

static bool shim_pid(struct text *out, const struct label_source *source)
{
	text_add_number(out, source->constants->pid);
	return true;
}

static bool shim_program(struct text *out, const struct label_source *source)
{
	return add_known(out, source->constants->program);
}

static bool shim_proxy(struct text *out, const struct label_source *source)
{
	return add_known_end(out, &source->record->proxy);
}

static bool shim_sample(struct text *out, const struct label_source *source)
{
	text_add_number(out, source->constants->sample);
	return true;
}

static bool shim_type(struct text *out, const struct label_source *source)
{
	const ProtobufCEnumValue *type = protobuf_c_enum_descriptor_get_value(
		&dnstap__message__type__descriptor, source->record->type);

	return add_known(out, type ? type->name : NULL);
}

static bool no_value(struct text *out, const struct label_source *source)
{
	(void)out, (void)source;
	return false;
}

static const struct label labels[] = {
	{ "{type}", type },
	{ "{name}", name },
	{ "{class}", class },
	{ "{proto}", proto },
	{ "{remote}", remote },
	{ "{port}", port },
	{ "{local}", local },
	{ "{size}", size },
	{ "{rcode}", rcode },
	{ "{rsize}", response_size },
	{ "{duration}", duration },
	{ "{>id}", id },
	{ "{>opcode}", opcode },
	{ "{>do}", dnssec_ok },
	{ "{>bufsize}", buffer_size },
	{ "{>rflags}", response_flags },
	{ LABEL_UPSTREAM, upstream },
	{ "{/shim/pid}", shim_pid },
	{ "{/shim/program}", shim_program },
	{ "{/shim/proxy}", shim_proxy },
	{ "{/shim/sample}", shim_sample },
	{ "{/shim/type}", shim_type },
};

static const struct label no_metadata = { "{/}", no_value };

const struct label *label_find(const char *text, size_t length)
{
	for (size_t i = 0; i < ARRAY_SIZE(labels); i++) {
		if (strlen(labels[i].name) == length &&
		    memcmp(labels[i].name, text, length) == 0)
			return &labels[i];
	}
	return length > 1 && text[1] == '/' ? &no_metadata : NULL;
}

/* Metadata, which is anybody's octets. */
static bool add_told(struct text *out, const struct label_source *source)
{
	const struct record *record = source->record;
	const char *value =
		source->text[0] == '/'
			? metadata_find(record->metadata, record->metadata_size,
					source->text + 1, source->size - 1)
			: NULL;
	size_t before = out->used;

	if (!value || !*value)
		return false;
	text_add_string(out, value);
	text_make_utf8(out->start + before, out->used - before);
	return true;
}

void label_render(const struct label *label, struct text *out,
		  const struct label_source *source)
{
	if (!(source->record->metadata_size && add_told(out, source)) &&
	    !label->render(out, source))
		text_add(out, "-", 1);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Every label of the extra template on queries and responses. The expected
 * values are what CoreDNS's replacer makes of the same messages.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/common.h"
#include "proto/extra.h"
#include "tests/unit/hex.h"

enum { UDP4, TCP6, BARE };

/* A message as one of three sockets would show it. */
static struct event *event_new(int socket, const char *message)
{
	struct event *event = calloc(1, sizeof(*event) + strlen(message) + 1);

	event->stamp_ns = 1700000000123456789;
	event->size = hex(message, event->payload);
	if (socket == BARE)
		return event;
	event->flags = EVENT_LOCAL | EVENT_REMOTE | EVENT_SERVES;
	event->local_port = 53;
	event->remote_port = 40212;
	if (socket == TCP6) {
		event->flags |= EVENT_TCP | EVENT_INET6;
		hex("20010db8 00000000 00000000 00000035", event->local);
		hex("fe800000 00000000 0000abcd 00000001", event->remote);
	} else {
		hex("7f000001", event->local);
		hex("0af00001", event->remote);
	}
	return event;
}

static struct extra *parse(const char *template, const char *program)
{
	return extra_parse(template,
			   &(struct extra_constants){ 4711, program, 10 });
}

static void assert_renders(const char *template, const char *expected,
			   const struct record *record)
{
	struct extra *extra = parse(template, "named");
	char out[4096];
	size_t size = extra_render(extra, record, out, sizeof(out) - 1);

	out[size] = 0;
	cr_assert_str_eq(out, expected, "%s: %s, not %s", template, out,
			 expected);
	extra_free(extra);
}

struct label_case {
	const char *label, *expected;
};

static void assert_labels(const struct label_case *cases, size_t n,
			  const struct record *record)
{
	for (size_t i = 0; i < n; i++)
		assert_renders(cases[i].label, cases[i].expected, record);
}

#define ASSERT_LABELS(cases, record) \
	assert_labels(cases, ARRAY_SIZE(cases), record)

/* Example.ORG HINFO IN, id 1053, RD AD CD, OPT with 1232 octets and DO. */
#define QUERY                                                              \
	"041d 0130 0001 0000 0000 0001 07 'Example' 03 'ORG' 00 000d 0001" \
	"00 0029 04d0 00 00 8000 0000"

/* Its answer: QR AA TC RD RA, BADVERS, OPT with 4096 octets and no DO. */
#define RESPONSE                                                           \
	"041d 8780 0001 0000 0000 0001 07 'Example' 03 'ORG' 00 000d 0001" \
	"00 0029 1000 01 00 0000 0000"

Test(extra, labels_of_a_query)
{
	static const struct label_case cases[] = {
		{ "{type}", "HINFO" },
		{ "{name}", "example.org." },
		{ "{class}", "IN" },
		{ "{proto}", "udp" },
		{ "{remote}", "10.240.0.1" },
		{ "{port}", "40212" },
		{ "{local}", "127.0.0.1" },
		{ "{size}", "40" },
		{ "{rcode}", "-" },
		{ "{rsize}", "-" },
		{ "{duration}", "-" },
		{ "{>id}", "1053" },
		{ "{>opcode}", "0" },
		{ "{>do}", "true" },
		{ "{>bufsize}", "1232" },
		{ "{>rflags}", "-" },
		{ "{/forward/upstream}", "-" },
		{ "{/metadata/unknown}", "-" },
		{ "{/}", "-" },
		{ "{/shim/pid}", "4711" },
		{ "{/shim/program}", "named" },
		{ "{/shim/proxy}", "-" },
		{ "{/shim/sample}", "10" },
		{ "{/shim/type}", "CLIENT_QUERY" },
	};
	struct event *event = event_new(UDP4, QUERY);
	struct record record = { .event = event,
				 .type = DNSTAP__MESSAGE__TYPE__CLIENT_QUERY };

	ASSERT_LABELS(cases, &record);
	free(event);
}

Test(extra, labels_of_a_response)
{
	static const struct address proxy = { { 0x20, 1, 0x0d, 0xb8 },
					      .port = 4711,
					      .inet6 = true,
					      .known = true };
	static const struct address upstream = { { 192, 0, 2, 1 },
						 .port = 53,
						 .known = true };
	static const struct label_case cases[] = {
		{ "{type}", "HINFO" },
		{ "{name}", "example.org." },
		{ "{class}", "IN" },
		{ "{proto}", "tcp" },
		{ "{remote}", "[fe80::abcd:0:1]" },
		{ "{port}", "40212" },
		{ "{local}", "[2001:db8::35]" },
		{ "{size}", "33" },
		{ "{rcode}", "BADSIG" },
		{ "{rsize}", "40" },
		{ "{duration}", "0.000043211s" },
		{ "{>id}", "1053" },
		{ "{>opcode}", "0" },
		{ "{>do}", "true" },
		{ "{>bufsize}", "65535" },
		{ "{>rflags}", "qr,aa,tc,rd,ra" },
		{ "{/forward/upstream}", "192.0.2.1:53" },
		{ "{/shim/proxy}", "[2001:db8::]:4711" },
		{ "{/shim/type}", "CLIENT_RESPONSE" },
	};
	struct event *event = event_new(TCP6, RESPONSE);
	struct record_query query = {
		.stamp_ns = event->stamp_ns - 43211,
		.size = 33,
		.dnssec_ok = true,
	};
	struct record record = {
		.event = event,
		.response = true,
		.type = DNSTAP__MESSAGE__TYPE__CLIENT_RESPONSE,
		.query = &query,
		.upstream = upstream,
		.proxy = proxy,
	};

	ASSERT_LABELS(cases, &record);
	free(event);
}

Test(extra, what_is_not_known)
{
	static const struct label_case response[] = {
		{ "{remote}", "-" },     { "{port}", "-" },
		{ "{local}", "-" },      { "{size}", "-" },
		{ "{duration}", "-" },   { "{>do}", "-" },
		{ "{>bufsize}", "-" },   { "{/forward/upstream}", "-" },
		{ "{/shim/type}", "-" }, { "{rsize}", "40" },
	};
	static const struct label_case header_only[] = {
		{ "{type}", "-" },    { "{name}", "-" },
		{ "{class}", "-" },   { "{size}", "12" },
		{ "{>id}", "4660" },  { "{>opcode}", "5" },
		{ "{>do}", "false" }, { "{>bufsize}", "512" },
		{ "{proto}", "udp" },
	};
	struct event *event = event_new(BARE, RESPONSE);

	ASSERT_LABELS(response,
		      (&(struct record){ .event = event, .response = true }));
	/* An upstream that was asked, but from where it is not known. */
	assert_renders("{/forward/upstream}", "-",
		       &(struct record){ .event = event, .asked = true });
	free(event);

	event = event_new(BARE, "1234 2800 0001 0000 0000 0000");
	ASSERT_LABELS(header_only, (&(struct record){ .event = event }));
	free(event);
}

/* The upstream of what was asked is the other end of its own socket. */
Test(extra, upstream_of_upstream_traffic)
{
	struct event *event = event_new(UDP4, QUERY);
	struct record record = { .event = event, .asked = true };

	assert_renders("{/forward/upstream}", "10.240.0.1:40212", &record);
	free(event);
	record.event = event = event_new(TCP6, RESPONSE);
	record.response = true;
	assert_renders("{/forward/upstream}", "[fe80::abcd:0:1]:40212",
		       &record);
	free(event);
}

Test(extra, names)
{
	static const struct {
		const char *wire, *expected;
	} cases[] = {
		{ "00", "." },
		{ "01 'a' 00", "a." },
		{ "03 'WwW' 02 'Ok' 00", "www.ok." },
		{ "03 'a.b' 00", "a\\.b." },
		{ "09 20 27 '@;()\"' 5c 2e 00",
		  "\\ \\'\\@\\;\\(\\)\\\"\\\\\\.." },
		{ "05 00 1f 7f c3 ff 00", "\\000\\031\\127\\195\\255." },
		{ "06 '{}$_-*' 00", "{}$_-*." },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char message[256];
		struct event *event;

		snprintf(message, sizeof(message),
			 "0000 0000 0001 0000 0000 0000 %s 0001 0001",
			 cases[i].wire);
		event = event_new(UDP4, message);
		assert_renders("{name}", cases[i].expected,
			       &(struct record){ .event = event });
		free(event);
	}
}

Test(extra, types_classes_rcodes)
{
	static const struct {
		const char *header, *question, *expected;
	} cases[] = {
		{ "8000", "0001 0001", "A IN NOERROR" },
		{ "8001", "001c 0003", "AAAA CH FORMERR" },
		{ "8003", "00ff 00ff", "ANY CLASS255 NXDOMAIN" },
		{ "8005", "0101 00fe", "CAA NONE REFUSED" },
		{ "800b", "0000 0000", "None CLASS0 DSOTYPENI" },
		{ "800c", "ffff ffff", "Reserved CLASS65535 12" },
		{ "8004", "0026 0002", "TYPE38 CS NOTIMP" },
		{ "800f", "8001 0004", "DLV HS 15" },
		{ "8000", "04d2 0021", "TYPE1234 CLASS33 NOERROR" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char message[256];
		struct event *event;

		snprintf(message, sizeof(message),
			 "0000 %s 0001 0000 0000 0000 00 %s", cases[i].header,
			 cases[i].question);
		event = event_new(UDP4, message);
		assert_renders(
			"{type} {class} {rcode}", cases[i].expected,
			&(struct record){ .event = event, .response = true });
		free(event);
	}
}

/* The RCODE's upper bits are in the OPT record. */
Test(extra, extended_rcodes)
{
	static const struct {
		unsigned high, low;
		const char *expected;
	} cases[] = {
		{ 0, 9, "NOTAUTH" },   { 1, 0, "BADSIG" },
		{ 1, 7, "BADCOOKIE" }, { 1, 8, "24" },
		{ 0xff, 15, "4095" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char message[256];
		struct event *event;

		snprintf(message, sizeof(message),
			 "0000 80%02x 0000 0000 0000 0001"
			 "00 0029 0200 %02x 00 0000 0000",
			 cases[i].low, cases[i].high);
		event = event_new(UDP4, message);
		assert_renders(
			"{rcode}", cases[i].expected,
			&(struct record){ .event = event, .response = true });
		free(event);
	}
}

Test(extra, rflags)
{
	static const struct label_case cases[] = {
		{ "8000", "qr" },
		{ "8400", "qr,aa" },
		{ "87f0", "qr,aa,tc,rd,ra,z,ad,cd" },
		{ "8040", "qr,z" },
		{ "0000", "" }, /* a response by its port, not by its QR bit */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char message[64];
		struct event *event;

		snprintf(message, sizeof(message), "0000 %s 00000000 00000000",
			 cases[i].label);
		event = event_new(UDP4, message);
		assert_renders(
			"{>rflags}", cases[i].expected,
			&(struct record){ .event = event, .response = true });
		free(event);
	}
}

Test(extra, durations)
{
	static const struct {
		int64_t ns;
		const char *expected;
	} cases[] = {
		{ 0, "0s" },
		{ 1, "0.000000001s" },
		{ 120000, "0.00012s" },
		{ 1000000000, "1s" },
		{ 1500000000, "1.5s" },
		{ 61000000001, "61.000000001s" },
		{ -1, "-" },
	};
	struct event *event = event_new(UDP4, RESPONSE);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct record_query query = {
			.stamp_ns = event->stamp_ns - cases[i].ns,
		};

		assert_renders("{duration}", cases[i].expected,
			       &(struct record){ .event = event,
						 .response = true,
						 .query = &query });
	}
	free(event);
}

Test(extra, buffer_sizes)
{
	static const struct {
		int socket;
		uint16_t udp_size;
		const char *expected;
	} cases[] = {
		{ UDP4, 0, "512" },      { UDP4, 511, "512" },
		{ UDP4, 513, "513" },    { UDP4, 65535, "65535" },
		{ TCP6, 1232, "65535" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct event *event = event_new(cases[i].socket, RESPONSE);
		struct record_query query = { .udp_size = cases[i].udp_size };

		assert_renders("{>bufsize}", cases[i].expected,
			       &(struct record){ .event = event,
						 .response = true,
						 .query = &query });
		free(event);
	}
}

Test(extra, query_read)
{
	struct event *event = event_new(UDP4, QUERY);
	struct record_query query;

	extra_query_read(event, &query);
	cr_assert_eq(query.stamp_ns, event->stamp_ns);
	cr_assert_eq(query.size, 40);
	cr_assert_eq(query.udp_size, 1232);
	cr_assert(query.dnssec_ok);
	free(event);

	event = event_new(UDP4, "041d 0130 0000 0000 0000 0000");
	extra_query_read(event, &query);
	cr_assert_eq(query.size, 12);
	cr_assert_eq(query.udp_size, 0);
	cr_assert_not(query.dnssec_ok);
	free(event);
}

Test(extra, templates)
{
	static const struct label_case cases[] = {
		{ "", "" },
		{ "text", "text" },
		{ "{type}", "HINFO" },
		{ "{type}{port}", "HINFO40212" },
		{ "a {type} b {port} c", "a HINFO b 40212 c" },
		{ "{{type}}", "{HINFO}" },
		{ "{ {type} }", "{ HINFO }" },
		{ "{{type}", "{HINFO" },
		{ "{type}}", "HINFO}" },
		{ "} {type}", "} HINFO" },
		{ "{type", "{type" },
		{ "type}", "type}" },
		{ "{", "{" },
		{ "}{", "}{" },
		{ "{}", "{}" },
		{ "{nothing} {port}", "{nothing} 40212" },
		{ "{Type} {TYPE} {>ID} { type}",
		  "{Type} {TYPE} {>ID} { type}" },
		{ "{>nothing}", "{>nothing}" },
		{ "{forward/upstream}", "{forward/upstream}" },
		{ "{/forward/Upstream}", "-" },
		{ "{/a{type}b}", "{/aHINFOb}" },
		{ "upstream: {/forward/upstream}", "upstream: -" },
		{ "gr\u00fc\u00df {port} \u2603 \U0001f600",
		  "gr\u00fc\u00df 40212 \u2603 \U0001f600" },
		{ "{remote}:{port} - {>id} \"{type} {class} {name} {proto} "
		  "{size} {>do} {>bufsize}\" {rcode} {>rflags} {rsize} "
		  "{duration}",
		  "10.240.0.1:40212 - 1053 \"HINFO IN example.org. udp 40 true "
		  "1232\" - - - -" },
	};
	struct event *event = event_new(UDP4, QUERY);

	ASSERT_LABELS(cases, (&(struct record){ .event = event }));
	free(event);
}

Test(extra, what_is_no_utf8)
{
	static const struct label_case cases[] = {
		{ "\xff", "?" },
		{ "a\x80z", "a?z" },
		{ "\xc0\xaf", "??" },
		{ "\xc3", "?" },
		{ "\xe0\x80\x80", "???" },
		{ "\xe2\x82", "??" },
		{ "\xed\xa0\x80", "???" },
		{ "\xf0\x8f\xbf\xbf", "????" },
		{ "\xf4\x90\x80\x80", "????" },
		{ "\xf5\x80\x80\x80", "????" },
		{ "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf" },
		{ "\xc3{port}", "?40212" },
	};
	struct event *event = event_new(UDP4, QUERY);
	struct record record = { .event = event };
	struct extra *extra;
	char out[8];

	ASSERT_LABELS(cases, &record);
	extra = parse("{/shim/program}", "a\xe9");
	cr_assert_eq(extra_render(extra, &record, out, sizeof(out)), 2);
	cr_assert_arr_eq(out, "a?", 2);
	extra_free(extra);
	extra = parse("{/shim/program}", NULL);
	cr_assert_eq(extra_render(extra, &record, out, sizeof(out)), 1);
	cr_assert_arr_eq(out, "-", 1);
	extra_free(extra);
	free(event);
}

/* Whatever the room, what is there is the beginning of the whole, and ends
 * with a whole character. */
Test(extra, cut_at_a_whole_character)
{
	static const char whole[] = "\u00e9\u2603\U0001f600HINFO\u00e940212";
	struct event *event = event_new(UDP4, QUERY);
	struct record record = { .event = event };
	struct extra *extra =
		parse("\u00e9\u2603\U0001f600{type}\u00e9{port}", "");

	for (size_t room = 0; room <= sizeof(whole); room++) {
		char *out = malloc(room ? room : 1);
		size_t size = extra_render(extra, &record, out, room);
		size_t expected =
			room < sizeof(whole) ? room : sizeof(whole) - 1;

		while (((uint8_t)whole[expected] & 0xc0) == 0x80)
			expected--;
		cr_assert_eq(size, expected, "%zu in %zu", size, room);
		cr_assert_eq(memcmp(out, whole, size), 0);
		free(out);
	}
	extra_free(extra);
	free(event);
}

Test(extra, wants_upstream)
{
	static const struct {
		const char *template;
		bool wants;
	} cases[] = {
		{ "{/forward/upstream}", true },
		{ "{size} {/forward/upstream}!", true },
		{ "{/forward/other} {size} {duration}", false },
		{ "/forward/upstream", false },
		{ "", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct extra *extra = parse(cases[i].template, "");

		cr_assert_eq(extra_wants_upstream(extra), cases[i].wants, "%s",
			     cases[i].template);
		extra_free(extra);
	}
	extra_free(NULL);
}

/* What a program has told goes before what is known otherwise. */
Test(extra, metadata)
{
	static const char told[] =
		"a/b\0one\0forward/upstream\0mine\0a/empty\0\0a/odd\0\xff\xc3\xa9\xe2\x82";
	static const struct label_case cases[] = {
		{ "{/a/b}", "one" },
		{ "{/a/b}{/a/b}", "oneone" },
		{ "{/forward/upstream}", "mine" },
		{ "{/a/empty}", "-" },
		{ "{/a/odd}", "?\xc3\xa9??" },
		{ "{/a}", "-" },
		{ "{/a/bc}", "-" },
		{ "{a/b}", "{a/b}" },
		{ "{type}", "HINFO" },
	};
	struct event *event = event_new(UDP4, QUERY);
	struct record record = { .event = event,
				 .metadata = told,
				 .metadata_size = sizeof(told) };

	ASSERT_LABELS(cases, &record);
	free(event);
}

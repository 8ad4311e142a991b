/* SPDX-License-Identifier: Apache-2.0
 *
 * EDNS options, each by a function of its own.
 */
#include "cli/read/dns_message.h"

#include <arpa/inet.h>
#include <string.h>

#include "cli/read/fields.h"
#include "proto/common.h"
#include "proto/text.h"

struct option {
	uint16_t code;
	const uint8_t *data;
	size_t size;
};

static uint32_t number(const struct option *option, size_t at, size_t size)
{
	uint32_t value = 0;

	for (size_t i = at; i < at + size && i < option->size; i++)
		value = value << 8 | option->data[i];
	return value;
}

static void put_hex(ldns_buffer *out, const struct option *option)
{
	for (size_t i = 0; i < option->size; i++)
		ldns_buffer_printf(out, "%02x", option->data[i]);
}

static void put_upper(ldns_buffer *out, const struct option *option)
{
	for (size_t i = 0; i < option->size; i++)
		ldns_buffer_printf(out, "%02X", option->data[i]);
}

/* RFC 5001: an opaque string that most servers fill with text. */
static void put_nsid(ldns_buffer *out, const struct option *option)
{
	put_hex(out, option);
	put_text(out, "  ");
	for (size_t i = 0; i < option->size; i++)
		if (option->data[i] >= ' ' && option->data[i] <= '~')
			ldns_buffer_printf(out, "(%c)", option->data[i]);
		else
			put_text(out, "(.)");
}

/* RFC 7871 6: FAMILY, SOURCE PREFIX-LENGTH, SCOPE PREFIX-LENGTH, ADDRESS. */
static void put_subnet(ldns_buffer *out, const struct option *option)
{
	bool inet6 = number(option, 0, 2) == 2;
	uint8_t address[16] = { 0 };
	size_t size = option->size > 4 ? option->size - 4 : 0;
	char room[INET6_ADDRSTRLEN + 2];
	struct text text = { .start = room, .size = sizeof(room) };

	if (option->size < 4) {
		put_hex(out, option);
		return;
	}
	memcpy(address, option->data + 4, size < 16 ? size : 16);
	text_add_address(&text, address, inet6);
	put(out, room, text.used);
	ldns_buffer_printf(out, "/%u/%u", option->data[2], option->data[3]);
}

/* RFC 7828: units of 100 ms. */
static void put_keepalive(ldns_buffer *out, const struct option *option)
{
	uint32_t timeout = number(option, 0, 2);

	if (timeout)
		ldns_buffer_printf(out, "use tcp keep-alive, timeout %ums",
				   timeout * 100);
	else
		put_text(out, "use tcp keep-alive, timeout omitted");
}

static void put_lease(ldns_buffer *out, const struct option *option)
{
	ldns_buffer_printf(out, "%u %u", number(option, 0, 4),
			   number(option, 4, 4));
}

static void put_names(ldns_buffer *out, const struct option *option,
		      ldns_lookup_table *names)
{
	for (size_t i = 0; i < option->size; i++) {
		const ldns_lookup_table *known =
			ldns_lookup_by_id(names, option->data[i]);

		if (known)
			ldns_buffer_printf(out, " %s", known->name);
		else
			ldns_buffer_printf(out, " %u", option->data[i]);
	}
}

/* RFC 6975: what a validator understands. */
static void put_algorithms(ldns_buffer *out, const struct option *option)
{
	put_names(out, option, ldns_algorithms);
}

static void put_hashes(ldns_buffer *out, const struct option *option)
{
	static ldns_lookup_table hashes[] = {
		{ LDNS_SHA1, "SHA1" },
		{ LDNS_SHA256, "SHA256" },
		{ LDNS_HASH_GOST, "GOST94" },
		{ LDNS_SHA384, "SHA384" },
		{ 0, NULL },
	};

	put_names(out, option, hashes);
}

/* RFC 7314: empty in a query. */
static void put_expire(ldns_buffer *out, const struct option *option)
{
	if (option->size > 0)
		ldns_buffer_printf(out, "%u", number(option, 0, 4));
}

/* RFC 8914 */
static void put_error(ldns_buffer *out, const struct option *option)
{
	static const char *const names[] = {
		"Other",
		"Unsupported DNSKEY Algorithm",
		"Unsupported DS Digest Type",
		"Stale Answer",
		"Forged Answer",
		"DNSSEC Indeterminate",
		"DNSSEC Bogus",
		"Signature Expired",
		"Signature Not Yet Valid",
		"DNSKEY Missing",
		"RRSIGs Missing",
		"No Zone Key Bit Set",
		"NSEC Missing",
		"Cached Error",
		"Not Ready",
		"Blocked",
		"Censored",
		"Filtered",
		"Prohibited",
		"Stale NXDOMAIN Answer",
		"Not Authoritative",
		"Not Supported",
		"No Reachable Authority",
		"Network Error",
		"Invalid Data",
	};
	uint32_t code = number(option, 0, 2);

	ldns_buffer_printf(out, "%u", code);
	if (code < ARRAY_SIZE(names))
		ldns_buffer_printf(out, " (%s)", names[code]);
	put_text(out, ": (");
	for (size_t i = 2; i < option->size; i++)
		if (option->data[i] >= ' ' && option->data[i] <= '~')
			put(out, &option->data[i], 1);
		else
			ldns_buffer_printf(out, "\\%03u", option->data[i]);
	put_text(out, ")");
}

static void put_local(ldns_buffer *out, const struct option *option)
{
	ldns_buffer_printf(out, "%u:0x", option->code);
	put_hex(out, option);
}

static const struct {
	uint16_t code;
	const char *name;
	void (*put)(ldns_buffer *out, const struct option *option);
} known[] = {
	{ LDNS_EDNS_UL, "UPDATE LEASE", put_lease },
	{ LDNS_EDNS_NSID, "NSID", put_nsid },
	{ LDNS_EDNS_DAU, "DNSSEC ALGORITHM UNDERSTOOD", put_algorithms },
	{ LDNS_EDNS_DHU, "DS HASH UNDERSTOOD", put_hashes },
	{ LDNS_EDNS_N3U, "NSEC3 HASH UNDERSTOOD", put_hashes },
	{ LDNS_EDNS_CLIENT_SUBNET, "SUBNET", put_subnet },
	{ LDNS_EDNS_EXPIRE, "EXPIRE", put_expire },
	{ LDNS_EDNS_COOKIE, "COOKIE", put_hex },
	{ LDNS_EDNS_KEEPALIVE, "KEEPALIVE", put_keepalive },
	{ LDNS_EDNS_PADDING, "PADDING", put_upper },
	{ LDNS_EDNS_EDE, "EDE", put_error },
};

static void put_option(ldns_buffer *out, const struct option *option)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (known[i].code != option->code)
			continue;
		ldns_buffer_printf(out, "\n; %s: ", known[i].name);
		known[i].put(out, option);
		return;
	}
	put_text(out, "\n; LOCAL OPT: ");
	put_local(out, option);
}

void dns_message_put_edns(ldns_buffer *out, const ldns_pkt *pkt)
{
	const ldns_rdf *options = ldns_pkt_edns_data(pkt);
	const uint8_t *p = options ? ldns_rdf_data(options) : NULL;
	const uint8_t *end = options ? p + ldns_rdf_size(options) : NULL;

	ldns_buffer_printf(out,
			   "\n;; OPT PSEUDOSECTION:\n; EDNS: version %u; "
			   "flags: %s; udp: %u",
			   ldns_pkt_edns_version(pkt),
			   ldns_pkt_edns_do(pkt) ? "do" : "",
			   ldns_pkt_edns_udp_size(pkt));
	while (end - p >= 4) {
		struct option option = { p[0] << 8 | p[1], p + 4,
					 (size_t)(p[2] << 8 | p[3]) };

		if (option.size > (size_t)(end - option.data))
			break;
		put_option(out, &option);
		p = option.data + option.size;
	}
	put_text(out, "\n");
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * DNS messages read through a bounded cursor: an error sticks, so that parsers
 * read straight on and check once.
 */
#include "proto/dns.h"

#include <string.h>

enum {
	TYPE_OPT = 41,
	TYPE_XPF = 65422, /* draft-bellis-dnsop-xpf, as it is deployed */
	OPTION_CLIENT_SUBNET = 8,
	OPTION_UMBRELLA = 20292,
	OPTION_LOCAL_MIN = 65001,
	OPTION_LOCAL_MAX = 65534,
	LABEL_MAX = 63, /* RFC 1035 2.3.4 */
};

/* What lies between `at` and `end` has not been read yet. */
struct cursor {
	const uint8_t *at, *end;
	bool failed;
};

struct record {
	uint16_t type, class;
	uint32_t ttl;
	uint16_t size;
	const uint8_t *data;
};

static uint16_t be16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

/* Returns the next n octets, or NULL where there are fewer. */
static const uint8_t *take(struct cursor *c, size_t n)
{
	const uint8_t *p = c->at;

	if (c->failed || n > (size_t)(c->end - p)) {
		c->failed = true;
		return NULL;
	}
	c->at += n;
	return p;
}

static uint16_t take16(struct cursor *c)
{
	const uint8_t *p = take(c, 2);

	return p ? be16(p) : 0;
}

static uint32_t take32(struct cursor *c)
{
	uint32_t high = take16(c);

	return high << 16 | take16(c);
}

/* A pointer ends a name and is not followed: nobody needs to know where the name
 * of a later record leads. Returns whether there was one. */
static bool skip_name(struct cursor *c)
{
	const uint8_t *name = c->at;
	size_t at = 0, left = c->end - name;

	while (at < left && name[at] && name[at] <= LABEL_MAX)
		at += 1 + name[at];
	if (at < left && !name[at]) {
		c->at = name + at + 1;
		return false;
	}
	if (at < left && name[at] >= 0xc0)
		return take(c, at + 2);
	c->failed = true;
	return false;
}

static bool next_record(struct cursor *c, struct record *record)
{
	skip_name(c);
	record->type = take16(c);
	record->class = take16(c);
	record->ttl = take32(c);
	record->size = take16(c);
	record->data = take(c, record->size);
	return !c->failed;
}

/* Leaves the cursor behind the questions. Each takes five octets or more, so a
 * count that lies ends at the message's end. */
static void open_records(struct cursor *c, const uint8_t *message, size_t size,
			 struct dns_header *header)
{
	*c = (struct cursor){ message, message + size, false };
	if (!take(c, DNS_HEADER_SIZE))
		return;
	dns_header_parse(message, header);
	for (unsigned i = 0; i < header->qdcount && !c->failed; i++) {
		skip_name(c);
		take(c, 4);
	}
}

void dns_header_parse(const uint8_t *message, struct dns_header *header)
{
	header->id = be16(message);
	header->flags = be16(message + 2);
	header->qdcount = be16(message + 4);
	header->ancount = be16(message + 6);
	header->nscount = be16(message + 8);
	header->arcount = be16(message + 10);
}

/* The name at `at` without its pointers. Each has to lead to before the labels
 * that it ends, as it does for servers, so that there is an end. Returns the
 * octets, or 0 if it is malformed. */
static size_t expand(const uint8_t *message, size_t size, size_t at,
		     uint8_t name[DNS_NAME_SIZE])
{
	size_t used = 0, begin = at;

	while (at < size) {
		size_t octets = message[at] + 1;

		if (message[at] >= 0xc0 && size - at >= 2) {
			at = be16(message + at) & 0x3fff;
			if (at >= begin)
				return 0;
			begin = at;
			continue;
		}
		if (octets > 64 || octets > size - at ||
		    octets > DNS_NAME_SIZE - used)
			return 0;
		memcpy(name + used, message + at, octets);
		used += octets;
		at += octets;
		if (octets == 1)
			return used;
	}
	return 0;
}

bool dns_question_parse(const uint8_t *message, size_t size,
			struct dns_question *question,
			uint8_t expanded[DNS_NAME_SIZE])
{
	struct cursor c = { message, message + size, false };
	const uint8_t *name;
	bool pointer;
	size_t name_size;

	*question = (struct dns_question){ 0 };
	if (!take(&c, DNS_HEADER_SIZE) || be16(message + 4) == 0)
		return false;

	name = c.at;
	pointer = skip_name(&c);
	name_size = c.at - name;
	const uint8_t *fixed = take(&c, 4);
	if (!fixed)
		return false;
	/* Nothing but the header stands before the first name; some servers
	 * take even that for a name's end, and answer. */
	if (pointer) {
		name_size = expand(message, size, DNS_HEADER_SIZE, expanded);
		name = expanded;
	}
	if (name_size == 0 || name_size > DNS_NAME_SIZE)
		return false;
	*question = (struct dns_question){ name, name_size, be16(fixed),
					   be16(fixed + 2) };
	return true;
}

bool dns_edns_parse(const uint8_t *message, size_t size, struct dns_edns *edns)
{
	struct dns_header header = { 0 };
	struct cursor c;
	struct record record;
	unsigned before, all;

	*edns = (struct dns_edns){ 0 };
	open_records(&c, message, size, &header);
	before = header.ancount + header.nscount;
	all = before + header.arcount;
	for (unsigned i = 0; i < all && next_record(&c, &record); i++) {
		if (i < before || record.type != TYPE_OPT)
			continue;
		*edns = (struct dns_edns){
			.present = true,
			.dnssec_ok = record.ttl >> 15 & 1,
			.udp_size = record.class,
			.rcode_high = record.ttl >> 24,
			.version = record.ttl >> 16 & 0xff,
			.options_size = record.size,
			.options = record.data,
		};
		return true;
	}
	return false;
}

/* Zeroes what follows the first `keep` bits. */
static void clear_bits(uint8_t *bits, size_t size, size_t keep)
{
	size_t whole = keep / 8;

	if (whole >= size)
		return;
	bits[whole] &= ~(0xff >> keep % 8);
	memset(bits + whole + 1, 0, size - whole - 1);
}

/* A cursor only reads: the same place in the message that may be written. */
static uint8_t *writable(uint8_t *base, const uint8_t *place)
{
	return base + (place - base);
}

static void mask_option(uint8_t *option, size_t size, unsigned v4_bits,
			unsigned v6_bits)
{
	enum { FAMILY_INET = 1, FAMILY_INET6 = 2, BEFORE_ADDRESS = 4 };
	unsigned keep = 0;

	if (size <= BEFORE_ADDRESS)
		return;
	if (be16(option) == FAMILY_INET)
		keep = v4_bits;
	else if (be16(option) == FAMILY_INET6)
		keep = v6_bits;
	clear_bits(option + BEFORE_ADDRESS, size - BEFORE_ADDRESS, keep);
}

static bool tells_of_client(uint16_t option)
{
	return option == OPTION_UMBRELLA ||
	       (option >= OPTION_LOCAL_MIN && option <= OPTION_LOCAL_MAX);
}

/* Returns false if an address may be left. */
static bool mask_options(uint8_t *options, size_t size, unsigned v4_bits,
			 unsigned v6_bits)
{
	struct cursor c = { options, options + size, false };
	bool clean = true;

	while (c.at < c.end && !c.failed) {
		uint16_t code = take16(&c), length = take16(&c);
		const uint8_t *option = take(&c, length);

		if (option && code == OPTION_CLIENT_SUBNET)
			mask_option(writable(options, option), length, v4_bits,
				    v6_bits);
		clean &= !tells_of_client(code);
	}
	return clean && !c.failed;
}

bool dns_client_subnet_mask(uint8_t *message, size_t size, unsigned v4_bits,
			    unsigned v6_bits)
{
	struct dns_header header = { 0 };
	struct cursor c;
	struct record record;
	unsigned all;
	bool clean = true;

	open_records(&c, message, size, &header);
	all = header.ancount + header.nscount + header.arcount;
	/* In every section: an OPT record that is out of place tells as much. */
	for (unsigned i = 0; i < all && next_record(&c, &record); i++) {
		if (record.type == TYPE_OPT)
			clean &= mask_options(writable(message, record.data),
					      record.size, v4_bits, v6_bits);
		clean &= record.type != TYPE_XPF;
	}
	return clean && !c.failed && c.at == c.end;
}

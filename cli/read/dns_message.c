/* SPDX-License-Identifier: Apache-2.0
 *
 * DNS messages by way of libldns.
 */
#include "cli/read/dns_message.h"

#include <string.h>

#include "cli/read/fields.h"
#include "proto/common.h"

static const char *const opcodes[16] = {
	"QUERY", "IQUERY", "STATUS", "", "NOTIFY", "UPDATE",
};

static const char *const rcodes[] = {
	"NOERROR",  "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP",   "REFUSED",
	"YXDOMAIN", "YXRRSET", "NXRRSET",  "NOTAUTH",  "NOTZONE",  "",
	"",         "",        "",         "",         "BADVERS",  "BADKEY",
	"BADTIME",  "BADMODE", "BADNAME",  "BADALG",   "BADTRUNC", "BADCOOKIE",
};

bool dns_message_parse(struct dns_message *message, const uint8_t *wire,
		       size_t size)
{
	uint8_t header[LDNS_HEADER_SIZE];

	/* Some servers refuse with the header alone, and leave its counts. */
	if (size == LDNS_HEADER_SIZE) {
		memcpy(header, wire, 4);
		memset(header + 4, 0, sizeof(header) - 4);
		wire = header;
	}
	message->z = size > 3 && (wire[3] & 0x40);
	return ldns_wire2pkt(&message->pkt, wire, size) == LDNS_STATUS_OK;
}

void dns_message_release(struct dns_message *message)
{
	ldns_pkt_free(message->pkt);
}

bool dns_message_has_question(const struct dns_message *message)
{
	return ldns_rr_list_rr_count(ldns_pkt_question(message->pkt)) > 0;
}

static void put_class_type(ldns_buffer *out, const ldns_rr *rr, const char *gap)
{
	ldns_rr_class2buffer_str(out, ldns_rr_get_class(rr));
	put_text(out, gap);
	ldns_rr_type2buffer_str(out, ldns_rr_get_type(rr));
}

void dns_message_put_question(ldns_buffer *out,
			      const struct dns_message *message)
{
	const ldns_rr *rr = ldns_rr_list_rr(ldns_pkt_question(message->pkt), 0);

	put_text(out, "\"");
	ldns_rdf2buffer_str_dname(out, ldns_rr_owner(rr));
	put_text(out, "\" ");
	put_class_type(out, rr, " ");
}

static const char *rcode_name(const ldns_pkt *pkt)
{
	unsigned rcode = ldns_pkt_get_rcode(pkt);

	if (ldns_pkt_edns(pkt))
		rcode |= ldns_pkt_edns_extended_rcode(pkt) << 4;
	return rcode < ARRAY_SIZE(rcodes) ? rcodes[rcode] : "";
}

static void put_flags(ldns_buffer *out, const struct dns_message *message)
{
	const ldns_pkt *pkt = message->pkt;
	const struct {
		bool set;
		const char *name;
	} flags[] = {
		{ ldns_pkt_qr(pkt), " qr" }, { ldns_pkt_aa(pkt), " aa" },
		{ ldns_pkt_tc(pkt), " tc" }, { ldns_pkt_rd(pkt), " rd" },
		{ ldns_pkt_ra(pkt), " ra" }, { message->z, " z" },
		{ ldns_pkt_ad(pkt), " ad" }, { ldns_pkt_cd(pkt), " cd" },
	};

	put_text(out, ";; flags:");
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (flags[i].set)
			put_text(out, flags[i].name);
	put_text(out, ";");
}

static void put_header(ldns_buffer *out, const struct dns_message *message)
{
	const ldns_pkt *pkt = message->pkt;
	size_t additional = ldns_rr_list_rr_count(ldns_pkt_additional(pkt));

	/* libldns keeps these two apart from their section. */
	additional += ldns_pkt_edns(pkt) + (ldns_pkt_tsig(pkt) != NULL);
	ldns_buffer_printf(out, ";; opcode: %s, status: %s, id: %u\n",
			   opcodes[ldns_pkt_get_opcode(pkt)], rcode_name(pkt),
			   ldns_pkt_id(pkt));
	put_flags(out, message);
	ldns_buffer_printf(
		out,
		" QUERY: %zu, ANSWER: %zu, AUTHORITY: %zu, ADDITIONAL: %zu\n",
		ldns_rr_list_rr_count(ldns_pkt_question(pkt)),
		ldns_rr_list_rr_count(ldns_pkt_answer(pkt)),
		ldns_rr_list_rr_count(ldns_pkt_authority(pkt)), additional);
}

static void put_questions(ldns_buffer *out, const ldns_rr_list *list)
{
	if (ldns_rr_list_rr_count(list) > 0)
		put_text(out, "\n;; QUESTION SECTION:\n");
	for (size_t i = 0; i < ldns_rr_list_rr_count(list); i++) {
		put_text(out, ";");
		ldns_rdf2buffer_str_dname(
			out, ldns_rr_owner(ldns_rr_list_rr(list, i)));
		put_text(out, "\t");
		put_class_type(out, ldns_rr_list_rr(list, i), "\t ");
		put_text(out, "\n");
	}
}

/* libldns ends some records with a blank, and has two where a field is empty.
 * Blanks in quoted strings stay. */
static void tidy(ldns_buffer *out, size_t from)
{
	char *p = (char *)ldns_buffer_at(out, from);
	char *end = (char *)ldns_buffer_current(out), *to = p;
	bool quoted = false;

	for (; p < end; p++) {
		if (*p == '\\' && p + 1 < end)
			*to++ = *p++;
		else if (*p == '"')
			quoted = !quoted;
		else if (*p == ' ' && !quoted && (p[1] == ' ' || p[1] == '\n'))
			continue;
		*to++ = *p;
	}
	ldns_buffer_set_position(out, to - (char *)ldns_buffer_begin(out));
}

static void put_rr(ldns_buffer *out, const ldns_rr *rr)
{
	size_t from = ldns_buffer_position(out);

	ldns_rr2buffer_str_fmt(out, ldns_output_format_nocomments, rr);
	tidy(out, from);
}

static void put_section(ldns_buffer *out, const char *name,
			const ldns_rr_list *list, const ldns_rr *last)
{
	size_t n = ldns_rr_list_rr_count(list);

	if (n > 0 || last)
		ldns_buffer_printf(out, "\n;; %s SECTION:\n", name);
	for (size_t i = 0; i < n; i++)
		put_rr(out, ldns_rr_list_rr(list, i));
	if (last)
		put_rr(out, last);
}

void dns_message_put(ldns_buffer *out, const struct dns_message *message)
{
	const ldns_pkt *pkt = message->pkt;

	put_header(out, message);
	if (ldns_pkt_edns(pkt))
		dns_message_put_edns(out, pkt);
	put_questions(out, ldns_pkt_question(pkt));
	put_section(out, "ANSWER", ldns_pkt_answer(pkt), NULL);
	put_section(out, "AUTHORITY", ldns_pkt_authority(pkt), NULL);
	put_section(out, "ADDITIONAL", ldns_pkt_additional(pkt),
		    ldns_pkt_tsig(pkt));
}

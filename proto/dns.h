/* SPDX-License-Identifier: Apache-2.0
 *
 * As much of a DNS message as a tap needs to know: the header, the question and
 * the EDNS record (RFC 1035 4.1, RFC 6891 6.1). No allocation, no I/O.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_HEADER_SIZE 12
#define DNS_NAME_SIZE   255 /* wire format, RFC 1035 2.3.4 */

enum dns_opcode {
	DNS_OPCODE_QUERY = 0,
	DNS_OPCODE_NOTIFY = 4,
	DNS_OPCODE_UPDATE = 5
};

/* RFC 1035 4.1.1, host order. Valid for any message of 12 octets or more. */
struct dns_header {
	uint16_t id;
	uint16_t flags;
	uint16_t qdcount, ancount, nscount, arcount;
};

#define DNS_QR(flags)     ((flags) >> 15 & 1)
#define DNS_OPCODE(flags) ((flags) >> 11 & 15)
#define DNS_AA(flags)     ((flags) >> 10 & 1)
#define DNS_TC(flags)     ((flags) >> 9 & 1)
#define DNS_RD(flags)     ((flags) >> 8 & 1)
#define DNS_RA(flags)     ((flags) >> 7 & 1)
#define DNS_AD(flags)     ((flags) >> 5 & 1)
#define DNS_CD(flags)     ((flags) >> 4 & 1)
#define DNS_RCODE(flags)  ((flags)&15)

/* The first question. Its name has no pointers (RFC 1035 4.1.4) any more. */
struct dns_question {
	const uint8_t *name; /* NULL: absent or malformed */
	uint8_t name_size;   /* octets with the root label */
	uint16_t type, class;
};

struct dns_edns {
	bool present;
	bool dnssec_ok;     /* the DO bit, RFC 3225 */
	uint16_t udp_size;  /* the sender's UDP payload size */
	uint8_t rcode_high; /* upper 8 bits of the RCODE */
	uint8_t version;
	uint16_t options_size;
	const uint8_t *options; /* into the message */
};

/* Assigns *header. `message` has at least DNS_HEADER_SIZE octets. */
void dns_header_parse(const uint8_t *message, struct dns_header *header);

/* Returns false, and a question without a name, if there is no well-formed one.
 * The name lies in the message; or, if it had a pointer, in `expanded`, which
 * nothing is written to otherwise. */
bool dns_question_parse(const uint8_t *message, size_t size,
			struct dns_question *question,
			uint8_t expanded[DNS_NAME_SIZE]);

/* Finds the OPT record. Returns false, and edns->present = false, if there is
 * none or a record before it is malformed. Walks at most `size` octets. */
bool dns_edns_parse(const uint8_t *message, size_t size, struct dns_edns *edns);

/*
 * Anonymises EDNS client subnet (RFC 7871 section 6) in place: in every such
 * option the address keeps its first v4_bits or v6_bits, the others become
 * zero; an address of another family keeps none. SOURCE PREFIX-LENGTH stays,
 * because it gives the number of address octets: bits beyond it are zero as
 * before, and the message keeps its size. A TSIG record verifies no longer.
 *
 * Returns false if an address may still stand in the message: in octets that
 * could not be read as records or options, or in what proxies tell of the client
 * by other means, each with a form of its own: options for local use (RFC 6891
 * 9) and Umbrella's, XPF records.
 */
bool dns_client_subnet_mask(uint8_t *message, size_t size, unsigned v4_bits,
			    unsigned v6_bits);

/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables of names, in ascending order of their numbers. They hold what CoreDNS
 * knows and no more: what it calls TYPE38 is not to be A6 in our log.
 */
#include "proto/mnemonic.h"

#include <stddef.h>
#include <strings.h>

#include "proto/common.h"

/* The characters stand in the table itself: nothing to relocate at load. */
struct mnemonic {
	uint16_t number;
	char name[11];
};

static const struct mnemonic types[] = {
	{ 0, "None" },         { 1, "A" },        { 2, "NS" },
	{ 3, "MD" },           { 4, "MF" },       { 5, "CNAME" },
	{ 6, "SOA" },          { 7, "MB" },       { 8, "MG" },
	{ 9, "MR" },           { 10, "NULL" },    { 12, "PTR" },
	{ 13, "HINFO" },       { 14, "MINFO" },   { 15, "MX" },
	{ 16, "TXT" },         { 17, "RP" },      { 18, "AFSDB" },
	{ 19, "X25" },         { 20, "ISDN" },    { 21, "RT" },
	{ 23, "NSAP-PTR" },    { 24, "SIG" },     { 25, "KEY" },
	{ 26, "PX" },          { 27, "GPOS" },    { 28, "AAAA" },
	{ 29, "LOC" },         { 30, "NXT" },     { 31, "EID" },
	{ 32, "NIMLOC" },      { 33, "SRV" },     { 34, "ATMA" },
	{ 35, "NAPTR" },       { 36, "KX" },      { 37, "CERT" },
	{ 39, "DNAME" },       { 41, "OPT" },     { 42, "APL" },
	{ 43, "DS" },          { 44, "SSHFP" },   { 45, "IPSECKEY" },
	{ 46, "RRSIG" },       { 47, "NSEC" },    { 48, "DNSKEY" },
	{ 49, "DHCID" },       { 50, "NSEC3" },   { 51, "NSEC3PARAM" },
	{ 52, "TLSA" },        { 53, "SMIMEA" },  { 55, "HIP" },
	{ 56, "NINFO" },       { 57, "RKEY" },    { 58, "TALINK" },
	{ 59, "CDS" },         { 60, "CDNSKEY" }, { 61, "OPENPGPKEY" },
	{ 62, "CSYNC" },       { 63, "ZONEMD" },  { 64, "SVCB" },
	{ 65, "HTTPS" },       { 99, "SPF" },     { 100, "UINFO" },
	{ 101, "UID" },        { 102, "GID" },    { 103, "UNSPEC" },
	{ 104, "NID" },        { 105, "L32" },    { 106, "L64" },
	{ 107, "LP" },         { 108, "EUI48" },  { 109, "EUI64" },
	{ 128, "NXNAME" },     { 249, "TKEY" },   { 250, "TSIG" },
	{ 251, "IXFR" },       { 252, "AXFR" },   { 253, "MAILB" },
	{ 254, "MAILA" },      { 255, "ANY" },    { 256, "URI" },
	{ 257, "CAA" },        { 258, "AVC" },    { 260, "AMTRELAY" },
	{ 261, "RESINFO" },    { 32768, "TA" },   { 32769, "DLV" },
	{ 65535, "Reserved" },
};

/* 255 is missing on purpose: ANY is a type's name as well. */
static const struct mnemonic classes[] = {
	{ 1, "IN" }, { 2, "CS" }, { 3, "CH" }, { 4, "HS" }, { 254, "NONE" },
};

static const struct mnemonic rcodes[] = {
	{ 0, "NOERROR" },   { 1, "FORMERR" },    { 2, "SERVFAIL" },
	{ 3, "NXDOMAIN" },  { 4, "NOTIMP" },     { 5, "REFUSED" },
	{ 6, "YXDOMAIN" },  { 7, "YXRRSET" },    { 8, "NXRRSET" },
	{ 9, "NOTAUTH" },   { 10, "NOTZONE" },   { 11, "DSOTYPENI" },
	{ 16, "BADSIG" },   { 17, "BADKEY" },    { 18, "BADTIME" },
	{ 19, "BADMODE" },  { 20, "BADNAME" },   { 21, "BADALG" },
	{ 22, "BADTRUNC" }, { 23, "BADCOOKIE" },
};

static const char *find(const struct mnemonic *table, size_t n, uint16_t number)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (table[middle].number == number)
			return table[middle].name;
		if (table[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const char *mnemonic_type(uint16_t type)
{
	return find(types, ARRAY_SIZE(types), type);
}

const char *mnemonic_class(uint16_t class)
{
	return find(classes, ARRAY_SIZE(classes), class);
}

const char *mnemonic_rcode(uint16_t rcode)
{
	return find(rcodes, ARRAY_SIZE(rcodes), rcode);
}

static int number(const struct mnemonic *table, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcasecmp(table[i].name, name))
			return table[i].number;
	return -1;
}

int mnemonic_type_number(const char *name)
{
	return number(types, ARRAY_SIZE(types), name);
}

int mnemonic_rcode_number(const char *name)
{
	return number(rcodes, ARRAY_SIZE(rcodes), name);
}

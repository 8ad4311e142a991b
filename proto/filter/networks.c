/* SPDX-License-Identifier: Apache-2.0
 *
 * Networks, compared one by one.
 */
#include "proto/filter/networks.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/text.h"

#define MAPPED_BITS 96 /* before an IPv4 address in IPv6, RFC 4291 2.5.5.2 */

static unsigned width(const struct address *address)
{
	return address->inet6 ? 128 : 32;
}

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	return !memcmp(a, b, whole) &&
	       (!rest || !((a[whole] ^ b[whole]) >> (8 - rest)));
}

bool networks_have(const struct networks *networks,
		   const struct address *address)
{
	for (size_t i = 0; i < networks->count; i++) {
		const struct network *network = &networks->list[i];

		if (network->address.inet6 == address->inet6 &&
		    same_bits(network->address.octets, address->octets,
			      network->bits))
			return true;
	}
	return false;
}

bool networks_same(const struct networks *a, const struct networks *b)
{
	for (size_t i = 0; i < a->count && i < b->count; i++) {
		const struct network *one = &a->list[i], *other = &b->list[i];

		if (one->bits != other->bits ||
		    one->address.inet6 != other->address.inet6 ||
		    !same_bits(one->address.octets, other->address.octets,
			       one->bits))
			return false;
	}
	return a->count == b->count;
}

/* Up to three digits. Returns -1 for anything else. */
static int read_bits(const char *text)
{
	int bits = 0;

	if (!*text || strlen(text) > 3)
		return -1;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		bits = bits * 10 + *text - '0';
	}
	return bits;
}

static bool read_address(const char *text, size_t size, struct address *address)
{
	char copy[INET6_ADDRSTRLEN];
	uint8_t octets[16];
	bool inet6 = memchr(text, ':', size);

	if (size >= sizeof(copy))
		return false;
	memcpy(copy, text, size);
	copy[size] = '\0';
	*address = (struct address){ 0 };
	if (inet_pton(inet6 ? AF_INET6 : AF_INET, copy, octets) != 1)
		return false;
	address_set(address, octets, inet6);
	return true;
}

static bool read_network(const char *text, struct network *network)
{
	struct address *address = &network->address;
	size_t size = strcspn(text, "/");
	int bits;

	if (!read_address(text, size, address))
		return false;
	bits = text[size] ? read_bits(text + size + 1) : (int)width(address);
	if (text[size] && !address->inet6 && memchr(text, ':', size))
		bits -= MAPPED_BITS;
	if (bits < 0 || bits > (int)width(address))
		return false;
	network->bits = bits;
	for (unsigned i = bits; i < width(address); i++)
		if (address->octets[i / 8] >> (7 - i % 8) & 1)
			return false;
	return true;
}

int networks_add(struct networks *networks, const char *text)
{
	struct network network, *list;

	if (!read_network(text, &network))
		return -EINVAL;
	list = reallocarray(networks->list, networks->count + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	networks->list = list;
	list[networks->count++] = network;
	return 0;
}

void networks_show(const struct networks *networks, size_t i, struct text *out)
{
	const struct network *network = &networks->list[i];
	char text[INET6_ADDRSTRLEN];

	inet_ntop(network->address.inet6 ? AF_INET6 : AF_INET,
		  network->address.octets, text, sizeof(text));
	text_add_string(out, text);
	if (network->bits == width(&network->address))
		return;
	text_add_string(out, "/");
	text_add_number(out, network->bits);
}

void networks_release(struct networks *networks)
{
	free(networks->list);
	*networks = (struct networks){ 0 };
}

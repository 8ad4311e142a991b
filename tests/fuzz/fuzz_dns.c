/* SPDX-License-Identifier: Apache-2.0
 *
 * Any octets as a DNS message: nothing is read beyond them, what is found lies
 * within them, and a masked message stays as it was but for the addresses.
 */
#include "proto/dns.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void within(const uint8_t *data, size_t size, const uint8_t *part,
		   size_t part_size)
{
	require(part >= data && part <= data + size);
	require(part_size <= (size_t)(data + size - part));
}

static void mask(const uint8_t *data, size_t size)
{
	struct dns_edns before, after;
	uint8_t *message = malloc(size ? size : 1);
	uint8_t *twice = malloc(size ? size : 1);

	memcpy(message, data, size);
	dns_edns_parse(data, size, &before);
	dns_client_subnet_mask(message, size, 24, 56);
	require(dns_edns_parse(message, size, &after) == before.present);
	require(after.udp_size == before.udp_size);
	require(after.options_size == before.options_size);

	memcpy(twice, message, size);
	dns_client_subnet_mask(twice, size, 24, 56);
	require(memcmp(twice, message, size) == 0);
	free(twice);
	free(message);
}

/* In the message; or a copy, of which the labels end where it ends. */
static void question(const uint8_t *data, size_t size)
{
	uint8_t expanded[DNS_NAME_SIZE];
	struct dns_question found;
	size_t at = 0;

	if (!dns_question_parse(data, size, &found, expanded))
		return;
	if (found.name != expanded)
		within(data, size, found.name, found.name_size + 4);
	while (found.name[at]) {
		at += found.name[at] + 1;
		require(at < found.name_size);
	}
	require(at + 1 == found.name_size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns_edns edns;

	if (size > 65535)
		return 0;
	question(data, size);
	if (dns_edns_parse(data, size, &edns))
		within(data, size, edns.options, edns.options_size);
	mask(data, size);
	return 0;
}

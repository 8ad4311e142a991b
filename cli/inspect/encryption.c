/* SPDX-License-Identifier: Apache-2.0
 *
 * A library is known by a function that nobody does without who uses it.
 */
#include "cli/inspect/encryption.h"

#include <stdio.h>
#include <string.h>

#include "proto/common.h"

#define IMPORTERS_NAMED 3

#define SEEN "its DNS over TLS and HTTPS is seen in the clear"

static const struct library {
	const char *name, *functions[3], *so;
} libraries[] = {
	{ "OpenSSL", { "SSL_read", "SSL_read_ex" }, SEEN },
	{ "GnuTLS", { "gnutls_record_recv", "gnutls_record_recv_seq" }, SEEN },
	{ "Mbed TLS", { "mbedtls_ssl_read" }, "what is in it is not seen" },
	{ "wolfSSL", { "wolfSSL_read" }, "what is in it is not seen" },
	{ "libngtcp2",
	  { "ngtcp2_conn_read_pkt", "ngtcp2_conn_read_pkt_versioned" },
	  "DNS over QUIC is not seen" },
	{ "quiche", { "quiche_conn_recv" }, "DNS over QUIC is not seen" },
};

static bool has(const struct library *library, const char *name)
{
	for (size_t i = 0; i < 3 && library->functions[i]; i++)
		if (!strcmp(library->functions[i], name))
			return true;
	return false;
}

uint32_t encryption_bit(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(libraries); i++)
		if (has(&libraries[i], name))
			return 1u << i;
	return 0;
}

/* Writes the first few modules that call it. Returns how many there are. */
static size_t name_importers(const struct imports *imports, uint32_t bit,
			     char *text, size_t size)
{
	size_t n = 0, used = 0;

	*text = '\0';
	for (size_t i = 0; i < imports->n; i++) {
		if (!(imports->modules[i].encryption & bit) ||
		    n++ >= IMPORTERS_NAMED)
			continue;
		used += snprintf(text + used, size - used, "%s%s",
				 used ? ", " : "", imports->modules[i].name);
		if (used >= size)
			used = size - 1;
	}
	return n;
}

void encryption_judge(struct verdict *verdict, const struct imports *imports)
{
	char text[256];

	for (size_t i = 0; i < ARRAY_SIZE(libraries); i++) {
		size_t n = name_importers(imports, 1u << i, text, sizeof(text));

		if (n)
			verdict_add(verdict, ANSWER_YES,
				    "it uses %s (%s%s): %s", libraries[i].name,
				    text, n > IMPORTERS_NAMED ? " ..." : "",
				    libraries[i].so);
	}
}

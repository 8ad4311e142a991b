/* SPDX-License-Identifier: Apache-2.0
 *
 * A server of DNS over TLS that takes early data (RFC 8446 2.3), and answers before the
 * handshake is over.
 */
#include "host.h"

#include <openssl/ssl.h>

#define CERTIFICATE "authority/server.pem"
#define KEY         "authority/server.key"
#define EARLY_MAX   4096

static SSL_CTX *context;

/* Answers what has come early with itself. */
static void take_early(SSL *ssl)
{
	unsigned char octets[EARLY_MAX];
	size_t size = 0, done;
	int result;

	do {
		result = SSL_read_early_data(ssl, octets + size,
					     sizeof(octets) - size, &done);
		MUST(result != SSL_READ_EARLY_DATA_ERROR);
		size += done;
	} while (result != SSL_READ_EARLY_DATA_FINISH && size < 14);
	if (!size)
		return;
	octets[4] |= 0x80;
	MUST(SSL_write_early_data(ssl, octets, size, &done) == 1);
	MUST(done == size);
	MUST(SSL_read_early_data(ssl, octets, sizeof(octets), &done) ==
	     SSL_READ_EARLY_DATA_FINISH);
	MUST(!done);
}

/* Early data, and then one query more. */
static void serve(int fd)
{
	unsigned char octets[4096];
	SSL *ssl = SSL_new(context);

	MUST(ssl && SSL_set_fd(ssl, fd) == 1);
	SSL_set_accept_state(ssl);
	take_early(ssl);
	int size = SSL_read(ssl, octets, sizeof(octets));
	MUST(size > 14);
	octets[4] |= 0x80;
	MUST(SSL_write(ssl, octets, size) == size);
	MUST(SSL_read(ssl, octets, sizeof(octets)) <= 0);
	SSL_free(ssl);
	close(fd);
}

static void play(void)
{
	int listener = host_socket_at(SOCK_STREAM, 853);

	context = SSL_CTX_new(TLS_server_method());
	MUST(SSL_CTX_use_certificate_chain_file(context, CERTIFICATE) == 1);
	MUST(SSL_CTX_use_PrivateKey_file(context, KEY, SSL_FILETYPE_PEM) == 1);
	MUST(SSL_CTX_set_max_early_data(context, EARLY_MAX) == 1);
	/* Else it is taken from sessions of its cache alone. */
	SSL_CTX_set_options(context, SSL_OP_NO_ANTI_REPLAY);
	for (int i = 0; i < 2; i++)
		serve(accept(listener, NULL, NULL));
}

static const struct scene scenes[] = {
	{ "two", play },
};

HOST_MAIN(scenes)

/* SPDX-License-Identifier: Apache-2.0
 *
 * A server of DNS over TLS whose library does not know the sockets. Its first session
 * is freed where nobody sees it, within the library, while the socket stays open; the
 * next one, of a connection that is no DNS, lies at the same place.
 */
#include "host.h"

#include <openssl/ssl.h>

#define CERTIFICATE "authority/server.pem"
#define KEY         "authority/server.key"

struct session {
	int fd;
	SSL *ssl;
	BIO *in, *out;
};

static SSL_CTX *context;

/* The library's memory, each with its size in front. What is freed of the session
 * `place` is kept for the next of the same size. */
#define FRONT 16

static void *place, *kept;

static size_t *front(void *memory)
{
	return (size_t *)((char *)memory - FRONT);
}

static void *allocate(size_t size, const char *file, int line)
{
	void *found = kept;

	(void)file, (void)line;
	if (found && *front(found) == size) {
		kept = NULL;
		return found;
	}
	size_t *made = malloc(FRONT + size);
	MUST(made);
	*made = size;
	return (char *)made + FRONT;
}

static void release(void *memory, const char *file, int line)
{
	(void)file, (void)line;
	if (memory && memory == place)
		kept = memory;
	else if (memory)
		free(front(memory));
}

static void *resize(void *memory, size_t size, const char *file, int line)
{
	void *made = allocate(size, file, line);

	if (memory)
		memcpy(made, memory,
		       *front(memory) < size ? *front(memory) : size);
	release(memory, file, line);
	return made;
}

static struct session begun(int listener)
{
	struct session session = {
		.fd = accept(listener, NULL, NULL),
		.ssl = SSL_new(context),
		.in = BIO_new(BIO_s_mem()),
		.out = BIO_new(BIO_s_mem()),
	};

	MUST(session.fd >= 0 && session.ssl && session.in && session.out);
	SSL_set_bio(session.ssl, session.in, session.out);
	SSL_set_accept_state(session.ssl);
	return session;
}

static void flush(const struct session *session)
{
	char octets[16384];
	int n;

	while ((n = BIO_read(session->out, octets, sizeof(octets))) > 0)
		MUST(send(session->fd, octets, n, 0) == n);
}

/* What it has asked for comes. */
static void move(const struct session *session, int result)
{
	char octets[16384];

	MUST(SSL_get_error(session->ssl, result) == SSL_ERROR_WANT_READ);
	flush(session);
	int n = recv(session->fd, octets, sizeof(octets), 0);
	MUST(n > 0 && BIO_write(session->in, octets, n) == n);
}

static void shake(const struct session *session)
{
	int result;

	while ((result = SSL_do_handshake(session->ssl)) != 1)
		move(session, result);
	flush(session);
}

/* Answers one query with itself. */
static void answer(const struct session *session)
{
	unsigned char octets[4096];
	int size;

	while ((size = SSL_read(session->ssl, octets, sizeof(octets))) <= 0)
		move(session, size);
	MUST(size > 14);
	octets[4] |= 0x80;
	MUST(SSL_write(session->ssl, octets, size) == size);
	flush(session);
}

static void free_within(const struct session *session)
{
	BIO *bio = BIO_new(BIO_f_ssl());

	MUST(bio);
	BIO_set_ssl(bio, session->ssl, BIO_CLOSE);
	BIO_free_all(bio);
}

static void play(bool shakes)
{
	int listener = host_socket_at(SOCK_STREAM, 853),
	    other = host_socket_at(SOCK_STREAM, 8443);

	MUST(CRYPTO_set_mem_functions(allocate, resize, release));
	context = SSL_CTX_new(TLS_server_method());
	MUST(SSL_CTX_use_certificate_chain_file(context, CERTIFICATE) == 1);
	MUST(SSL_CTX_use_PrivateKey_file(context, KEY, SSL_FILETYPE_PEM) == 1);
	struct session first = begun(listener);
	shake(&first);
	answer(&first);
	place = first.ssl;
	free_within(&first);
	struct session second = begun(other);
	MUST(second.ssl == place);
	if (shakes)
		shake(&second);
	answer(&second);
}

static void play_handshake(void)
{
	play(true);
}

/* Its first call reads. */
static void play_read(void)
{
	play(false);
}

static const struct scene scenes[] = {
	{ "handshake", play_handshake },
	{ "read", play_read },
};

HOST_MAIN(scenes)

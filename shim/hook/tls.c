/* SPDX-License-Identifier: Apache-2.0
 *
 * The calls by which a host reads and writes the clear text of TLS connections.
 *
 * Each is in two parts, so that the one which nearly all processes take has next to
 * no frame.
 */
#include "shim/hook/tls_call.h"

#define SLOW static __attribute__((noinline))

static size_t carried(ssize_t result)
{
	return result > 0 ? result : 0;
}

SLOW int read_ssl(void *ssl, void *to, int size)
{
	const struct tls_library *library = &tls_libraries[TLS_OPENSSL];
	struct tls_call tls;

	tls_expect(&tls, library, ssl);
	int result = library->SSL_read(ssl, to, size);
	tls_received(&tls, to, carried(result));
	return result;
}

int hook_SSL_read(void *ssl, void *to, int size)
{
	const struct tls_library *library = &tls_libraries[TLS_OPENSSL];

	if (!tls_call_is_idle())
		return read_ssl(ssl, to, size);
	int result = library->SSL_read(ssl, to, size);
	if (!tls_call_is_idle())
		tls_received_late(library, ssl, to, carried(result));
	return result;
}

typedef int read_ex(void *ssl, void *to, size_t size, size_t *done);

SLOW int read_watched(read_ex *real, void *ssl, void *to, size_t size,
		      size_t *done)
{
	struct tls_call tls;

	tls_expect(&tls, &tls_libraries[TLS_OPENSSL], ssl);
	int result = real(ssl, to, size, done);
	tls_received(&tls, to, result > 0 ? *done : 0);
	return result;
}

static inline int read_by(read_ex *real, void *ssl, void *to, size_t size,
			  size_t *done)
{
	if (!tls_call_is_idle())
		return read_watched(real, ssl, to, size, done);
	int result = real(ssl, to, size, done);
	if (!tls_call_is_idle())
		tls_received_late(&tls_libraries[TLS_OPENSSL], ssl, to,
				  result > 0 ? *done : 0);
	return result;
}

int hook_SSL_read_ex(void *ssl, void *to, size_t size, size_t *done)
{
	return read_by(tls_libraries[TLS_OPENSSL].SSL_read_ex, ssl, to, size,
		       done);
}

/* RFC 8446 2.3: it begins the handshake, too. */
int hook_SSL_read_early_data(void *ssl, void *to, size_t size, size_t *done)
{
	const struct tls_library *library = &tls_libraries[TLS_OPENSSL];

	tls_handshake_begins(library, ssl);
	return read_by(library->SSL_read_early_data, ssl, to, size, done);
}

typedef ssize_t receive(void *session, void *to, size_t size);

SLOW ssize_t receive_watched(receive *real, void *session, void *to,
			     size_t size)
{
	struct tls_call tls;

	tls_expect(&tls, &tls_libraries[TLS_GNUTLS], session);
	ssize_t result = real(session, to, size);
	tls_received(&tls, to, carried(result));
	return result;
}

static inline ssize_t receive_by(receive *real, void *session, void *to,
				 size_t size)
{
	if (!tls_call_is_idle())
		return receive_watched(real, session, to, size);
	ssize_t result = real(session, to, size);
	if (!tls_call_is_idle())
		tls_received_late(&tls_libraries[TLS_GNUTLS], session, to,
				  carried(result));
	return result;
}

ssize_t hook_gnutls_record_recv(void *session, void *to, size_t size)
{
	return receive_by(tls_libraries[TLS_GNUTLS].gnutls_record_recv, session,
			  to, size);
}

ssize_t hook_gnutls_record_recv_early_data(void *session, void *to, size_t size)
{
	return receive_by(
		tls_libraries[TLS_GNUTLS].gnutls_record_recv_early_data,
		session, to, size);
}

SLOW ssize_t receive_seq(void *session, void *to, size_t size,
			 unsigned char *sequence)
{
	const struct tls_library *library = &tls_libraries[TLS_GNUTLS];
	struct tls_call tls;

	tls_expect(&tls, library, session);
	ssize_t result =
		library->gnutls_record_recv_seq(session, to, size, sequence);
	tls_received(&tls, to, carried(result));
	return result;
}

ssize_t hook_gnutls_record_recv_seq(void *session, void *to, size_t size,
				    unsigned char *sequence)
{
	const struct tls_library *library = &tls_libraries[TLS_GNUTLS];

	if (!tls_call_is_idle())
		return receive_seq(session, to, size, sequence);
	ssize_t result =
		library->gnutls_record_recv_seq(session, to, size, sequence);
	if (!tls_call_is_idle())
		tls_received_late(library, session, to, carried(result));
	return result;
}

SLOW int write_ssl(void *ssl, const void *from, int size)
{
	const struct tls_library *library = &tls_libraries[TLS_OPENSSL];
	struct tls_call tls;

	tls_depart(&tls, library, ssl, from, carried(size));
	int result = library->SSL_write(ssl, from, size);
	tls_land(&tls, carried(result));
	return result;
}

int hook_SSL_write(void *ssl, const void *from, int size)
{
	const struct tls_library *library = &tls_libraries[TLS_OPENSSL];

	return tls_call_is_idle() ? library->SSL_write(ssl, from, size)
				  : write_ssl(ssl, from, size);
}

typedef int write_ex(void *ssl, const void *from, size_t size, size_t *done);

SLOW int write_watched(write_ex *real, void *ssl, const void *from, size_t size,
		       size_t *done)
{
	struct tls_call tls;

	tls_depart(&tls, &tls_libraries[TLS_OPENSSL], ssl, from, size);
	int result = real(ssl, from, size, done);
	tls_land(&tls, result > 0 ? *done : 0);
	return result;
}

static inline int write_by(write_ex *real, void *ssl, const void *from,
			   size_t size, size_t *done)
{
	return tls_call_is_idle() ? real(ssl, from, size, done)
				  : write_watched(real, ssl, from, size, done);
}

int hook_SSL_write_ex(void *ssl, const void *from, size_t size, size_t *done)
{
	return write_by(tls_libraries[TLS_OPENSSL].SSL_write_ex, ssl, from,
			size, done);
}

int hook_SSL_write_early_data(void *ssl, const void *from, size_t size,
			      size_t *done)
{
	const struct tls_library *library = &tls_libraries[TLS_OPENSSL];

	tls_handshake_begins(library, ssl);
	return write_by(library->SSL_write_early_data, ssl, from, size, done);
}

SLOW ssize_t send_record(void *session, const void *from, size_t size)
{
	const struct tls_library *library = &tls_libraries[TLS_GNUTLS];
	struct tls_call tls;

	tls_depart(&tls, library, session, from, size);
	ssize_t result = library->gnutls_record_send(session, from, size);
	tls_land(&tls, carried(result));
	return result;
}

ssize_t hook_gnutls_record_send(void *session, const void *from, size_t size)
{
	const struct tls_library *library = &tls_libraries[TLS_GNUTLS];

	return tls_call_is_idle()
		       ? library->gnutls_record_send(session, from, size)
		       : send_record(session, from, size);
}

SLOW ssize_t send_record2(void *session, const void *from, size_t size,
			  size_t pad, unsigned flags)
{
	const struct tls_library *library = &tls_libraries[TLS_GNUTLS];
	struct tls_call tls;

	tls_depart(&tls, library, session, from, size);
	ssize_t result =
		library->gnutls_record_send2(session, from, size, pad, flags);
	tls_land(&tls, carried(result));
	return result;
}

ssize_t hook_gnutls_record_send2(void *session, const void *from, size_t size,
				 size_t pad, unsigned flags)
{
	const struct tls_library *library = &tls_libraries[TLS_GNUTLS];

	return tls_call_is_idle()
		       ? library->gnutls_record_send2(session, from, size, pad,
						      flags)
		       : send_record2(session, from, size, pad, flags);
}

/* From the first octet on the connection is one of TLS. */
int hook_SSL_do_handshake(void *ssl)
{
	tls_handshake_begins(&tls_libraries[TLS_OPENSSL], ssl);
	return tls_libraries[TLS_OPENSSL].SSL_do_handshake(ssl);
}

int hook_SSL_accept(void *ssl)
{
	tls_handshake_begins(&tls_libraries[TLS_OPENSSL], ssl);
	return tls_libraries[TLS_OPENSSL].SSL_accept(ssl);
}

int hook_SSL_connect(void *ssl)
{
	tls_handshake_begins(&tls_libraries[TLS_OPENSSL], ssl);
	return tls_libraries[TLS_OPENSSL].SSL_connect(ssl);
}

int hook_gnutls_handshake(void *session)
{
	tls_handshake_begins(&tls_libraries[TLS_GNUTLS], session);
	return tls_libraries[TLS_GNUTLS].gnutls_handshake(session);
}

static void end(void *session)
{
	if (!tls_call_is_idle())
		tls_end(session);
}

void hook_SSL_free(void *ssl)
{
	const struct tls_library *library = &tls_libraries[TLS_OPENSSL];

	end(ssl);
	library->SSL_free(ssl);
}

int hook_SSL_clear(void *ssl)
{
	const struct tls_library *library = &tls_libraries[TLS_OPENSSL];

	end(ssl);
	return library->SSL_clear(ssl);
}

void hook_gnutls_deinit(void *session)
{
	const struct tls_library *library = &tls_libraries[TLS_GNUTLS];

	end(session);
	library->gnutls_deinit(session);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * The calls by which a host reads and writes the clear text of TLS connections. They
 * are the host's library's own, which is found by the address of whoever calls; a
 * process that has no such library never comes here.
 *
 * Each is in two parts, so that the one which nearly all processes take has next to
 * no frame.
 */
#include "shim/hook/tls_call.h"

#pragma GCC visibility push(default)
#define TLS_CALL(library, name, result, arguments) result name arguments;
#include "shim/hook/tls_calls.h"
#pragma GCC visibility pop

/* The real function of the hook that this is in, as `library`, or the hook fails as
 * the function does. */
#define FIND(name, failure)                                              \
	const struct tls_library *library =                              \
		tls_library_of(TLS_##name, __builtin_return_address(0)); \
	if (!library)                                                    \
	return failure

#define REAL(name) ((typeof(name) *)library->real)

#define SLOW static __attribute__((noinline))

static size_t carried(ssize_t result)
{
	return result > 0 ? result : 0;
}

SLOW int read_ssl(const struct tls_library *library, void *ssl, void *to,
		  int size)
{
	struct tls_call tls;

	tls_expect(&tls, library, ssl);
	int result = REAL(SSL_read)(ssl, to, size);
	tls_received(&tls, to, carried(result));
	return result;
}

int SSL_read(void *ssl, void *to, int size)
{
	FIND(SSL_read, -1);
	if (!tls_call_is_idle())
		return read_ssl(library, ssl, to, size);
	int result = REAL(SSL_read)(ssl, to, size);
	if (!tls_call_is_idle())
		tls_received_late(library, ssl, to, carried(result));
	return result;
}

SLOW int read_ssl_ex(const struct tls_library *library, void *ssl, void *to,
		     size_t size, size_t *done)
{
	struct tls_call tls;

	tls_expect(&tls, library, ssl);
	int result = REAL(SSL_read_ex)(ssl, to, size, done);
	tls_received(&tls, to, result > 0 ? *done : 0);
	return result;
}

int SSL_read_ex(void *ssl, void *to, size_t size, size_t *done)
{
	FIND(SSL_read_ex, 0);
	if (!tls_call_is_idle())
		return read_ssl_ex(library, ssl, to, size, done);
	int result = REAL(SSL_read_ex)(ssl, to, size, done);
	if (!tls_call_is_idle())
		tls_received_late(library, ssl, to, result > 0 ? *done : 0);
	return result;
}

SLOW ssize_t receive(const struct tls_library *library, void *session, void *to,
		     size_t size)
{
	struct tls_call tls;

	tls_expect(&tls, library, session);
	ssize_t result = REAL(gnutls_record_recv)(session, to, size);
	tls_received(&tls, to, carried(result));
	return result;
}

ssize_t gnutls_record_recv(void *session, void *to, size_t size)
{
	FIND(gnutls_record_recv, -1);
	if (!tls_call_is_idle())
		return receive(library, session, to, size);
	ssize_t result = REAL(gnutls_record_recv)(session, to, size);
	if (!tls_call_is_idle())
		tls_received_late(library, session, to, carried(result));
	return result;
}

SLOW ssize_t receive_seq(const struct tls_library *library, void *session,
			 void *to, size_t size, unsigned char *sequence)
{
	struct tls_call tls;

	tls_expect(&tls, library, session);
	ssize_t result =
		REAL(gnutls_record_recv_seq)(session, to, size, sequence);
	tls_received(&tls, to, carried(result));
	return result;
}

ssize_t gnutls_record_recv_seq(void *session, void *to, size_t size,
			       unsigned char *sequence)
{
	FIND(gnutls_record_recv_seq, -1);
	if (!tls_call_is_idle())
		return receive_seq(library, session, to, size, sequence);
	ssize_t result =
		REAL(gnutls_record_recv_seq)(session, to, size, sequence);
	if (!tls_call_is_idle())
		tls_received_late(library, session, to, carried(result));
	return result;
}

SLOW int write_ssl(const struct tls_library *library, void *ssl,
		   const void *from, int size)
{
	struct tls_call tls;

	tls_depart(&tls, library, ssl, from, carried(size));
	int result = REAL(SSL_write)(ssl, from, size);
	tls_land(&tls, carried(result));
	return result;
}

int SSL_write(void *ssl, const void *from, int size)
{
	FIND(SSL_write, -1);
	return tls_call_is_idle() ? REAL(SSL_write)(ssl, from, size)
				  : write_ssl(library, ssl, from, size);
}

SLOW int write_ssl_ex(const struct tls_library *library, void *ssl,
		      const void *from, size_t size, size_t *done)
{
	struct tls_call tls;

	tls_depart(&tls, library, ssl, from, size);
	int result = REAL(SSL_write_ex)(ssl, from, size, done);
	tls_land(&tls, result > 0 ? *done : 0);
	return result;
}

int SSL_write_ex(void *ssl, const void *from, size_t size, size_t *done)
{
	FIND(SSL_write_ex, 0);
	return tls_call_is_idle()
		       ? REAL(SSL_write_ex)(ssl, from, size, done)
		       : write_ssl_ex(library, ssl, from, size, done);
}

SLOW ssize_t send_record(const struct tls_library *library, void *session,
			 const void *from, size_t size)
{
	struct tls_call tls;

	tls_depart(&tls, library, session, from, size);
	ssize_t result = REAL(gnutls_record_send)(session, from, size);
	tls_land(&tls, carried(result));
	return result;
}

ssize_t gnutls_record_send(void *session, const void *from, size_t size)
{
	FIND(gnutls_record_send, -1);
	return tls_call_is_idle()
		       ? REAL(gnutls_record_send)(session, from, size)
		       : send_record(library, session, from, size);
}

SLOW ssize_t send_record2(const struct tls_library *library, void *session,
			  const void *from, size_t size, size_t pad,
			  unsigned flags)
{
	struct tls_call tls;

	tls_depart(&tls, library, session, from, size);
	ssize_t result =
		REAL(gnutls_record_send2)(session, from, size, pad, flags);
	tls_land(&tls, carried(result));
	return result;
}

ssize_t gnutls_record_send2(void *session, const void *from, size_t size,
			    size_t pad, unsigned flags)
{
	FIND(gnutls_record_send2, -1);
	return tls_call_is_idle()
		       ? REAL(gnutls_record_send2)(session, from, size, pad,
						   flags)
		       : send_record2(library, session, from, size, pad, flags);
}

/* What it sends has crossed when it was put behind the cork: either it leaves, or the
 * connection is at its end. */
SLOW int uncork(const struct tls_library *library, void *session,
		unsigned flags)
{
	struct tls_call tls;

	tls_depart(&tls, library, session, NULL, 0);
	int result = REAL(gnutls_record_uncork)(session, flags);
	tls_land(&tls, 0);
	return result;
}

int gnutls_record_uncork(void *session, unsigned flags)
{
	FIND(gnutls_record_uncork, -1);
	return tls_call_is_idle() ? REAL(gnutls_record_uncork)(session, flags)
				  : uncork(library, session, flags);
}

static void end(void *session)
{
	if (!tls_call_is_idle())
		tls_end(session);
}

void SSL_free(void *ssl)
{
	FIND(SSL_free, );
	end(ssl);
	REAL(SSL_free)(ssl);
}

int SSL_clear(void *ssl)
{
	FIND(SSL_clear, 0);
	end(ssl);
	return REAL(SSL_clear)(ssl);
}

void gnutls_deinit(void *session)
{
	FIND(gnutls_deinit, );
	end(session);
	REAL(gnutls_deinit)(session);
}

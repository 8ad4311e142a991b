/* SPDX-License-Identifier: Apache-2.0
 *
 * The calls by which a host reads and writes the clear text of TLS connections. They
 * are the host's library's own, which is found by the address of whoever calls; a
 * process that has no such library never comes here.
 *
 * What is written is copied before the call, and crosses with what the library has
 * taken of it. It may do so octet by octet, and by calls that are hooked too: they
 * find a connection of which nothing is looked at.
 */
#include <pthread.h>

#include "shim/capture/connection.h"
#include "shim/capture/departed.h"
#include "shim/hook/observe.h"
#include "shim/hook/tls_library.h"

#pragma GCC visibility push(default)
#define TLS_CALL(library, name, result, arguments) result name arguments;
#include "shim/hook/tls_calls.h"
#pragma GCC visibility pop

#define LIBRARY(kind) tls_library_of(TLS_##kind, __builtin_return_address(0))

void _pthread_cleanup_push(struct _pthread_cleanup_buffer *buffer,
			   void (*routine)(void *call), void *call);
void _pthread_cleanup_pop(struct _pthread_cleanup_buffer *buffer, int execute);

/* A call on a session. */
struct tls_call {
	const struct tls_library *library;
	void *session;
	bool watched;             /* from before the real call on */
	bool observed;            /* it is one of DNS */
	uint64_t state;           /* of the fd that the library knows, before */
	const void *outer;        /* the call that this one is made in */
	struct capture_call call; /* where it is observed */
	struct _pthread_cleanup_buffer cleanup; /* while there is a copy */
};

/* The call that this one is made in. The mark is stale where the thread has jumped
 * out of one. */
static const struct tls_call *outer_of(const struct tls_call *tls)
{
	const struct tls_call *outer = thread_state.session;

	return outer > tls ? outer : NULL;
}

/* GnuTLS makes some of its calls out of others. */
static bool is_seen_already(const struct tls_call *tls)
{
	const struct tls_call *outer = outer_of(tls);

	return outer && outer->session == tls->session;
}

/* Most processes that speak TLS have no DNS in it. */
static inline bool is_watched(const struct tls_call *tls)
{
	return atomic_load_explicit(&tls_is_used, memory_order_relaxed) &&
	       capture_is_active() && !thread_is_untraced() &&
	       !is_seen_already(tls);
}

static void begin(struct tls_call *tls)
{
	tls->outer = outer_of(tls);
	thread_state.session = tls;
	capture_mark(tls);
}

static void end(struct tls_call *tls)
{
	thread_state.session = tls->outer;
	capture_leave();
}

struct randoms {
	unsigned char client[HELLO_RANDOM], server[HELLO_RANDOM];
};

static void ask_openssl(const struct tls_call *tls, bool sent,
			struct randoms *randoms, struct tls_session *session)
{
	const struct tls_library *library = tls->library;

	session->fd = sent ? library->SSL_get_wfd(tls->session)
			   : library->SSL_get_rfd(tls->session);
	if (session->fd >= 0 || !library->SSL_get_client_random ||
	    !library->SSL_get_server_random)
		return;
	library->SSL_get_client_random(tls->session, randoms->client,
				       HELLO_RANDOM);
	library->SSL_get_server_random(tls->session, randoms->server,
				       HELLO_RANDOM);
	session->client = randoms->client;
	session->server = randoms->server;
}

static const unsigned char *random_of(const struct tls_datum *datum)
{
	return datum->size == HELLO_RANDOM ? datum->data : NULL;
}

static void ask_gnutls(const struct tls_call *tls, struct tls_session *session)
{
	struct tls_datum client = { NULL, 0 }, server = { NULL, 0 };

	if (!tls->library->gnutls_session_get_random)
		return;
	tls->library->gnutls_session_get_random(tls->session, &client, &server);
	session->client = random_of(&client);
	session->server = random_of(&server);
}

static enum tls_protocol protocol_of(const struct tls_call *tls)
{
	const struct tls_library *library = tls->library;
	const unsigned char *name = NULL;
	struct tls_datum datum = { NULL, 0 };
	unsigned size = 0;

	if (library->SSL_get0_alpn_selected) {
		library->SSL_get0_alpn_selected(tls->session, &name, &size);
		return tls_protocol_of(name, size);
	}
	if (library->gnutls_alpn_get_selected_protocol)
		library->gnutls_alpn_get_selected_protocol(tls->session,
							   &datum);
	return tls_protocol_of(datum.data, datum.size);
}

static bool is_openssl(const struct tls_library *library)
{
	return library->SSL_get_rfd && library->SSL_get_wfd;
}

static bool enter(struct tls_call *tls, bool sent)
{
	struct tls_session session = { .fd = -1, .protocol = TLS_UNNAMED };
	struct randoms randoms;

	if (is_openssl(tls->library))
		ask_openssl(tls, sent, &randoms, &session);
	else
		ask_gnutls(tls, &session);
	return tls_enter(&tls->call, &session, sent);
}

static void watch(struct tls_call *tls)
{
	int fd = is_openssl(tls->library)
			 ? tls->library->SSL_get_rfd(tls->session)
			 : -1;

	begin(tls);
	tls->state = fdtable_state(fd);
}

/* Before the real call that reads. */
static inline void expect(struct tls_call *tls,
			  const struct tls_library *library, void *session)
{
	tls->library = library;
	tls->session = session;
	tls->state = 0;
	tls->watched = is_watched(tls);
	if (tls->watched)
		watch(tls);
}

/* Where the fd was known before, it is to be the same connection's still. */
static bool is_same(const struct tls_call *tls)
{
	return !tls->state || fd_same_socket(tls->state, tls->call.state);
}

static void take(struct tls_call *tls, void *to, size_t size)
{
	struct iovec iov = { to, size };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (!tls->watched)
		begin(tls);
	if (size && enter(tls, false) && is_same(tls)) {
		tls->call.protocol = protocol_of(tls);
		tls->call.stamp_ns = clock_steady();
		connection_crossed(&tls->call, &message, size);
	}
	end(tls);
}

/* Behind it: within it the connection may have turned out to be of DNS. */
static inline void received(struct tls_call *tls, void *to, size_t size)
{
	if (tls->watched || is_watched(tls))
		take(tls, to, size);
}

/* The real call may be cancelled, and then this is all that runs. */
static void leave(void *call)
{
	departed_end(call);
}

static void copy(struct tls_call *tls, const void *from, size_t size)
{
	struct iovec iov = { (void *)from, size };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	begin(tls);
	tls->observed = enter(tls, true);
	if (!tls->observed)
		return;
	departed_copy(&tls->call, &message, from ? size : 0);
	if (tls->call.copy)
		_pthread_cleanup_push(&tls->cleanup, leave, &tls->call);
}

/* Before the real call that writes. */
static inline void depart(struct tls_call *tls,
			  const struct tls_library *library, void *session,
			  const void *from, size_t size)
{
	tls->library = library;
	tls->session = session;
	tls->watched = is_watched(tls);
	if (tls->watched)
		copy(tls, from, size);
}

static void finish(struct tls_call *tls, size_t size)
{
	if (tls->observed && tls->call.copy)
		_pthread_cleanup_pop(&tls->cleanup, 0);
	if (tls->observed) {
		tls->call.protocol = protocol_of(tls);
		connection_land(&tls->call, size);
	}
	end(tls);
}

/* Behind it. */
static inline void land(struct tls_call *tls, size_t size)
{
	if (tls->watched)
		finish(tls, size);
}

static size_t carried(ssize_t result)
{
	return result > 0 ? result : 0;
}

int SSL_read(void *ssl, void *to, int size)
{
	const struct tls_library *library = LIBRARY(OPENSSL);
	struct tls_call tls;

	if (!library)
		return -1;
	expect(&tls, library, ssl);
	int result = library->SSL_read(ssl, to, size);
	received(&tls, to, carried(result));
	return result;
}

int SSL_read_ex(void *ssl, void *to, size_t size, size_t *done)
{
	const struct tls_library *library = LIBRARY(OPENSSL);
	struct tls_call tls;

	if (!library || !library->SSL_read_ex)
		return 0;
	expect(&tls, library, ssl);
	int result = library->SSL_read_ex(ssl, to, size, done);
	received(&tls, to, result > 0 ? *done : 0);
	return result;
}

int SSL_write(void *ssl, const void *from, int size)
{
	const struct tls_library *library = LIBRARY(OPENSSL);
	struct tls_call tls;

	if (!library)
		return -1;
	depart(&tls, library, ssl, from, carried(size));
	int result = library->SSL_write(ssl, from, size);
	land(&tls, carried(result));
	return result;
}

int SSL_write_ex(void *ssl, const void *from, size_t size, size_t *done)
{
	const struct tls_library *library = LIBRARY(OPENSSL);
	struct tls_call tls;

	if (!library || !library->SSL_write_ex)
		return 0;
	depart(&tls, library, ssl, from, size);
	int result = library->SSL_write_ex(ssl, from, size, done);
	land(&tls, result > 0 ? *done : 0);
	return result;
}

ssize_t gnutls_record_recv(void *session, void *to, size_t size)
{
	const struct tls_library *library = LIBRARY(GNUTLS);
	struct tls_call tls;

	if (!library)
		return -1;
	expect(&tls, library, session);
	ssize_t result = library->gnutls_record_recv(session, to, size);
	received(&tls, to, carried(result));
	return result;
}

ssize_t gnutls_record_recv_seq(void *session, void *to, size_t size,
			       unsigned char *sequence)
{
	const struct tls_library *library = LIBRARY(GNUTLS);
	struct tls_call tls;

	if (!library || !library->gnutls_record_recv_seq)
		return -1;
	expect(&tls, library, session);
	ssize_t result =
		library->gnutls_record_recv_seq(session, to, size, sequence);
	received(&tls, to, carried(result));
	return result;
}

ssize_t gnutls_record_send(void *session, const void *from, size_t size)
{
	const struct tls_library *library = LIBRARY(GNUTLS);
	struct tls_call tls;

	if (!library)
		return -1;
	depart(&tls, library, session, from, size);
	ssize_t result = library->gnutls_record_send(session, from, size);
	land(&tls, carried(result));
	return result;
}

ssize_t gnutls_record_send2(void *session, const void *from, size_t size,
			    size_t pad, unsigned flags)
{
	const struct tls_library *library = LIBRARY(GNUTLS);
	struct tls_call tls;

	if (!library || !library->gnutls_record_send2)
		return -1;
	depart(&tls, library, session, from, size);
	ssize_t result =
		library->gnutls_record_send2(session, from, size, pad, flags);
	land(&tls, carried(result));
	return result;
}

/* What it sends has crossed when it was put behind the cork: either it leaves, or the
 * connection is at its end. */
int gnutls_record_uncork(void *session, unsigned flags)
{
	const struct tls_library *library = LIBRARY(GNUTLS);
	struct tls_call tls;

	if (!library || !library->gnutls_record_uncork)
		return -1;
	depart(&tls, library, session, NULL, 0);
	int result = library->gnutls_record_uncork(session, flags);
	land(&tls, 0);
	return result;
}

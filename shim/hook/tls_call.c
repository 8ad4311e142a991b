/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding out whose clear text it is, and handing it on.
 */
#include "shim/hook/tls_call.h"

#include <string.h>

#include "shim/capture/connection.h"
#include "shim/capture/departed.h"

static bool is_watched(void)
{
	return !tls_call_is_idle() && capture_is_active() &&
	       !thread_is_untraced();
}

/* The mark that was there before is stale where the thread has jumped out of a call. */
static void begin(struct tls_call *tls)
{
	const void *outer = thread_state.session;

	tls->outer = outer > (void *)tls ? outer : NULL;
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

/* The random number of this side's own hello. */
static void ask_openssl(const struct tls_call *tls, struct randoms *randoms,
			struct tls_session *session)
{
	const struct tls_library *library = tls->library;

	if (!library->SSL_is_server || !library->SSL_get_client_random ||
	    !library->SSL_get_server_random)
		return;
	if (library->SSL_is_server(tls->session) &&
	    library->SSL_get_server_random(tls->session, randoms->server,
					   HELLO_RANDOM) == HELLO_RANDOM)
		session->server = randoms->server;
	else if (!library->SSL_is_server(tls->session) &&
		 library->SSL_get_client_random(tls->session, randoms->client,
						HELLO_RANDOM) == HELLO_RANDOM)
		session->client = randoms->client;
}

static const unsigned char *random_of(const struct tls_datum *datum)
{
	return datum->size == HELLO_RANDOM ? datum->data : NULL;
}

static void ask_gnutls(const struct tls_library *library,
		       struct tls_session *session)
{
	struct tls_datum client = { NULL, 0 }, server = { NULL, 0 };

	if (!library->gnutls_session_get_random)
		return;
	library->gnutls_session_get_random((void *)session->handle, &client,
					   &server);
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

static bool is_zero(const unsigned char *random)
{
	static const unsigned char zero[HELLO_RANDOM];

	return random && !memcmp(random, zero, HELLO_RANDOM);
}

/* Before its first handshake, when GnuTLS has no random numbers of it yet. */
static bool is_new(const struct tls_library *library, const void *handle)
{
	struct tls_session session = { .handle = handle };

	if (library->SSL_in_before)
		return library->SSL_in_before(handle);
	ask_gnutls(library, &session);
	return is_zero(session.client) && is_zero(session.server);
}

/* Its handle may be known as that of another one, which was freed where nobody saw it:
 * within the library, as by BIO_free_all(3). Returns whether it is new. */
static bool forget_if_new(const struct tls_library *library, const void *handle)
{
	if (!is_new(library, handle))
		return false;
	tls_end(handle);
	return true;
}

/* The fd that the library knows, or that the session is known to be on. */
static int fd_of(const struct tls_call *tls, bool sent)
{
	struct tls_session session = { .handle = tls->session };
	struct randoms randoms;
	int fd;

	if (!is_openssl(tls->library)) {
		ask_gnutls(tls->library, &session);
		return tls_find(&session);
	}
	fd = sent ? tls->library->SSL_get_wfd(tls->session)
		  : tls->library->SSL_get_rfd(tls->session);
	if (fd >= 0 || forget_if_new(tls->library, tls->session))
		return fd;
	ask_openssl(tls, &randoms, &session);
	return tls_find(&session);
}

void tls_expect(struct tls_call *tls, const struct tls_library *library,
		void *session)
{
	tls->library = library;
	tls->session = session;
	tls->fd = -1;
	tls->watched = is_watched();
	if (!tls->watched)
		return;
	begin(tls);
	/* Within the call the session may be given other random numbers. */
	tls->fd = fd_of(tls, false);
	tls->state = fdtable_state(tls->fd);
}

/* The fd that was known before is to be the same connection's still. */
static bool enter_received(struct tls_call *tls)
{
	if (tls->fd < 0)
		return tls_enter(&tls->call, fd_of(tls, false), false);
	return tls_enter(&tls->call, tls->fd, false) &&
	       fd_same_socket(tls->state, tls->call.state);
}

static void take(struct tls_call *tls, void *to, size_t size)
{
	struct iovec iov = { to, size };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (!tls->watched)
		begin(tls);
	if (size && enter_received(tls)) {
		tls->call.protocol = protocol_of(tls);
		tls->call.stamp_ns = clock_steady();
		connection_crossed(&tls->call, &message, size);
	}
	end(tls);
}

void tls_received(struct tls_call *tls, void *to, size_t size)
{
	if (tls->watched || is_watched())
		take(tls, to, size);
}

void tls_received_late(const struct tls_library *library, void *session,
		       void *to, size_t size)
{
	struct tls_call tls = { .library = library,
				.session = session,
				.fd = -1 };

	tls_received(&tls, to, size);
}

static void copy(struct tls_call *tls, const void *from, size_t size)
{
	struct iovec iov = { (void *)from, size };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	begin(tls);
	tls->observed = tls_enter(&tls->call, fd_of(tls, true), true);
	if (!tls->observed)
		return;
	departed_copy(&tls->call, &message, from ? size : 0);
}

void tls_depart(struct tls_call *tls, const struct tls_library *library,
		void *session, const void *from, size_t size)
{
	tls->library = library;
	tls->session = session;
	tls->watched = is_watched();
	if (tls->watched)
		copy(tls, from, size);
}

static void finish(struct tls_call *tls, size_t size)
{
	if (tls->observed) {
		tls->call.protocol = protocol_of(tls);
		connection_land(&tls->call, size);
	}
	end(tls);
}

void tls_land(struct tls_call *tls, size_t size)
{
	if (tls->watched)
		finish(tls, size);
}

void tls_handshake_begins(const struct tls_library *library, void *session)
{
	struct capture_call call;

	if (!tls_call_is_idle())
		forget_if_new(library, session);
	if (is_openssl(library) && capture_is_active() && !thread_is_untraced())
		tls_enter(&call, library->SSL_get_rfd(session), false);
}

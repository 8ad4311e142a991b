/* SPDX-License-Identifier: Apache-2.0
 *
 * Collectors on TCP: every address that their name has, one after the other.
 */
#include "shim/tap/transport/tcp.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shim/base/own_fds.h"

/* [address]:port */
#define PEER_SIZE (INET6_ADDRSTRLEN + 48)

static struct tcp *tcp_of(struct transport *transport)
{
	return (struct tcp *)transport;
}

bool tcp_is_name(const char *host)
{
	return host[strspn(host, "0123456789.")] && !strchr(host, ':');
}

int tcp_begin(struct transport *transport)
{
	const struct tap_config *config = transport->config;

	if (!tcp_is_name(config->address))
		return 0;
	tcp_of(transport)->resolver =
		resolver_start(config->address, config->port);
	return tcp_of(transport)->resolver ? 0 : -EAGAIN;
}

void tcp_end(struct transport *transport)
{
	if (tcp_of(transport)->resolver)
		resolver_end(tcp_of(transport)->resolver);
}

/* Failing to set one is not worth a connection: it would only be slower. */
void tcp_set_options(int fd, const struct tap_config *config)
{
	int on = 1, size = (int)(config->write_buffer << 20);

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

static const struct resolver_address *current(const struct tcp *tcp)
{
	return &tcp->to.address[(tcp->first + tcp->tried) % tcp->to.count];
}

static void print_peer(const struct tcp *tcp, char *text, size_t size)
{
	const struct resolver_address *to = current(tcp);
	char host[PEER_SIZE - 12] = "?", port[8] = "?";

	getnameinfo((const struct sockaddr *)&to->name, to->size, host,
		    sizeof(host), port, sizeof(port),
		    NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(text, size, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host,
		 port);
}

/* Linux doubles what it grants, for its own bookkeeping. */
static unsigned granted_kib(int fd)
{
	int size = 0;
	socklen_t length = sizeof(size);

	getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &length);
	return (unsigned)size / 2048;
}

void tcp_describe(struct transport *transport, const char *what)
{
	unsigned asked = transport->config->write_buffer << 10;
	unsigned granted = granted_kib(transport->fd);
	size_t size = sizeof(transport->about);
	char peer[PEER_SIZE] = "";

	if (tcp_of(transport)->resolver)
		print_peer(tcp_of(transport), peer, sizeof(peer));
	int n = snprintf(transport->about, size, "%s%s%s, send buffer %u KiB",
			 what, *peer ? " to " : "", peer, granted);
	if (n >= 0 && granted < asked)
		snprintf(transport->about + n, size - n,
			 " of the %u asked for (net.core.wmem_max)", asked);
}

/* Begins with the next address. Returns -EAGAIN or -errno. */
static int connect_current(struct tcp *tcp)
{
	const struct resolver_address *to = current(tcp);
	int fd = own_fds_take(socket(to->name.ss_family,
				     SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
				     0));

	if (fd < 0)
		return -errno;
	tcp_set_options(fd, tcp->transport.config);
	if (connect(fd, (const struct sockaddr *)&to->name, to->size) &&
	    errno != EINPROGRESS) {
		int error = errno;
		own_fds_close(fd);
		return -error;
	}
	tcp->transport.fd = fd;
	tcp->transport.events = POLLOUT;
	return -EAGAIN;
}

/* The current address has come to `error`: if that is more than a wait, tries
 * those that are left. */
static int try_next(struct tcp *tcp, int error)
{
	char peer[PEER_SIZE];

	for (;;) {
		print_peer(tcp, peer, sizeof(peer));
		if (tcp->resolver)
			snprintf(tcp->transport.error, TRANSPORT_ERROR_MAX,
				 "%s: %s", peer,
				 error == -EAGAIN ? "no connection within 5 s"
						  : strerror(-error));
		if (error == -EAGAIN)
			return error;
		transport_socket_close(&tcp->transport);
		if (++tcp->tried >= tcp->to.count)
			return error;
		error = connect_current(tcp);
	}
}

/* Takes the addresses and begins with the first. */
static int take(struct tcp *tcp, const struct resolver_answer *answer)
{
	if (answer->error || !answer->count) {
		snprintf(tcp->transport.error, TRANSPORT_ERROR_MAX,
			 "looking up %.80s: %s", tcp->transport.config->address,
			 gai_strerror(answer->error));
		return -EADDRNOTAVAIL;
	}
	tcp->to = *answer;
	tcp->tried = 0;
	tcp->first %= answer->count;
	return try_next(tcp, connect_current(tcp));
}

int tcp_open(struct transport *transport)
{
	struct tcp *tcp = tcp_of(transport);
	struct resolver_answer answer;

	/* What timed out: not the one to begin with again. */
	if (tcp->to.count && tcp->tried < tcp->to.count)
		tcp->first++;
	tcp->to.count = 0;
	if (tcp->resolver) {
		resolver_ask(tcp->resolver);
		snprintf(transport->error, TRANSPORT_ERROR_MAX,
			 "looking up %.80s: no answer within 5 s",
			 transport->config->address);
		return -EAGAIN;
	}
	resolver_figures(transport->config->address, transport->config->port, 0,
			 &answer);
	return take(tcp, &answer);
}

static bool is_writable(int fd)
{
	struct pollfd about = { .fd = fd, .events = POLLOUT };

	return poll(&about, 1, 0) > 0;
}

int tcp_establish(struct transport *transport)
{
	struct tcp *tcp = tcp_of(transport);
	const struct resolver_answer *answer;
	int error = 0;
	socklen_t size = sizeof(error);

	if (!tcp->to.count) {
		answer = resolver_answer(tcp->resolver);
		return answer ? take(tcp, answer) : -EAGAIN;
	}
	if (!is_writable(transport->fd))
		return -EAGAIN;
	if (getsockopt(transport->fd, SOL_SOCKET, SO_ERROR, &error, &size))
		error = errno;
	if (error)
		return try_next(tcp, -error);
	tcp->first += tcp->tried;
	tcp->tried = tcp->to.count; /* none that timed out */
	transport->error[0] = '\0';
	return 0;
}

static int plain_establish(struct transport *transport)
{
	int error = tcp_establish(transport);

	if (!error)
		tcp_describe(transport, "connected");
	return error;
}

const struct transport_ops transport_tcp = {
	.size = sizeof(struct tcp),
	.begin = tcp_begin,
	.end = tcp_end,
	.open = tcp_open,
	.establish = plain_establish,
	.read = transport_socket_read,
	.write = transport_socket_write,
	.close = transport_socket_close,
};

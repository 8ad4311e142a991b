/* SPDX-License-Identifier: Apache-2.0
 *
 * At most eight system calls for a socket, once in its life; for a datagram socket that
 * was not made here a dozen.
 */
#include "shim/capture/socket_info.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "shim/base/sandbox.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/* TCP_ESTABLISHED and TCP_SYN_RECV of <netinet/tcp.h>, which has too short a tcp_info. */
#define ESTABLISHED  1
#define SYN_RECEIVED 3

#define HTTPS_PORT 443 /* RFC 8484 5 */

/* This process has a socket of a DNS server's. */
static _Atomic bool serving;

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t size = sizeof(value);

	return !sandbox_allows(SYS_getsockopt) ||
			       getsockopt(fd, level, name, &value, &size)
		       ? -1
		       : value;
}

/* A ping socket is SOCK_DGRAM, an SCTP socket SOCK_STREAM: look at the protocol
 * too. */
static enum fd_kind protocol_of(int fd, enum fd_kind known)
{
	if (known == FD_FRESH_UDP)
		return FD_DATAGRAM;
	if (known == FD_FRESH_TCP)
		return FD_STREAM;
	switch (option(fd, SOL_SOCKET, SO_PROTOCOL)) {
	case IPPROTO_UDP:
		return FD_DATAGRAM;
	case IPPROTO_TCP:
	case IPPROTO_MPTCP:
		return FD_STREAM;
	default:
		return FD_NOT_DNS;
	}
}

static bool local_name(int fd, struct address *address, sa_family_t *family)
{
	struct sockaddr_storage storage;
	socklen_t size = sizeof(storage);

	memset(address, 0, sizeof(*address));
	if (getsockname(fd, (struct sockaddr *)&storage, &size))
		return false;
	*family = storage.ss_family;
	return address_from_sockaddr(address, (struct sockaddr *)&storage,
				     size);
}

/* Rather not by getpeername(2), which fails as soon as the peer has reset the
 * connection, though what it has sent before may still be read. Another kernel, or an
 * emulator, may not have the option: gVisor and qemu say so by different errors. */
static bool ask_peer(int fd, struct sockaddr *name, socklen_t *size)
{
	if (!sandbox_allows(SYS_getsockopt))
		return false;
	if (!getsockopt(fd, SOL_SOCKET, SO_PEERNAME, name, size))
		return true;
	return errno != ENOTCONN && sandbox_allows(SYS_getpeername) &&
	       !getpeername(fd, name, size);
}

static bool peer_name(int fd, struct address *address, sa_family_t family)
{
	struct sockaddr_storage storage;
	socklen_t size = family == AF_INET6 ? sizeof(struct sockaddr_in6)
					    : sizeof(struct sockaddr_in);

	memset(address, 0, sizeof(*address));
	return ask_peer(fd, (struct sockaddr *)&storage, &size) &&
	       address_from_sockaddr(address, (struct sockaddr *)&storage,
				     size);
}

/* Whether it was given one that is not all zero. */
static bool has_option(int fd, int level, int name)
{
	static const char none[16];
	char value[sizeof(none)] = { 0 };
	socklen_t size = sizeof(value);

	return sandbox_allows(SYS_getsockopt) &&
	       !getsockopt(fd, level, name, value, &size) &&
	       memcmp(value, none, sizeof(none)) != 0;
}

/* As socket_info_routes() has them. */
static bool is_routed(int fd)
{
	return has_option(fd, SOL_SOCKET, SO_BINDTODEVICE) ||
	       has_option(fd, SOL_SOCKET, SO_MARK) ||
	       has_option(fd, IPPROTO_IP, IP_UNICAST_IF) ||
	       has_option(fd, IPPROTO_IPV6, IPV6_UNICAST_IF);
}

bool socket_info_routes(int level, int name)
{
	switch (level) {
	case SOL_SOCKET:
		return name == SO_BINDTODEVICE || name == SO_BINDTOIFINDEX ||
		       name == SO_MARK;
	case IPPROTO_IP:
		return name == IP_UNICAST_IF;
	case IPPROTO_IPV6:
		return name == IPV6_UNICAST_IF;
	default:
		return false;
	}
}

static void ask_options(int fd, struct fd_info *info)
{
	int segment = option(fd, SOL_UDP, UDP_SEGMENT);

	info->segment = segment > 0 ? segment : 0;
	info->corked = option(fd, SOL_UDP, UDP_CORK) > 0;
	info->joins = option(fd, SOL_UDP, UDP_GRO) > 0;
}

void socket_info_options(int fd, struct fd_info *info)
{
	int saved = errno;

	ask_options(fd, info);
	errno = saved;
}

bool socket_info_is_tls(const struct socket_ports *ports, uint16_t port)
{
	return socket_info_has_port(ports->tls, port) ||
	       (port == HTTPS_PORT && ports->https && serving);
}

/* Of a socket that has both ports, or can have them: at a port of either kind this
 * side serves. FD_NOT_DNS: both are others. */
static enum fd_kind kind_by_ports(const struct socket_ports *ports,
				  enum fd_kind kind, struct fd_info *info)
{
	uint16_t local = info->local.port, remote = info->remote.port;
	bool dns = socket_info_has_port(ports->dns, local);
	bool tls = kind == FD_STREAM && socket_info_is_tls(ports, local);

	info->serves = dns || tls;
	if (info->serves)
		serving = true;
	if (kind == FD_STREAM && !info->serves)
		tls = socket_info_is_tls(ports, remote);
	if (tls)
		return FD_TLS_PORT;
	if (dns || (!info->serves && socket_info_has_port(ports->dns, remote)))
		return kind;
	return FD_NOT_DNS;
}

static enum fd_kind ask(int fd, enum fd_kind known,
			const struct socket_ports *ports, struct fd_info *info)
{
	sa_family_t family = AF_INET6; /* the one with larger names */

	errno = 0;
	/* The host may have given up the right to ask: what is known must do. */
	if (sandbox_allows(SYS_getsockname) &&
	    !local_name(fd, &info->local, &family))
		return errno == EBADF ? FD_UNKNOWN : FD_NOT_DNS;
	enum fd_kind kind = protocol_of(fd, known);
	if (kind == FD_NOT_DNS)
		return FD_NOT_DNS;
	/* A new socket has none of them, and of one that is given some it is known. */
	if (kind == FD_DATAGRAM && known != FD_FRESH_UDP) {
		ask_options(fd, info);
		info->routed = is_routed(fd);
	}
	info->name_size = family == AF_INET6 ? sizeof(struct sockaddr_in6)
					     : sizeof(struct sockaddr_in);
	bool connected =
		info->remote.known || peer_name(fd, &info->remote, family);
	enum fd_kind known_by_ports = kind_by_ports(ports, kind, info);
	if (known_by_ports != FD_NOT_DNS)
		return known_by_ports;
	if (connected)
		return FD_NOT_DNS;
	if (kind == FD_STREAM)
		return FD_FRESH_TCP;
	return info->local.port ? FD_DATAGRAM : FD_FRESH_UDP;
}

/* A byte of urgent data that waits hides those behind it from FIONREAD: tcp(7). Not
 * by poll(2), which is a cancellation point. */
static bool is_urgent(int fd)
{
	struct pollfd poll = { .fd = fd, .events = POLLPRI };
	struct timespec none = { 0 };

	return sandbox_allows(SYS_ppoll) &&
	       syscall(SYS_ppoll, &poll, 1, &none, NULL, 0) == 1;
}

/* Of the octets that have come some have been read. The end counts as one. */
static bool is_read(int fd, const struct tcp_info *info)
{
	uint64_t end = info->tcpi_state != ESTABLISHED;
	int waiting = 0;

	/* What came in the SYN may be read at once, and FIONREAD does not count it
	 * (RFC 7413): who has been handed such a connection is likely to be first. */
	if (info->tcpi_bytes_received <= end ||
	    info->tcpi_state == SYN_RECEIVED)
		return false;
	if (!sandbox_allows(SYS_ioctl) || ioctl(fd, FIONREAD, &waiting))
		return true;
	return info->tcpi_bytes_received > waiting + end && !is_urgent(fd);
}

/* A kernel that does not tell (before 4.19) has filled in less. */
static void ask_begun(int fd, bool begun[2])
{
	struct tcp_info info = { 0 };
	socklen_t size = sizeof(info);

	if (!sandbox_allows(SYS_getsockopt) ||
	    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size))
		return;
	begun[0] = is_read(fd, &info);
	begun[1] = info.tcpi_bytes_sent > 0 || info.tcpi_notsent_bytes > 0;
}

void socket_info_begun(int fd, bool begun[2])
{
	int saved = errno;

	begun[0] = begun[1] = false;
	ask_begun(fd, begun);
	errno = saved;
}

enum fd_kind socket_info_ask(int fd, enum fd_kind known,
			     const struct socket_ports *ports,
			     struct fd_info *info)
{
	int saved = errno;
	enum fd_kind kind = ask(fd, known, ports, info);

	errno = saved;
	return kind;
}

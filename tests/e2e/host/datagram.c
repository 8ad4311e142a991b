/* SPDX-License-Identifier: Apache-2.0
 *
 * Servers that receive datagrams in every way.
 */
#include <limits.h>
#include <linux/net_tstamp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/uio.h>

#include "seccomp.h"

#define ROOM   100 /* of what they receive into */
#define ROUNDS 20
#define PAGE   4096
#define SIZE   60 /* of those that are received together */

/* `size` octets at the very end of what may be touched. */
static void *edge(size_t size)
{
	unsigned char *page = mmap(NULL, 2 * PAGE, PROT_NONE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	MUST(page != MAP_FAILED);
	MUST(!mprotect(page, PAGE, PROT_READ | PROT_WRITE));
	return page + PAGE - size;
}

/* Ways to receive. Into `octets` go ROOM of them at the most. */

typedef ssize_t way(int fd, unsigned char *octets);

static ssize_t by_recv(int fd, unsigned char *octets)
{
	return recv(fd, octets, ROOM, 0);
}

static ssize_t by_read(int fd, unsigned char *octets)
{
	return read(fd, octets, ROOM);
}

static ssize_t by_recvfrom(int fd, unsigned char *octets)
{
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	ssize_t n =
		recvfrom(fd, octets, ROOM, 0, (struct sockaddr *)&from, &size);

	MUST(size == sizeof(from) && from.sin_family == AF_INET);
	return n;
}

static ssize_t by_recvfrom_nameless(int fd, unsigned char *octets)
{
	return recvfrom(fd, octets, ROOM, 0, NULL, NULL);
}

static ssize_t by_recvfrom_short(int fd, unsigned char *octets)
{
	socklen_t size = 4;
	ssize_t n = recvfrom(fd, octets, ROOM, 0, edge(4), &size);

	MUST(size == sizeof(struct sockaddr_in));
	return n;
}

static struct iovec *pieces(unsigned char *octets)
{
	static struct iovec iov[2];

	iov[0] = (struct iovec){ octets, 7 };
	iov[1] = (struct iovec){ octets + 7, ROOM - 7 };
	return iov;
}

static ssize_t by_readv(int fd, unsigned char *octets)
{
	return readv(fd, pieces(octets), 2);
}

static struct msghdr *message(unsigned char *octets, socklen_t room)
{
	static struct msghdr made;

	made = (struct msghdr){ .msg_iov = pieces(octets), .msg_iovlen = 2 };
	if (room) {
		made.msg_name = edge(room);
		made.msg_namelen = room;
	}
	return &made;
}

static ssize_t by_recvmsg(int fd, unsigned char *octets)
{
	return recvmsg(fd, message(octets, sizeof(struct sockaddr_in)), 0);
}

static ssize_t by_recvmsg_nameless(int fd, unsigned char *octets)
{
	return recvmsg(fd, message(octets, 0), 0);
}

static ssize_t by_recvmsg_short(int fd, unsigned char *octets)
{
	struct msghdr *made = message(octets, 9);
	ssize_t n = recvmsg(fd, made, 0);

	MUST(made->msg_namelen == sizeof(struct sockaddr_in));
	return n;
}

static ssize_t by_vector(int fd, unsigned char *octets, socklen_t room)
{
	struct mmsghdr list = { .msg_hdr = *message(octets, room) };

	MUST(recvmmsg(fd, &list, 1, 0, NULL) == 1);
	return list.msg_len;
}

static ssize_t by_recvmmsg(int fd, unsigned char *octets)
{
	return by_vector(fd, octets, sizeof(struct sockaddr_storage));
}

static ssize_t by_recvmmsg_nameless(int fd, unsigned char *octets)
{
	return by_vector(fd, octets, 0);
}

static ssize_t by_recvmmsg_short(int fd, unsigned char *octets)
{
	return by_vector(fd, octets, 12);
}

static ssize_t by_sys_recvfrom(int fd, unsigned char *octets)
{
	return syscall(SYS_recvfrom, fd, octets, ROOM, 0, NULL, NULL);
}

static ssize_t by_sys_recvfrom_short(int fd, unsigned char *octets)
{
	socklen_t size = 4;

	return syscall(SYS_recvfrom, fd, octets, ROOM, 0, edge(4), &size);
}

static ssize_t by_sys_recvmsg(int fd, unsigned char *octets)
{
	return syscall(SYS_recvmsg, fd, message(octets, 5), 0);
}

static ssize_t by_sys_recvmmsg(int fd, unsigned char *octets)
{
	struct mmsghdr list = { .msg_hdr = *message(octets, 0) };

	MUST(syscall(SYS_recvmmsg, fd, &list, 1, 0, NULL) == 1);
	return list.msg_len;
}

static ssize_t by_sys_read(int fd, unsigned char *octets)
{
	return syscall(SYS_read, fd, octets, ROOM);
}

static ssize_t by_sys_readv(int fd, unsigned char *octets)
{
	return syscall(SYS_readv, fd, pieces(octets), 2);
}

static ssize_t by_preadv2(int fd, unsigned char *octets)
{
	return preadv2(fd, pieces(octets), 2, -1, 0);
}

static ssize_t by_sys_preadv2(int fd, unsigned char *octets)
{
	return syscall(SYS_preadv2, fd, pieces(octets), 2, -1L, -1L, 0);
}

static way *const ways[] = {
	by_recv,
	by_read,
	by_recvfrom,
	by_recvfrom_nameless,
	by_recvfrom_short,
	by_readv,
	by_recvmsg,
	by_recvmsg_nameless,
	by_recvmsg_short,
	by_recvmmsg,
	by_recvmmsg_nameless,
	by_recvmmsg_short,
	by_sys_recvfrom,
	by_sys_recvfrom_short,
	by_sys_recvmsg,
	by_sys_recvmmsg,
	by_sys_read,
	by_sys_readv,
	by_preadv2,
	by_sys_preadv2,
};
#define WAYS (ARRAY_SIZE(ways))

/* A server of one client, so that it need not know whom to answer. */
static void play_receives(void)
{
	struct sockaddr_in client = host_address(ADDRESS, 5300);
	unsigned char octets[ROOM];
	int fd = host_udp();

	for (size_t i = 0; i < WAYS * ROUNDS; i++) {
		ssize_t n = ways[i % WAYS](fd, octets);

		MUST(n >= 12 && n <= ROOM);
		octets[2] |= 0x80;
		MUST(sendto(fd, octets, n, 0, (struct sockaddr *)&client,
			    sizeof(client)) == n);
	}
}

/* What has come by the time that a socket is connected may be another's. */
static void play_connects(void)
{
	struct sockaddr_in peer = host_address(ADDRESS, 5300);
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	unsigned char octets[ROOM];
	int fd = host_udp();

	for (size_t i = 0; i < WAYS * ROUNDS; i++) {
		struct pollfd came = { .fd = fd, .events = POLLIN };

		MUST(poll(&came, 1, -1) == 1);
		MUST(!connect(fd, (struct sockaddr *)&peer, sizeof(peer)));
		ssize_t n = ways[i % WAYS](fd, octets);
		MUST(n >= 12);
		MUST(!connect(fd, &none, sizeof(none)));
		octets[2] |= 0x80;
		MUST(sendto(fd, octets, n, 0, (struct sockaddr *)&peer,
			    sizeof(peer)) == n);
	}
}

/* Asks another, by a socket that neither has a port nor a peer before. */
static void play_asks(void)
{
	struct sockaddr_in server = host_address(UPSTREAM, 53);
	unsigned char octets[ROOM] = { 0, 0, 1, 0, 0, 1, [16] = 1, [18] = 1 };

	for (size_t i = 0; i < WAYS * ROUNDS; i++) {
		int fd = socket(AF_INET, SOCK_DGRAM, 0);

		octets[0] = i >> 8;
		octets[1] = i;
		octets[2] = 1;
		MUST(sendto(fd, octets, 19, 0, (struct sockaddr *)&server,
			    sizeof(server)) == 19);
		MUST(ways[i % WAYS](fd, octets) == 19);
		close(fd);
	}
}

/* Receives the answers to ASKED queries in as many calls as it likes. */

#define ASKED 100

static void receive_asked(int fd, int how)
{
	struct timespec *wait = how == 2 ? &(struct timespec){ 60, 0 } : NULL;
	int flags = how == 1 ? MSG_WAITFORONE : 0;
	static unsigned char octets[ASKED][ROOM];
	struct mmsghdr list[ASKED] = { 0 };
	struct iovec iov[ASKED];
	int n;

	for (int got = 0; got < ASKED; got += n) {
		for (int i = 0; i < ASKED - got; i++) {
			socklen_t room = i % 3 * 8; /* no, short or all of it */

			iov[i] = (struct iovec){ octets[i], ROOM };
			list[i].msg_hdr = (struct msghdr){
				.msg_name = room ? edge(room) : NULL,
				.msg_namelen = room,
				.msg_iov = &iov[i],
				.msg_iovlen = 1,
			};
		}
		n = how == 3 ? syscall(SYS_recvmmsg, fd, list, ASKED - got,
				       flags, wait)
			     : recvmmsg(fd, list, ASKED - got, flags, wait);
		MUST(how == 1 ? n > 0 : n == ASKED);
		for (int i = 0; i < n; i++)
			MUST(list[i].msg_len == 19 &&
			     list[i].msg_hdr.msg_namelen ==
				     (i % 3 ? sizeof(struct sockaddr_in) : 0));
	}
}

/* Asks many at once, by a socket that is not connected. */
static void play_asks_many(void)
{
	struct sockaddr_in server = host_address(UPSTREAM, 53);
	unsigned char octets[19] = { 0, 0, 1, 0, 0, 1, [16] = 1, [18] = 1 };

	for (int how = 0; how < 4; how++) {
		int fd = socket(AF_INET, SOCK_DGRAM, 0);

		for (int i = 0; i < ASKED; i++) {
			octets[0] = how;
			octets[1] = i;
			octets[2] = 1;
			MUST(sendto(fd, octets, 19, 0,
				    (struct sockaddr *)&server,
				    sizeof(server)) == 19);
		}
		receive_asked(fd, how);
		close(fd);
	}
}

/* A server's socket comes over another one, under a number that was a FILE's: it
 * was closed where nobody could see it. */

static void pass(int over, int fd)
{
	char octet = 0;
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { &octet, 1 };
	struct msghdr made = { .msg_iov = &iov,
			       .msg_iovlen = 1,
			       .msg_control = control,
			       .msg_controllen = sizeof(control) };
	struct cmsghdr *item = CMSG_FIRSTHDR(&made);

	*item = (struct cmsghdr){ CMSG_LEN(sizeof(int)), SOL_SOCKET,
				  SCM_RIGHTS };
	memcpy(CMSG_DATA(item), &fd, sizeof(fd));
	MUST(sendmsg(over, &made, 0) == 1);
}

static int take(int over, int how)
{
	char octet;
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &octet, 1 };
	struct mmsghdr list = { .msg_hdr = { .msg_iov = &iov,
					     .msg_iovlen = 1,
					     .msg_control = control,
					     .msg_controllen =
						     sizeof(control) } };
	int fd;

	MUST(how == 0   ? recvmsg(over, &list.msg_hdr, 0)
	     : how == 1 ? recvmmsg(over, &list, 1, 0, NULL)
	     : how == 2 ? syscall(SYS_recvmsg, over, &list.msg_hdr, 0)
			: syscall(SYS_recvmmsg, over, &list, 1, 0, NULL));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&list.msg_hdr)), sizeof(fd));
	return fd;
}

static void play_rights(void)
{
	int pair[2], server = fcntl(host_udp(), F_DUPFD, 100);

	MUST(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	for (int how = 0; how < 4; how++) {
		FILE *file = fdopen(open("/dev/null", O_RDONLY), "r");
		int number = fileno(file);

		pass(pair[0], server);
		fclose(file);
		int fd = take(pair[1], how);
		MUST(fd == number);
		host_serve(fd, 10);
		close(fd);
	}
}

static int joining(void)
{
	struct sockaddr_in name = host_address(ADDRESS, 53);
	int fd = socket(AF_INET, SOCK_DGRAM, 0), on = 1;

	MUST(!setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof(on)));
	MUST(!bind(fd, (struct sockaddr *)&name, sizeof(name)));
	return fd;
}

static void play_plain(void)
{
	host_serve(host_udp(), 40);
}

/* One call receives them all, by a socket that has been told to before. */
static void play_coalesced(void)
{
	unsigned char octets[4096];
	_Alignas(struct cmsghdr) char control[64];
	struct iovec iov = { octets, sizeof(octets) };
	struct msghdr made = { .msg_iov = &iov,
			       .msg_iovlen = 1,
			       .msg_control = control,
			       .msg_controllen = sizeof(control) };

	MUST(recvmsg(joining(), &made, 0) == 3 * SIZE + 40);
}

/* One that is to be told all that there is to tell, and does not listen. */
static void play_told(void)
{
	static const int options[][2] = {
		{ SOL_SOCKET, SO_RXQ_OVFL },
		{ SOL_SOCKET, SO_TIMESTAMPNS },
		{ SOL_SOCKET, SO_WIFI_STATUS },
		{ SOL_SOCKET, 75 /* SO_RCVMARK */ },
		{ IPPROTO_IP, IP_PKTINFO },
		{ IPPROTO_IP, IP_RECVTTL },
		{ IPPROTO_IP, IP_RECVTOS },
		{ IPPROTO_IP, IP_RECVOPTS },
		{ IPPROTO_IP, IP_RETOPTS },
		{ IPPROTO_IP, IP_RECVORIGDSTADDR },
		{ IPPROTO_IP, IP_CHECKSUM },
		{ IPPROTO_IP, IP_RECVERR },
		{ IPPROTO_IP, IP_RECVFRAGSIZE },
	};
	unsigned char octets[4096];
	int fd = joining(), on = 1;
	unsigned stamps =
		SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;

	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		setsockopt(fd, options[i][0], options[i][1], &on, sizeof(on));
	MUST(!setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &stamps,
			 sizeof(stamps)));
	MUST(recv(fd, octets, sizeof(octets), 0) == 3 * SIZE + 40);
}

/* One that leaves no room for it to be told of how many they are. */
static void play_untold(void)
{
	unsigned char octets[4096];
	struct iovec iov = { octets, sizeof(octets) };
	struct msghdr made = { .msg_iov = &iov, .msg_iovlen = 1 };

	MUST(recvmsg(joining(), &made, 0) == 3 * SIZE + 40);
	MUST(made.msg_flags & MSG_CTRUNC);
}

/* Into less room than they need, at the end of a page; told how much it was. */
static void play_cut(void)
{
	MUST(recv(joining(), edge(SIZE + 30), SIZE + 30, MSG_TRUNC) ==
	     3 * SIZE + 40);
}

/* A server that has given up all calls but its own. */
static void play_confined(void)
{
	static const int others[] = { SYS_recvmsg, SYS_getsockname,
				      SYS_getsockopt, SYS_rt_sigprocmask, -1 };
	unsigned char octets[ROOM];
	struct sockaddr_in from;
	int fd = host_udp();

	host_answer(fd);
	seccomp_filter(others, -1, KILL);
	for (int i = 0; i < ROUNDS; i++) {
		socklen_t size = sizeof(from);
		ssize_t n = recvfrom(fd, octets, ROOM, 0,
				     (struct sockaddr *)&from, &size);

		MUST(n >= 12);
		octets[2] |= 0x80;
		MUST(sendto(fd, octets, n, 0, (struct sockaddr *)&from, size) ==
		     n);
	}
	_exit(0);
}

static const struct scene scenes[] = {
	{ "receives", play_receives },   { "asks", play_asks },
	{ "asks_many", play_asks_many }, { "rights", play_rights },
	{ "coalesced", play_coalesced }, { "cut", play_cut },
	{ "told", play_told },           { "untold", play_untold },
	{ "confined", play_confined },   { "plain", play_plain },
	{ "connects", play_connects },
};

HOST_MAIN(scenes)

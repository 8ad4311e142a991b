/* SPDX-License-Identifier: Apache-2.0
 *
 * Servers that receive and send datagrams in every way.
 */
#include <limits.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#include "seccomp.h"

#define ROOM   100 /* of what they receive into */
#define ROUNDS 20
#define PAGE   4096

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

static struct sockaddr_in address_of(const char *text, int port)
{
	struct sockaddr_in name = { .sin_family = AF_INET,
				    .sin_port = htons(port) };

	MUST(inet_pton(AF_INET, text, &name.sin_addr) == 1);
	return name;
}

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
#define WAYS (sizeof(ways) / sizeof(*ways))

/* A server of one client, so that it need not know whom to answer. */
static void play_receives(void)
{
	struct sockaddr_in client = address_of(ADDRESS, 5300);
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

/* Asks another, by a socket that neither has a port nor a peer before. */
static void play_asks(void)
{
	struct sockaddr_in server = address_of(UPSTREAM, 53);
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

/* What is sent is gone before the call returns. The other side's calls are not to
 * be seen, so they are made by hand. */

static long raw(long number, long a, long b, long c)
{
	long result;
#if defined(__x86_64__)
	register long r10 __asm__("r10") = 0;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
			 : "rcx", "r11", "memory");
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2)
			 : "memory");
	result = x0;
#endif
	return result;
}

#define BATCH 8
#define SIZE  60

static unsigned char *sent[2 * BATCH];
static _Atomic int taken;
static int receiver;

/* Whoever has received a message owns its memory. */
static void *take_away(void *unused)
{
	unsigned char octets[SIZE];

	for (size_t i = 0; i < 2 * BATCH * ROUNDS; i++) {
		MUST(raw(SYS_read, receiver, (long)octets, SIZE) == SIZE);
		memset(sent[octets[12]], 0xff, SIZE);
		MUST(!munmap(sent[octets[12]], PAGE));
		taken++;
	}
	return unused;
}

static void give(int index, int id)
{
	sent[index] = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(sent[index] != MAP_FAILED);
	memset(sent[index], 0, SIZE);
	sent[index][0] = id >> 8;
	sent[index][1] = id;
	sent[index][2] = 0x80;
	sent[index][12] = index;
}

static void play_gone(void)
{
	struct sockaddr_in to = address_of(ADDRESS, 5300);
	struct mmsghdr list[BATCH] = { 0 };
	struct iovec iov[BATCH];
	int fd = host_udp();
	pthread_t thread;

	receiver = socket(AF_INET, SOCK_DGRAM, 0);
	MUST(!bind(receiver, (struct sockaddr *)&to, sizeof(to)));
	MUST(!pthread_create(&thread, NULL, take_away, NULL));
	for (int i = 0; i < ROUNDS; i++) {
		for (int k = 0; k < BATCH; k++) {
			give(k, i * BATCH + k);
			iov[k] = (struct iovec){ sent[k], SIZE };
			list[k].msg_hdr =
				(struct msghdr){ &to,  sizeof(to), &iov[k], 1,
						 NULL, 0,          0 };
		}
		MUST(sendmmsg(fd, list, BATCH, 0) == BATCH);
		for (int k = 0; k < BATCH; k++) {
			give(BATCH + k, 10000 + i * BATCH + k);
			MUST(sendto(fd, sent[BATCH + k], SIZE, 0,
				    (struct sockaddr *)&to,
				    sizeof(to)) == SIZE);
		}
		while (taken < 2 * BATCH * (i + 1))
			sched_yield();
	}
	MUST(!pthread_join(thread, NULL));
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

/* A server of one connection that answers by a write, by octets which it never had
 * in its memory, and by a write again. */

static void answer_by(int fd, int how)
{
	unsigned char octets[ROOM];
	int pair[2], file = memfd_create("answer", 0);
	ssize_t n = read(fd, octets, sizeof(octets));

	MUST(n > 14 && n == 2 + octets[1]);
	octets[4] |= 0x80;
	if (how == 0) {
		MUST(write(fd, octets, n) == n);
		return;
	}
	MUST(!pipe(pair) && write(pair[1], octets, n) == n);
	MUST(pwrite(file, octets, n, 0) == n);
	MUST(n == (how == 1   ? splice(pair[0], NULL, fd, NULL, n, 0)
		   : how == 2 ? sendfile(fd, file, NULL, n)
		   : how == 3
			   ? syscall(SYS_splice, pair[0], NULL, fd, NULL, n, 0)
			   : syscall(SYS_sendfile, fd, file, NULL, n)));
}

static void play_moved(void)
{
	int listener = host_socket(SOCK_STREAM);

	for (int how = 1; how <= 4; how++) {
		int fd = accept(listener, NULL, NULL);

		answer_by(fd, 0);
		answer_by(fd, how);
		answer_by(fd, 0);
		close(fd);
	}
}

/* One call, several datagrams. */

static unsigned char responses[4 * SIZE];

static void fill(int id)
{
	memset(responses, id, sizeof(responses));
	for (int i = 0; i < 4; i++) {
		responses[i * SIZE] = id;
		responses[i * SIZE + 1] = i;
		responses[i * SIZE + 2] = 0x80;
	}
}

static struct mmsghdr segmented(struct sockaddr_in *to, size_t size)
{
	static _Alignas(struct cmsghdr) char control[CMSG_SPACE(2)];
	static struct iovec iov[2];
	static int next;
	struct cmsghdr *item = (struct cmsghdr *)control;
	struct mmsghdr made = { 0 };

	*item = (struct cmsghdr){ CMSG_LEN(2), SOL_UDP, UDP_SEGMENT };
	*(uint16_t *)CMSG_DATA(item) = SIZE;
	iov[next % 2] = (struct iovec){ responses, size };
	made.msg_hdr = (struct msghdr){ to, sizeof(*to), &iov[next++ % 2],
					1,  control,     sizeof(control),
					0 };
	return made;
}

static void play_segments(void)
{
	struct sockaddr_in to = address_of(ADDRESS, 5300);
	int fd = host_udp(), size = SIZE, none = 0;

	fill(1);
	struct mmsghdr list[2] = { segmented(&to, 4 * SIZE),
				   segmented(&to, 2 * SIZE + 20) };
	MUST(sendmsg(fd, &list[0].msg_hdr, 0) == 4 * SIZE);
	fill(2);
	MUST(sendmmsg(fd, list, 2, 0) == 2);
	fill(3);
	MUST(!setsockopt(fd, SOL_UDP, UDP_SEGMENT, &size, sizeof(size)));
	MUST(sendto(fd, responses, 3 * SIZE, 0, (struct sockaddr *)&to,
		    sizeof(to)) == 3 * SIZE);
	fill(4);
	MUST(!connect(fd, (struct sockaddr *)&to, sizeof(to)));
	MUST(write(fd, responses, 3 * SIZE) == 3 * SIZE);
	fill(5);
	MUST(!syscall(SYS_setsockopt, fd, SOL_UDP, UDP_SEGMENT, &none,
		      sizeof(none)));
	MUST(write(fd, responses, 3 * SIZE) == 3 * SIZE);
}

/* Several calls, one datagram. */
static void play_pieces(void)
{
	struct sockaddr_in to = address_of(ADDRESS, 5300);
	int fd = host_udp(), on = 1, off = 0;

	fill(1);
	MUST(sendto(fd, responses, 50, MSG_MORE, (struct sockaddr *)&to,
		    sizeof(to)) == 50);
	MUST(send(fd, responses + 50, 50, MSG_MORE) == 50);
	MUST(sendto(fd, responses, 70000, 0, NULL, 0) == -1);
	MUST(send(fd, responses + 100, 50, 0) == 50);
	fill(2);
	MUST(!setsockopt(fd, SOL_UDP, UDP_CORK, &on, sizeof(on)));
	MUST(sendto(fd, responses, 10, 0, (struct sockaddr *)&to, sizeof(to)) ==
	     10);
	MUST(write(fd, responses + 10, 60) == 60);
	MUST(!setsockopt(fd, SOL_UDP, UDP_CORK, &off, sizeof(off)));
	fill(3);
	MUST(sendto(fd, responses, 70, 0, (struct sockaddr *)&to, sizeof(to)) ==
	     70);
	/* One that comes to nothing, and one that is too long. */
	fill(4);
	MUST(sendto(fd, responses, 50, MSG_MORE, (struct sockaddr *)&to,
		    sizeof(to)) == 50);
	MUST(send(fd, (void *)8, 50, 0) == -1);
	for (int i = 0; i < 50; i++)
		MUST(sendto(fd, responses, 200, i < 49 ? MSG_MORE : 0,
			    (struct sockaddr *)&to, sizeof(to)) == 200);
	fill(5);
	MUST(sendto(fd, responses, 40, 0, (struct sockaddr *)&to, sizeof(to)) ==
	     40);
}

/* One call receives them all, by a socket that has been told to before. */
static void play_coalesced(void)
{
	struct sockaddr_in name = address_of(ADDRESS, 53);
	unsigned char octets[4096];
	_Alignas(struct cmsghdr) char control[64];
	struct iovec iov = { octets, sizeof(octets) };
	struct msghdr made = { .msg_iov = &iov,
			       .msg_iovlen = 1,
			       .msg_control = control,
			       .msg_controllen = sizeof(control) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), on = 1;

	MUST(!setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof(on)));
	MUST(!bind(fd, (struct sockaddr *)&name, sizeof(name)));
	MUST(recvmsg(fd, &made, 0) == 3 * SIZE + 40);
}

/* Into less room than they need, at the end of a page; told how much it was. */
static void play_cut(void)
{
	struct sockaddr_in name = address_of(ADDRESS, 53);
	int fd = socket(AF_INET, SOCK_DGRAM, 0), on = 1;

	MUST(!setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof(on)));
	MUST(!bind(fd, (struct sockaddr *)&name, sizeof(name)));
	MUST(recv(fd, edge(SIZE + 30), SIZE + 30, MSG_TRUNC) == 3 * SIZE + 40);
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
	{ "receives", play_receives }, { "asks", play_asks },
	{ "gone", play_gone },         { "rights", play_rights },
	{ "moved", play_moved },       { "segments", play_segments },
	{ "pieces", play_pieces },     { "coalesced", play_coalesced },
	{ "confined", play_confined }, { "cut", play_cut },
};

HOST_MAIN(scenes)

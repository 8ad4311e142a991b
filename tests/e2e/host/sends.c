/* SPDX-License-Identifier: Apache-2.0
 *
 * Servers that send in every way.
 */
#include <netinet/udp.h>
#include <stdint.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#include "host.h"

#define ROOM   100
#define ROUNDS 20
#define PAGE   4096

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
	struct sockaddr_in to = host_address(ADDRESS, 5300);
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

/* The same of what it takes out of a connection. A message lies in two pages, and
 * what remembers of pages that they can be read has one place for both. */
#define APART (1024 * PAGE)

static struct iovec halves[BATCH][3];

static void give_halves(int index, int id)
{
	static unsigned char prefix[2] = { 0, SIZE };

	sent[index] = mmap(NULL, APART + PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(sent[index] != MAP_FAILED);
	sent[index][0] = id >> 8;
	sent[index][1] = id;
	sent[index][2] = 0x80;
	sent[index][12] = index;
	halves[index][0] = (struct iovec){ prefix, 2 };
	halves[index][1] = (struct iovec){ sent[index], SIZE / 2 };
	halves[index][2] = (struct iovec){ sent[index] + APART, SIZE / 2 };
}

static void *take_octets_away(void *unused)
{
	unsigned char octets[2 + SIZE];

	for (size_t i = 0; i < BATCH * ROUNDS; i++) {
		for (long got = 0, n; got < 2 + SIZE; got += n)
			MUST((n = raw(SYS_read, receiver, (long)octets + got,
				      2 + SIZE - got)) > 0);
		memset(sent[octets[2 + 12]], 0xff, SIZE);
		MUST(!munmap(sent[octets[2 + 12]], APART + PAGE));
		taken++;
	}
	return unused;
}

static void play_gone_stream(void)
{
	struct sockaddr_in to = host_address(ADDRESS, 53);
	int listener = host_socket(SOCK_STREAM);
	struct mmsghdr list[BATCH] = { 0 };
	pthread_t thread;

	receiver = socket(AF_INET, SOCK_STREAM, 0);
	MUST(!connect(receiver, (struct sockaddr *)&to, sizeof(to)));
	int fd = accept(listener, NULL, NULL);
	MUST(!pthread_create(&thread, NULL, take_octets_away, NULL));
	for (int i = 0; i < ROUNDS; i++) {
		for (int k = 0; k < BATCH; k++) {
			give_halves(k, i * BATCH + k);
			list[k].msg_hdr = (struct msghdr){ .msg_iov = halves[k],
							   .msg_iovlen = 3 };
		}
		MUST(sendmmsg(fd, list, BATCH, 0) == BATCH);
		while (taken < BATCH * (i + 1))
			sched_yield();
	}
	MUST(!pthread_join(thread, NULL));
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
	struct sockaddr_in to = host_address(ADDRESS, 5300);
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

/* More than a call takes: sendmmsg(2). */
#define MANY 1100

static void play_vectors(void)
{
	static struct mmsghdr list[MANY];
	static unsigned char octets[MANY][20];
	static struct iovec iov[MANY];
	struct sockaddr_in to = host_address(ADDRESS, 5300);
	int fd = host_udp(), size = 20;

	for (int i = 0; i < MANY; i++) {
		octets[i][0] = i >> 8;
		octets[i][1] = i;
		octets[i][2] = 0x80;
		/* One in ten is no DNS. */
		iov[i] = (struct iovec){ octets[i], i % 10 ? 20 : 5 };
		list[i].msg_hdr = (struct msghdr){ &to,  sizeof(to), &iov[i], 1,
						   NULL, 0,          0 };
	}
	MUST(sendmmsg(fd, list, MANY, 0) == 1024);
	/* Each cut into 30. */
	MUST(!setsockopt(fd, SOL_UDP, UDP_SEGMENT, &size, sizeof(size)));
	for (int i = 0; i < 50; i++)
		iov[i] = (struct iovec){ octets, 30 * 20 };
	MUST(sendmmsg(fd, list, 50, 0) == 50);
	/* The one that fails ends it. */
	list[70].msg_hdr.msg_namelen = 1;
	MUST(syscall(SYS_sendmmsg, fd, list, 100, 0) == 70);
	MUST(sendmmsg(fd, list + 70, 30, 0) == -1);
}

/* Several calls, one datagram. */
static void play_pieces(void)
{
	struct sockaddr_in to = host_address(ADDRESS, 5300);
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
	/* Another option of the socket's is no end. */
	fill(6);
	MUST(sendto(fd, responses, 50, MSG_MORE, (struct sockaddr *)&to,
		    sizeof(to)) == 50);
	MUST(!setsockopt(fd, SOL_UDP, UDP_SEGMENT, &(int){ 1000 },
			 sizeof(int)));
	MUST(send(fd, responses + 50, 40, 0) == 40);
}

/* To a socket of IPv4 an address without a family is one of IPv4: ip(7). */
static void play_unspecific(void)
{
	struct sockaddr_in to = host_address(ADDRESS, 5300);
	struct iovec iov = { responses, SIZE };
	struct msghdr made = { .msg_name = &to,
			       .msg_namelen = sizeof(to),
			       .msg_iov = &iov,
			       .msg_iovlen = 1 };
	int fd = host_udp();

	to.sin_family = AF_UNSPEC;
	fill(1);
	MUST(sendto(fd, responses, SIZE, 0, (struct sockaddr *)&to,
		    sizeof(to)) == SIZE);
	fill(2);
	MUST(sendmsg(fd, &made, 0) == SIZE);
}

/* What the kernel looks at, and does not send: MSG_PROBE of its own. */
static void play_probe(void)
{
	struct sockaddr_in to = host_address(ADDRESS, 5300);
	int fd = host_udp();

	fill(1);
	MUST(sendto(fd, responses, SIZE, 0x10, (struct sockaddr *)&to,
		    sizeof(to)) == SIZE);
	fill(2);
	MUST(sendto(fd, responses, SIZE, 0, (struct sockaddr *)&to,
		    sizeof(to)) == SIZE);
}

/* From another address than that which the socket is bound to: ip(7), ipv6(7). */
static void send_part_from(int fd, const struct sockaddr *to, socklen_t size,
			   int level, int type, const void *info,
			   size_t info_size, int flags)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(20)] = { 0 };
	struct cmsghdr *item = (struct cmsghdr *)control;
	struct iovec iov = { responses, SIZE };
	struct msghdr made = { (void *)to, size,    &iov,
			       1,          control, CMSG_SPACE(info_size),
			       0 };

	*item = (struct cmsghdr){ CMSG_LEN(info_size), level, type };
	memcpy(CMSG_DATA(item), info, info_size);
	MUST(sendmsg(fd, &made, flags) == SIZE);
}

static void send_from(int fd, const struct sockaddr *to, socklen_t size,
		      int level, int type, const void *info, size_t info_size)
{
	send_part_from(fd, to, size, level, type, info, info_size, 0);
}

static void play_from(void)
{
	struct sockaddr_in to = host_address(ADDRESS, 5300);
	struct sockaddr_in other = host_address(UPSTREAM, 53);
	struct in_pktinfo info = { .ipi_spec_dst = other.sin_addr };
	struct sockaddr_in6 to6 = { .sin6_family = AF_INET6,
				    .sin6_port = htons(5300) };
	struct sockaddr_in6 name6 = to6;
	struct in6_pktinfo info6 = { 0 };
	int fd = host_udp(), fd6 = socket(AF_INET6, SOCK_DGRAM, 0);

	fill(1);
	send_from(fd, (struct sockaddr *)&to, sizeof(to), IPPROTO_IP,
		  IP_PKTINFO, &info, sizeof(info));
	/* Of several parts the first one tells. */
	fill(4);
	send_part_from(fd, (struct sockaddr *)&to, sizeof(to), IPPROTO_IP,
		       IP_PKTINFO, &info, sizeof(info), MSG_MORE);
	MUST(send(fd, responses, SIZE, 0) == SIZE);
	/* Wherever it is bound, from the address that the kernel prefers. */
	info = (struct in_pktinfo){ 0 };
	fill(3);
	send_from(fd, (struct sockaddr *)&to, sizeof(to), IPPROTO_IP,
		  IP_PKTINFO, &info, sizeof(info));
	name6.sin6_port = htons(53);
	inet_pton(AF_INET6, ADDRESS6, &name6.sin6_addr);
	inet_pton(AF_INET6, ADDRESS6, &to6.sin6_addr);
	inet_pton(AF_INET6, UPSTREAM6, &info6.ipi6_addr);
	MUST(!bind(fd6, (struct sockaddr *)&name6, sizeof(name6)));
	fill(2);
	send_from(fd6, (struct sockaddr *)&to6, sizeof(to6), IPPROTO_IPV6,
		  IPV6_PKTINFO, &info6, sizeof(info6));
	info6 = (struct in6_pktinfo){ 0 };
	fill(4);
	send_from(fd6, (struct sockaddr *)&to6, sizeof(to6), IPPROTO_IPV6,
		  IPV6_PKTINFO, &info6, sizeof(info6));
}

/* What is sent to no address in particular goes to this machine. */
static void ask_here(int fd, int id, int family, bool connects)
{
	struct sockaddr_in any = { .sin_family = AF_INET,
				   .sin_port = htons(53) };
	struct sockaddr_in6 any6 = { .sin6_family = AF_INET6,
				     .sin6_port = htons(53) };
	bool inet = family == AF_INET;
	struct sockaddr *to = inet ? (void *)&any : (void *)&any6;
	socklen_t size = inet ? sizeof(any) : sizeof(any6);
	unsigned char message[100];

	fill(id);
	responses[2] = 1;
	if (connects)
		MUST(!connect(fd, to, size));
	MUST(sendto(fd, responses, SIZE, 0, connects ? NULL : to,
		    connects ? 0 : size) == SIZE);
	MUST(recv(fd, message, sizeof(message), 0) == SIZE);
}

static int bound_to(int family, const char *text)
{
	struct sockaddr_in name = { .sin_family = AF_INET };
	struct sockaddr_in6 name6 = { .sin6_family = AF_INET6 };
	bool inet = family == AF_INET;
	int fd = socket(family, SOCK_DGRAM, 0);

	MUST(inet_pton(family, text,
		       inet ? (void *)&name.sin_addr
			    : (void *)&name6.sin6_addr) == 1);
	MUST(!bind(fd, inet ? (void *)&name : (void *)&name6,
		   inet ? sizeof(name) : sizeof(name6)));
	return fd;
}

static void play_here(void)
{
	for (int connects = 0; connects < 2; connects++) {
		int id = connects * 10;

		ask_here(socket(AF_INET, SOCK_DGRAM, 0), id, AF_INET, connects);
		ask_here(bound_to(AF_INET, ADDRESS), id + 1, AF_INET, connects);
		ask_here(socket(AF_INET6, SOCK_DGRAM, 0), id + 2, AF_INET6,
			 connects);
		ask_here(bound_to(AF_INET6, ADDRESS6), id + 3, AF_INET6,
			 connects);
		ask_here(socket(AF_INET6, SOCK_DGRAM, 0), id + 4, AF_INET,
			 connects);
	}
}

static const struct scene scenes[] = {
	{ "from", play_from },       { "here", play_here },
	{ "gone", play_gone },       { "gone_stream", play_gone_stream },
	{ "moved", play_moved },     { "segments", play_segments },
	{ "vectors", play_vectors }, { "pieces", play_pieces },
	{ "probe", play_probe },     { "unspecific", play_unspecific },
};

HOST_MAIN(scenes)

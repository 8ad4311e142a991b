/* SPDX-License-Identifier: Apache-2.0
 *
 * Carries messages with arguments that are drawn from a hat, most of them bad:
 * pointers to nowhere, to what cannot be written, to the last octets of a page.
 * Prints what each call returns, and a sum over all memory that it could have
 * touched. Takes the seed and the number of calls.
 */
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <sys/uio.h>

#include "host.h"

#define PAGE  4096
#define PARTS 3

/* Pages, each followed by one that is not there: to write, to read, and one of
 * each side by side; a set for each thing that a call points to, which no other
 * is to lie in. Always at the same place: pointers lie in them. */
enum { WRITABLE, READABLE = 2, BOTH = 4, PAGES = 7, SETS = 24 };
static unsigned char *const arena = (unsigned char *)0x200000000000;
static int set;

static unsigned char *page_of(int which, int page)
{
	return arena + (which * PAGES + page) * PAGE;
}

static uint64_t state;

static unsigned draw(unsigned count)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (state >> 33) % count;
}

static uint64_t sum;

static void add_up(const unsigned char *page)
{
	const uint64_t *word = (const void *)page;

	for (int i = 0; i < PAGE / 8; i++)
		sum = sum * 31 + (word[i] ^ word[i] >> 29);
}

/* Where `size` octets might lie, of which most may be beyond a page's end. */
static void *anywhere(size_t size)
{
	static const uintptr_t nowhere[] = {
		0, 8, -1ul, -4096ul, 1ul << 47, 1ul << 63, 0x123456789000
	};
	static const int pages[] = { WRITABLE, WRITABLE, WRITABLE,
				     READABLE, BOTH,     BOTH + 1 };
	unsigned char *page = page_of(set++ % SETS, pages[draw(6)]);

	if (size > PAGE)
		size = PAGE;
	switch (draw(10)) {
	case 0:
		return (void *)nowhere[draw(7)];
	case 1:
		return page + PAGE - draw(size + 1);
	case 2:
	case 3:
		return page + PAGE - size;
	default:
		return page + draw((PAGE - size) / 8 + 1) * 8;
	}
}

static void *writable(size_t size)
{
	if (size > PAGE)
		size = PAGE;
	return page_of(set++ % SETS, WRITABLE) +
	       draw((PAGE - size) / 8 + 1) * 8;
}

/* Mostly good. */
static void *somewhere(size_t size)
{
	return draw(4) ? writable(size) : anywhere(size);
}

/* Assigned only where that does no harm. */
static void put(void *to, const void *from, size_t size)
{
	int pair[2];

	MUST(!pipe(pair));
	MUST(syscall(SYS_write, pair[1], from, size) == (ssize_t)size);
	syscall(SYS_read, pair[0], to, size);
	syscall(SYS_close, pair[0]);
	syscall(SYS_close, pair[1]);
}

static socklen_t room(void)
{
	static const int sizes[] = { 0,   1,    4,  8,       15,     16,  17,
				     20,  24,   27, 28,      29,     110, 128,
				     200, 4096, -1, INT_MIN, INT_MAX };

	return sizes[draw(draw(2) ? 16 : 19)];
}

static size_t size_of_octets(void)
{
	static const size_t sizes[] = { 0,    1,        11,        12,
					13,   100,      300,       600,
					4000, SIZE_MAX, 1ul << 40, 70000 };

	return sizes[draw(draw(4) ? 9 : 12)];
}

static int number_of_octets(void)
{
	static const int counts[] = { 0, 1, 1, 1, 2, 3, 3, -1, 1025 };

	return counts[draw(9)];
}

static struct iovec *iovec(int count)
{
	struct iovec made[PARTS];
	void *at = somewhere(sizeof(made));

	for (int i = 0; i < PARTS; i++) {
		made[i].iov_len = size_of_octets();
		made[i].iov_base = somewhere(made[i].iov_len);
	}
	put(at, made, sizeof(made));
	(void)count;
	return at;
}

static struct sockaddr *address(const struct sockaddr_in *name)
{
	void *at = somewhere(sizeof(*name));

	put(at, name, sizeof(*name));
	return at;
}

static struct sockaddr_in sink = { .sin_family = AF_INET };

static struct msghdr *header_at(struct msghdr *at, int sends)
{
	struct msghdr made = { .msg_flags = draw(2) ? -1 : MSG_TRUNC };

	made.msg_iovlen = number_of_octets();
	made.msg_iov = iovec(made.msg_iovlen);
	made.msg_namelen = room();
	if (draw(3))
		made.msg_name = sends ? (void *)address(&sink)
				      : anywhere(made.msg_namelen % PAGE);
	if (sends && draw(2))
		made.msg_namelen = sizeof(sink);
	made.msg_controllen = draw(3) ? 0 : draw(100);
	if (draw(2))
		made.msg_control =
			HOST_BAD(anywhere, writable)(made.msg_controllen);
	else
		made.msg_controllen = HOST_BAD(made.msg_controllen, 0);
	put(at, &made, sizeof(made));
	return at;
}

static struct msghdr *header(int sends)
{
	return header_at(HOST_BAD(somewhere, writable)(sizeof(struct msghdr)),
			 sends);
}

static struct mmsghdr *vector(int sends)
{
	struct mmsghdr *at = HOST_BAD(somewhere, writable)(PARTS * sizeof(*at));

	for (int i = 0; i < PARTS; i++)
		header_at(&at[i].msg_hdr, sends);
	return at;
}

/* Servers of both families, a client that is connected, and what is no DNS. */
enum { SERVER, SERVER6, CLIENT, PAIR, FDS };
static int fds[FDS], client, client6, pair_end;

static int flag(void)
{
	static const int flags[] = { 0,        0,
				     0,        MSG_TRUNC,
				     MSG_PEEK, MSG_WAITALL,
				     MSG_OOB,  MSG_NOSIGNAL,
				     INT_MIN };

	return MSG_DONTWAIT | flags[draw(9)];
}

/* What a call has left behind for the next one: recvmmsg(2). */
static int left_over(int fd)
{
	int error = 0;
	socklen_t size = sizeof(error);

	MUST(!getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size));
	return error;
}

static void say(const char *what, int fd, long result)
{
	int error = errno;

	sum = 1;
	for (int i = 0; i < SETS; i++) {
		add_up(page_of(i, WRITABLE));
		add_up(page_of(i, BOTH));
	}
	printf("%s = %ld %s %d %lx\n", what, result,
	       result < 0 ? strerrorname_np(error) : "", left_over(fd), sum);
}

#define SAY(call) (errno = 0, say(#call, fd, (long)(call)))

static void send_call(int fd)
{
	size_t size = size_of_octets();
	void *octets = somewhere(size);
	int count = number_of_octets();
	bool named = draw(4);
	struct sockaddr *name = named ? address(&sink) : NULL;
	socklen_t name_size = draw(4) ? sizeof(sink) : room();

	switch (draw(12)) {
	case 0:
		SAY(send(fd, octets, size, flag()));
		break;
	case 1:
		SAY(write(fd, octets, size));
		break;
	case 2:
		SAY(writev(fd, iovec(count), count));
		break;
	case 3:
	case 4:
		SAY(sendmsg(fd, header(true), flag()));
		break;
	case 5:
		SAY(sendmmsg(fd, vector(true), draw(PARTS + 1), flag()));
		break;
	case 6:
		SAY(syscall(SYS_sendto, fd, octets, size, flag(), name,
			    name_size));
		break;
	case 7:
		SAY(syscall(SYS_sendmsg, fd, header(true), flag()));
		break;
	case 8:
		SAY(syscall(SYS_sendmmsg, fd, vector(true), draw(PARTS + 1),
			    flag()));
		break;
	default:
		SAY(sendto(fd, octets, size, flag(), name, name_size));
	}
}

static void receive_call(int fd)
{
	size_t size = size_of_octets();
	void *octets = somewhere(size);
	int count = number_of_octets();
	socklen_t value = room();
	bool named = draw(4);
	struct sockaddr *name = named ? anywhere(value % PAGE) : NULL;
	socklen_t *name_size = somewhere(sizeof(value));

	put(name_size, &value, sizeof(value));
	switch (draw(13)) {
	case 0:
		SAY(recv(fd, octets, size, flag()));
		break;
	case 1:
		SAY(read(fd, octets, size));
		break;
	case 2:
		SAY(readv(fd, iovec(count), count));
		break;
	case 3:
	case 4:
		SAY(recvmsg(fd, header(false), flag()));
		break;
	case 5:
		SAY(recvmmsg(fd, vector(false), draw(PARTS + 1), flag(), NULL));
		break;
	case 6:
		SAY(syscall(SYS_recvfrom, fd, octets, size, flag(), name,
			    name_size));
		break;
	case 7:
		SAY(syscall(SYS_recvmsg, fd, header(false), flag()));
		break;
	case 8:
		SAY(syscall(SYS_recvmmsg, fd, vector(false), draw(PARTS + 1),
			    flag(), NULL));
		break;
	case 9:
		SAY(syscall(SYS_readv, fd, iovec(count), count));
		break;
	default:
		SAY(recvfrom(fd, octets, size, flag(), name, name_size));
	}
}

/* Three datagrams wait, whatever became of the last ones. */
static void ask(int which)
{
	static const unsigned char query[500] = { 1, 2, 0, 0, 0, 1 };
	int from = which == SERVER    ? client
		   : which == SERVER6 ? client6
		   : which == CLIENT  ? fds[SERVER]
				      : pair_end;
	struct sockaddr_in to;
	socklen_t size = sizeof(to);
	struct pollfd waits = { .fd = fds[which], .events = POLLIN };
	char octet;

	while (syscall(SYS_recvfrom, fds[which], &octet, 1, MSG_DONTWAIT, NULL,
		       NULL) >= 0)
		;
	MUST(!getsockname(fds[CLIENT], (struct sockaddr *)&to, &size));
	for (int i = 0; i < PARTS; i++) {
		ssize_t n = draw(2) ? 60 : 500;

		MUST(syscall(SYS_sendto, from, query, n, 0,
			     which == CLIENT ? &to : NULL,
			     which == CLIENT ? size : 0) == n);
		MUST(poll(&waits, 1, -1) == 1);
	}
}

static int bound(const struct sockaddr *name, socklen_t size)
{
	int fd = socket(name->sa_family, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	MUST(fd >= 0);
	MUST(!bind(fd, name, size));
	return fd;
}

static int udp(int port)
{
	struct sockaddr_in name = { .sin_family = AF_INET,
				    .sin_port = htons(port) };

	MUST(inet_pton(AF_INET, ADDRESS, &name.sin_addr) == 1);
	return bound((struct sockaddr *)&name, sizeof(name));
}

static int udp6(int port)
{
	struct sockaddr_in6 name = { .sin6_family = AF_INET6,
				     .sin6_port = htons(port),
				     .sin6_addr = IN6ADDR_LOOPBACK_INIT };

	return bound((struct sockaddr *)&name, sizeof(name));
}

static int connected(int fd, int to)
{
	struct sockaddr_in6 name; /* or a sockaddr_in */
	socklen_t size = sizeof(name);

	MUST(!getsockname(to, (struct sockaddr *)&name, &size));
	MUST(!connect(fd, (struct sockaddr *)&name, size));
	return fd;
}

static void open_all(void)
{
	socklen_t size = sizeof(sink);
	int pair[2];

	fds[SERVER] = udp(53);
	fds[SERVER6] = udp6(53);
	fds[CLIENT] = connected(udp(5301), fds[SERVER]);
	client = connected(udp(5302), fds[SERVER]);
	client6 = connected(udp6(5303), fds[SERVER6]);
	MUST(!getsockname(udp(5300), (struct sockaddr *)&sink, &size));
	MUST(!socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair));
	fds[PAIR] = pair[0];
	pair_end = pair[1];
}

static void map(unsigned char *page, int protection)
{
	MUST(mmap(page, PAGE, protection,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		  0) != MAP_FAILED);
}

static void map_all(void)
{
	for (int i = 0; i < SETS; i++) {
		map(page_of(i, WRITABLE), PROT_READ | PROT_WRITE);
		map(page_of(i, READABLE), PROT_READ);
		map(page_of(i, BOTH), PROT_READ | PROT_WRITE);
		map(page_of(i, BOTH + 1), PROT_READ);
	}
}

int main(int argc, char **argv)
{
	int calls = argc > 2 ? atoi(argv[2]) : 1000;

	state = argc > 1 ? atoi(argv[1]) : 1;
	setvbuf(stdout, NULL, _IOFBF, 1 << 20);
	map_all();
	open_all();
	for (int i = 0; i < calls; i++) {
		int which = draw(FDS);

		for (int k = 0; k < SETS; k++) {
			memset(page_of(k, WRITABLE), 0x55, PAGE);
			memset(page_of(k, BOTH), 0x66, PAGE);
		}
		printf("%d %d: ", i, which);
		if (draw(3)) {
			ask(which);
			receive_call(fds[which]);
		} else {
			send_call(fds[which]);
		}
	}
	fflush(stdout);
	return 0;
}

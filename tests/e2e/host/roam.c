/* SPDX-License-Identifier: Apache-2.0
 *
 * roam CONNECTIONS,SEED,WAYS: a server of TCP whose connections get other numbers, and
 * other processes, wherever the seed says: also within a message, and between two
 * calls of an answer. Octets are read and written in pieces by every call that there is.
 * WAYS: letters of the ways that there are; others are none.
 */
#include <netinet/tcp.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#include "host.h"

#define MOVES 15 /* of a hundred */

static unsigned long state;
static char ways[16];

static unsigned draw(unsigned below)
{
	state = state * 6364136223846793005 + 1442695040888963407;
	return (state >> 33) % below;
}

/* Another number for the connection. */

static int by_dup(int fd)
{
	int to = dup(fd);

	MUST(to >= 0 && !close(fd));
	return to;
}

static int by_dup2(int fd)
{
	int to = dup2(fd, 40 + draw(20));

	MUST(to >= 0);
	if (to != fd)
		MUST(!close(fd));
	return to;
}

static int by_fcntl(int fd)
{
	int to = fcntl(fd, F_DUPFD, 70 + draw(20));

	MUST(to >= 0 && !close(fd));
	return to;
}

union control {
	char octets[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

static void hand_over(int socket, int fd)
{
	union control control;
	char octet = 0;
	struct iovec iov = { &octet, 1 };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	MUST(sendmsg(socket, &message, 0) == 1);
}

static int take_over(int socket)
{
	union control control;
	char octet;
	struct iovec iov = { &octet, 1 };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	int fd;

	MUST(recvmsg(socket, &message, 0) == 1);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

static int by_rights(int fd)
{
	int pair[2];

	MUST(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	hand_over(pair[0], fd);
	MUST(!close(fd));
	fd = take_over(pair[1]);
	MUST(!close(pair[0]) && !close(pair[1]));
	return fd;
}

/* Another process: this one only awaits it. */
static int by_fork(int fd)
{
	pid_t child = fork();

	MUST(child >= 0);
	if (!child)
		return fd;
	host_await(child, 0);
	_exit(0);
}

static const struct {
	char letter;
	int (*go)(int fd);
} all[] = { { 'd', by_dup },
	    { 'r', by_dup2 },
	    { 'n', by_fcntl },
	    { 's', by_rights },
	    { 'f', by_fork } };

static int move(int fd)
{
	char way = ways[draw(strlen(ways))];

	if (draw(100) >= MOVES)
		return fd;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i].letter == way)
			return all[i].go(fd);
	return fd;
}

/* Octets in and out. */

static ssize_t get(int fd, unsigned char *to, size_t size)
{
	struct iovec iov[2] = { { to, size / 2 },
				{ to + size / 2, size - size / 2 } };
	struct mmsghdr vector = { .msg_hdr = { .msg_iov = iov,
					       .msg_iovlen = 2 } };

	switch (draw(8)) {
	case 0:
		return recv(fd, to, size, 0);
	case 1:
		return readv(fd, iov, 2);
	case 2:
		return recvmsg(fd, &vector.msg_hdr, 0);
	case 3:
		return recvmmsg(fd, &vector, 1, 0, NULL) == 1 ? vector.msg_len
							      : -1;
	case 4:
		return preadv2(fd, iov, 2, -1, 0);
	case 5:
		MUST(recv(fd, to, size, MSG_PEEK) >= 0);
		return syscall(SYS_read, fd, to, size);
	case 6:
		return recvfrom(fd, to, size, MSG_WAITALL, NULL, NULL);
	default:
		return read(fd, to, size);
	}
}

static ssize_t put(int fd, unsigned char *from, size_t size)
{
	struct iovec iov[2] = { { from, size / 2 },
				{ from + size / 2, size - size / 2 } };
	struct mmsghdr vector = { .msg_hdr = { .msg_iov = iov,
					       .msg_iovlen = 2 } };
	int on = draw(2);

	switch (draw(7)) {
	case 0:
		return send(fd, from, size, MSG_MORE);
	case 1:
		return writev(fd, iov, 2);
	case 2:
		return sendmsg(fd, &vector.msg_hdr, 0);
	case 3:
		return sendmmsg(fd, &vector, 1, 0) == 1 ? vector.msg_len : -1;
	case 4:
		return pwritev2(fd, iov, 2, -1, 0);
	case 5:
		MUST(!setsockopt(fd, IPPROTO_TCP, TCP_CORK, &on, sizeof(on)));
		/* fall through */
	default:
		return write(fd, from, size);
	}
}

static int get_all(int fd, unsigned char *to, size_t size, bool *over)
{
	while (size) {
		fd = move(fd);
		size_t piece = 1 + draw(draw(3) ? 20 : 600);
		ssize_t n = get(fd, to, piece < size ? piece : size);

		MUST(n >= 0);
		*over = !n;
		if (!n)
			return fd;
		to += n;
		size -= n;
	}
	return fd;
}

static int put_all(int fd, unsigned char *from, size_t size)
{
	while (size) {
		fd = move(fd);
		size_t piece = 1 + draw(draw(3) ? 20 : 600);
		ssize_t n = put(fd, from, piece < size ? piece : size);

		MUST(n > 0);
		from += n;
		size -= n;
	}
	return fd;
}

static void serve(int fd)
{
	static unsigned char message[65537];
	int off = 0;
	bool over;

	for (;;) {
		fd = get_all(fd, message, 2, &over);
		if (over)
			break;
		size_t size = message[0] << 8 | message[1];
		fd = get_all(fd, message + 2, size, &over);
		message[4] |= 0x80;
		fd = put_all(fd, message, size + 2);
		setsockopt(fd, IPPROTO_TCP, TCP_CORK, &off, sizeof(off));
	}
	close(fd);
}

/* In a child, so that it may end in a child of that. */
static void serve_apart(int fd)
{
	pid_t child = fork();

	MUST(child >= 0);
	if (!child) {
		serve(fd);
		exit(0);
	}
	close(fd);
	host_await(child, 0);
}

int main(int argc, char **argv)
{
	int listener = host_socket(SOCK_STREAM), connections;

	MUST(argc == 2 &&
	     sscanf(argv[1], "%d,%lu,%15s", &connections, &state, ways) == 3);
	while (connections-- > 0) {
		int fd = accept(listener, NULL, NULL);

		MUST(fd >= 0);
		(strchr(ways, 'f') ? serve_apart : serve)(fd);
		state++;
	}
	return 0;
}

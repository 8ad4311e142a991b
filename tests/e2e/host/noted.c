/* SPDX-License-Identifier: Apache-2.0
 *
 * A server that notes something for what it sends, or for something else. It says of
 * each message, by the id, what is to be in the log.
 */
#include "host.h"

#include "shim/api/dnstapshim.h"

#define NOTE(fd, value) MUST(dnstapshim_note(fd, "policy/name", value) == 0)

static uint8_t response[] = { 0, 0, 0x81, 0, 0, 1, 0, 0, 0,
			      0, 0, 0,    0, 0, 2, 0, 1 };
static uint16_t id;
static int fd, other;

static void next(const char *expected)
{
	id++;
	response[0] = id >> 8;
	response[1] = id;
	printf("%u %s\n", id, expected);
}

static struct sockaddr_in client(int port)
{
	return host_address("127.0.0.1", port);
}

static ssize_t send_to(int by, int port)
{
	struct sockaddr_in to = client(port);

	return sendto(by, response, sizeof(response), 0, (void *)&to,
		      sizeof(to));
}

static void send_next(int by, const char *expected)
{
	next(expected);
	MUST(send_to(by, 9) == sizeof(response));
}

static int bound(const char *address)
{
	struct sockaddr_in name = host_address(address, 53);
	int made = socket(AF_INET, SOCK_DGRAM, 0);

	MUST(made >= 0 && !bind(made, (void *)&name, sizeof(name)));
	return made;
}

static void datagrams(void)
{
	NOTE(fd, "once");
	send_next(fd, "once -");
	send_next(fd, "- -");
	NOTE(-1, "any");
	send_next(other, "any -");
	NOTE(other, "other's");
	send_next(fd, "- -");
	send_next(other, "other's -");
	NOTE(other, "dropped");
	NOTE(fd, "instead");
	send_next(other, "- -");
	send_next(fd, "instead -");
	NOTE(fd, "first");
	NOTE(fd, "second");
	MUST(dnstapshim_note(fd, "policy/rule", "7") == 0);
	send_next(fd, "second 7");
	NOTE(fd, "none");
	MUST(dnstapshim_note(fd, NULL, NULL) == 0);
	send_next(fd, "- -");
	NOTE(fd, "");
	send_next(fd, "- -");
}

/* It was for that message, though it has not left. */
static void failed(void)
{
	NOTE(fd, "failed");
	MUST(send_to(fd, 0) < 0);
	send_next(fd, "- -");
}

/* Several messages of one call: the first. */
static void vector(void)
{
	uint8_t copy[3][sizeof(response)];
	struct sockaddr_in to = client(9);
	struct iovec iov[3];
	struct mmsghdr message[3] = { 0 };

	NOTE(fd, "vector");
	for (int i = 0; i < 3; i++) {
		next(i ? "- -" : "vector -");
		memcpy(copy[i], response, sizeof(response));
		iov[i] = (struct iovec){ copy[i], sizeof(response) };
		message[i].msg_hdr = (struct msghdr){
			.msg_name = &to,
			.msg_namelen = sizeof(to),
			.msg_iov = &iov[i],
			.msg_iovlen = 1,
		};
	}
	MUST(sendmmsg(fd, message, 3, 0) == 3);
}

static void *send_as_another(void *unused)
{
	(void)unused;
	send_next(fd, "- -");
	return NULL;
}

static void threads(void)
{
	pthread_t thread;

	NOTE(fd, "mine");
	MUST(!pthread_create(&thread, NULL, send_as_another, NULL));
	MUST(!pthread_join(thread, NULL));
	send_next(fd, "mine -");
}

/* In two pieces: with the one that makes it whole. */
static void stream(void)
{
	struct sockaddr_in name = host_address(ADDRESS, 53);
	int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	int peer = socket(AF_INET, SOCK_STREAM, 0);
	uint8_t length[] = { 0, sizeof(response) };

	MUST(!setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one,
			 sizeof(one)));
	MUST(!bind(listener, (void *)&name, sizeof(name)) &&
	     !listen(listener, 1));
	MUST(!connect(peer, (void *)&name, sizeof(name)));
	int connection = accept(listener, NULL, NULL);
	NOTE(connection, "stream");
	next("stream -");
	MUST(write(connection, length, 2) == 2);
	MUST(write(connection, response, sizeof(response)) == sizeof(response));
	next("- -");
	MUST(write(connection, length, 2) == 2);
	MUST(write(connection, response, sizeof(response)) == sizeof(response));
}

static void refused(void)
{
	char value[DNSTAPSHIM_NOTES_MAX] = "";
	static const char *const keys[] = { "",     "policy", "/policy",
					    "a/",   "{a}/b",  "shim/pid",
					    "a/b}", "/" };

	memset(value, 'x', sizeof(value) - sizeof("a/b") - 1);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		MUST(dnstapshim_note(fd, keys[i], "x") == -EINVAL);
	MUST(dnstapshim_note(fd, "a/b", NULL) == -EINVAL);
	MUST(dnstapshim_note(fd, "a/b", value) == 0);
	MUST(dnstapshim_note(fd, "c/d", "") == -ENOSPC);
	MUST(dnstapshim_note(fd, NULL, NULL) == 0);
	NOTE(fd, "kept");
	strcat(value, "x");
	MUST(dnstapshim_note(fd, "a/b", value) == -ENOSPC);
	send_next(fd, "kept -");
}

int main(void)
{
	fd = bound(ADDRESS);
	other = bound("127.0.0.1");
	datagrams();
	failed();
	vector();
	threads();
	stream();
	refused();
	return 0;
}

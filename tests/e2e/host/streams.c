/* SPDX-License-Identifier: Apache-2.0
 *
 * Servers of TCP connections, to which things happen in the midst of messages.
 */
#include <poll.h>
#include <setjmp.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>

#include "host.h"

#define CONNECTIONS 4
#define PIECE       20 /* octets that are read at once */

extern pid_t __vfork(void);
extern typeof(clone) __clone;

static int listener;

static int next(void)
{
	int fd = accept(listener, NULL, NULL);

	MUST(fd >= 0);
	return fd;
}

static void serve(int connections, void (*between)(int))
{
	while (connections-- > 0) {
		int fd = next();

		host_serve_tcp(fd, PIECE, between);
		close(fd);
	}
}

/* A child in the parent's memory, whose fds are its own. */
static int lend(void *connection)
{
	close(*(int *)connection);
	_exit(7);
}

static void by_vfork(int fd)
{
	pid_t child = __vfork();

	if (!child)
		lend(&fd);
	host_await(child, 7);
}

static void by_clone(int fd)
{
	static char stack[1 << 16] __attribute__((aligned(16)));

	host_await(__clone(lend, stack + sizeof(stack),
			   CLONE_VM | CLONE_VFORK | SIGCHLD, &fd),
		   7);
}

static void play_vfork(void)
{
	serve(CONNECTIONS, by_vfork);
}

static void play_clone(void)
{
	serve(CONNECTIONS, by_clone);
}

#define FAILS(call, error) MUST((call) < 0 && errno == (error))

static void fail(int fd)
{
	struct sockaddr_in name = { .sin_family = AF_INET,
				    .sin_port = htons(4242) };

	inet_pton(AF_INET, ADDRESS, &name.sin_addr);
	FAILS(dup2(-1, fd), EBADF);
	FAILS(dup3(-1, fd, 0), EBADF);
	FAILS(dup3(fd, fd, 0), EINVAL);
	FAILS(dup3(listener, fd, 1), EINVAL);
	FAILS(close_range(fd, fd, 1 << 30), EINVAL);
	FAILS(close_range(fd, fd - 1, 0), EINVAL);
	FAILS(bind(fd, (struct sockaddr *)&name, sizeof(name)), EINVAL);
	FAILS(connect(fd, (struct sockaddr *)&name, sizeof(name)), EISCONN);
	FAILS(syscall(SYS_dup3, -1, fd, 0), EBADF);
	FAILS(syscall(SYS_close_range, fd, fd, 1 << 30), EINVAL);
	FAILS(syscall(SYS_bind, fd, &name, sizeof(name)), EINVAL);
	MUST(dup2(fd, fd) == fd);
}

static void play_fail(void)
{
	serve(CONNECTIONS, fail);
}

/* What has come before the client's reset is read after it. */
static void play_reset(void)
{
	for (int i = 0; i < CONNECTIONS; i++) {
		unsigned char message[512];
		struct pollfd reset = { .fd = next() };

		MUST(poll(&reset, 1, -1) == 1);
		MUST(reset.revents & (POLLHUP | POLLERR));
		MUST(read(reset.fd, message, sizeof(message)) > 12);
		close(reset.fd);
	}
}

#define SENDERS 9000 /* more than there are blocks for copies */
#define WRITERS 4
#define EACH    200

static int shared;
static unsigned char answer[2][300] = { { 282 >> 8, 282 & 0xff }, { 0, 12 } };

/* Whole messages, some of which lie in two pieces and some by twos. */
static void *write_messages(void *unused)
{
	struct iovec iov[] = { { answer[0], 2 },
			       { answer[0] + 2, 282 },
			       { answer[1], 14 } };

	for (int i = 0; i < EACH; i++)
		MUST(writev(shared, iov, 3) == 2 + 282 + 14);
	return unused;
}

/* Several threads answer on one connection, with nothing between them. */
static void play_writers(void)
{
	pthread_t thread[WRITERS];
	unsigned char query[512];

	shared = next();
	MUST(read(shared, query, sizeof(query)) > 12);
	for (int i = 0; i < 2; i++) {
		memcpy(answer[i] + 2, query + 2, 12);
		answer[i][4] |= 0x80;
		memset(answer[i] + 6, 0, 8);
	}
	for (int i = 0; i < WRITERS; i++)
		pthread_create(&thread[i], NULL, write_messages, NULL);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(thread[i], NULL);
	shutdown(shared, SHUT_WR);
	while (read(shared, query, sizeof(query)) > 0)
		;
}

static sigjmp_buf back;

static void jump(int number)
{
	(void)number;
	siglongjmp(back, 1);
}

#define JUMPS 60

/* Out of reading, wherever it is, again and again; then other clients come. */
static void play_jumps(void)
{
	struct sigaction action = { .sa_handler = jump };
	struct itimerval timer = { { 0, 500 }, { 0, 500 } }, none = { 0 };
	static volatile int jumps, fd;
	static char octets[100];

	fd = next();
	MUST(!sigaction(SIGPROF, &action, NULL));
	MUST(!setitimer(ITIMER_PROF, &timer, NULL));
	if (sigsetjmp(back, 1))
		jumps++;
	while (jumps < JUMPS)
		MUST(read(fd, octets, 100) > 0);
	MUST(!setitimer(ITIMER_PROF, &none, NULL));
	close(fd);
	serve(CONNECTIONS, NULL);
}

/* None of these waits for anything, so none ends a thread that is cancelled. */
static void *be_no_cancellation_point(void *done)
{
	struct sockaddr_in name = { .sin_family = AF_INET,
				    .sin_port = htons(53) };
	int pair[2];

	pthread_cancel(pthread_self());
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	inet_pton(AF_INET, "127.0.0.9", &name.sin_addr);
	MUST(!bind(fd, (struct sockaddr *)&name, sizeof(name)));
	MUST(!listen(fd, 1));
	MUST(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	MUST(dup2(pair[0], pair[1]) == pair[1]);
	MUST(dup3(fd, pair[1], O_CLOEXEC) == pair[1]);
	MUST(dup(fd) > fd);
	MUST(fcntl(fd, F_DUPFD, 0) > fd);
	MUST(!close_range(fd, ~0U, 0));
	*(bool *)done = true;
	pthread_testcancel();
	return NULL;
}

static void play_cancel(void)
{
	pthread_t thread;
	void *result;
	bool done = false;

	MUST(!pthread_create(&thread, NULL, be_no_cancellation_point, &done));
	MUST(!pthread_join(thread, &result));
	MUST(result == PTHREAD_CANCELED && done);
	listener = host_socket(SOCK_STREAM);
	serve(CONNECTIONS, NULL);
}

static void *send_and_end(void *connection)
{
	static char message[100];

	pthread_cancel(pthread_self());
	MUST(write(*(int *)connection, message, sizeof(message)) < 0);
	return NULL;
}

/* Threads that are cancelled where they send. */
static void play_senders(void)
{
	int fd = next();

	for (int i = 0; i < SENDERS; i++) {
		pthread_t thread;
		void *result;

		MUST(!pthread_create(&thread, NULL, send_and_end, &fd));
		MUST(!pthread_join(thread, &result));
		MUST(result == PTHREAD_CANCELED);
	}
	close(fd);
	serve(CONNECTIONS, NULL);
}

/* Reads a client's octets, as many as come at a time, and says how much of the
 * processor's time that took. */
static void play_reads(void)
{
	static char octets[1 << 16];
	struct timespec used;
	int fd = next();

	while (recv(fd, octets, sizeof(octets), MSG_WAITALL) > 0)
		;
	MUST(!clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used));
	dprintf(STDOUT_FILENO, "%lld us\n",
		used.tv_sec * 1000000LL + used.tv_nsec / 1000);
}

static const struct scene scenes[] = {
	{ "vfork", play_vfork },     { "clone", play_clone },
	{ "fail", play_fail },       { "reset", play_reset },
	{ "writers", play_writers }, { "jumps", play_jumps },
	{ "cancel", play_cancel },   { "reads", play_reads },
	{ "senders", play_senders },
};

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	/* The first DNS socket of all is that scene's own. */
	if (strcmp(name, "cancel"))
		listener = host_socket(SOCK_STREAM);
	host_play(scenes, ARRAY_SIZE(scenes), name);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * A DNS server that leaves signals to their default actions and is ended by them,
 * wherever it is at the time: each time in a child, and how that has ended is
 * printed.
 */
#include <poll.h>
#include <setjmp.h>
#include <sys/ptrace.h>
#include <time.h>

#include "signals.h"

/* Ends by another process's signal, wherever a call is */

static int told[2]; /* a child tells that it is about to wait */

static void ready(void)
{
	MUST(write(told[1], "", 1) == 1);
}

static void wait_in_recv(void)
{
	unsigned char octets[100];

	ready();
	recv(server, octets, sizeof(octets), 0);
	LIVES;
}

static void wait_in_read(void)
{
	int idle[2];
	char octet;

	MUST(!pipe(idle));
	ready();
	MUST(read(idle[0], &octet, 1) == 1);
	LIVES;
}

static void wait_in_pause(void)
{
	ready();
	pause();
	LIVES;
}

static void wait_in_poll(void)
{
	struct pollfd fd = { server, POLLIN, 0 };

	ready();
	poll(&fd, 1, -1);
	LIVES;
}

static void wait_in_vector(void)
{
	char octets[100];
	struct iovec iov = { octets, sizeof(octets) };
	struct mmsghdr vector[3] = { 0 };

	for (int i = 0; i < 3; i++)
		vector[i].msg_hdr =
			(struct msghdr){ .msg_iov = &iov, .msg_iovlen = 1 };
	ready();
	recvmmsg(server, vector, 3, 0, NULL);
	LIVES;
}

/* The call would go on behind a handler. */
static void wait_restarting(void)
{
	struct sigaction action = { .sa_handler = SIG_DFL,
				    .sa_flags = SA_RESTART };

	sigaction(SIGTERM, &action, NULL);
	wait_in_recv();
}

static sigjmp_buf back;

static void jump(int number)
{
	(void)number;
	siglongjmp(back, 1);
}

/* Deeper than the call that it has jumped out of. */
static void wait_behind_jump(void)
{
	unsigned char octets[100];

	if (!sigsetjmp(back, 1)) {
		host_interrupt(jump, 0); /* whatever is slow, not before */
		recv(server, octets, sizeof(octets), 0);
	}
	host_wait_deep(ready);
}

static void *allocate(void *unused)
{
	for (int i = 0;; i++) {
		char *octets = malloc(10 + i % 5000 * 97);

		octets[0] = 1;
		free(octets);
	}
	return unused;
}

static void busy_in_malloc(void)
{
	pthread_t thread;

	MUST(!pthread_create(&thread, NULL, allocate, NULL));
	ready();
	allocate(NULL);
}

static void busy_with_messages(void)
{
	ready();
	for (;;)
		begin();
}

static void busy_with_threads(void)
{
	with_threads(2);
	ready();
	for (;;)
		ask();
}

/* The kernel does not apply the action, nor does a call return for it. */
static void wait_as_init(void)
{
	MUST(!unshare(CLONE_NEWPID));
	pid_t child = fork();
	if (!child) {
		unsigned char octets[100];

		MUST(getpid() == 1);
		raise(SIGHUP);
		ready();
		MUST(recv(server, octets, sizeof(octets), 0) == 40);
		begin();
		raise(SIGINT);
		MUST(signal(SIGTERM, SIG_DFL) == SIG_DFL);
		ready();
		MUST(recv(server, octets, sizeof(octets), 0) == 40);
		_exit(30);
	}
	char octet;
	for (int turn = 0; turn < 2; turn++) {
		MUST(read(told[0], &octet, 1) == 1);
		for (int i = 0; i < 100; i++) {
			kill(child, SIGTERM);
			sched_yield();
		}
		ask();
	}
	_exit(WEXITSTATUS(status_of(child)));
}

struct wait {
	const char *name;
	void (*play)(void);
	int number, times;
};

#define WAIT(name, number, times)          \
	{                                  \
#name, name, number, times \
	}
static const struct wait waits[] = {
	WAIT(wait_in_recv, SIGTERM, 10),
	WAIT(wait_in_recv, SIGHUP, 1),
	WAIT(wait_in_read, SIGTERM, 10),
	WAIT(wait_in_pause, SIGINT, 10),
	WAIT(wait_in_poll, SIGTERM, 10),
	WAIT(wait_in_vector, SIGTERM, 10),
	WAIT(wait_restarting, SIGTERM, 5),
	WAIT(wait_behind_jump, SIGTERM, 1),
	WAIT(busy_in_malloc, SIGTERM, 10),
	WAIT(busy_with_messages, SIGTERM, 30),
	WAIT(busy_with_threads, SIGINT, 20),
};

static void all_waits(void)
{
	char octet;

	MUST(!pipe(told));
	for (size_t i = 0; i < sizeof(waits) / sizeof(*waits); i++)
		for (int k = 0; k < waits[i].times; k++) {
			pid_t child = start(waits[i].play);

			MUST(read(told[0], &octet, 1) == 1);
			kill(child, waits[i].number);
			print_status(waits[i].name, status_of(child));
		}
	print_status("wait_as_init", status_of(start(wait_as_init)));
}

/* A debugger passes on whatever comes. */
static void debugged(void)
{
	pid_t child = start(wait_in_pause);
	char octet;
	int status;

	MUST(read(told[0], &octet, 1) == 1);
	MUST(!ptrace(PTRACE_SEIZE, child, 0, 0));
	kill(child, SIGTERM);
	while (waitpid(child, &status, 0) == child && WIFSTOPPED(status))
		ptrace(PTRACE_CONT, child, 0, WSTOPSIG(status));
	print_status("debugged", status);
}

int main(void)
{
	open_sockets();
	begin();
	all_waits();
	if (!lacks("debugged"))
		debugged();
	fflush(stdout);
	return 0;
}

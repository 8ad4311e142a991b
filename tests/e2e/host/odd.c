/* SPDX-License-Identifier: Apache-2.0
 *
 * Servers whose threads are interrupted, cancelled and jumped out of wherever
 * they are.
 */
#include <setjmp.h>
#include <sys/time.h>

#include "host.h"

#define EACH   40
#define HOSTS  2000
#define JUMPS  200
#define FIRSTS 200
#define FORKS  60
#define MILLIS 1000 /* microseconds */

static int fd;

static void every(int kind, int microseconds)
{
	struct itimerval timer = { { 0, microseconds }, { 0, microseconds } };

	MUST(!setitimer(kind, &timer, NULL));
}

static void on(int number, void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler };

	MUST(!sigaction(number, &action, NULL));
}

static int silent; /* a server's socket that nobody asks */

/* Threads that are cancelled where they wait for a message. */
static void *answer_and_wait(void *waits)
{
	struct mmsghdr list = { 0 };
	char octet;

	host_serve(fd, EACH);
	atomic_store((_Atomic int *)waits, 1);
	for (;;)
		if (recvfrom(silent, &octet, 1, 0, NULL, NULL) >= 0 ||
		    recvmmsg(silent, &list, 1, 0, NULL) >= 0)
			MUST(!"a message");
	return NULL;
}

static const char other[] = "127.0.0.9";

static int bound_to(const char *address, unsigned short port)
{
	struct sockaddr_in name = host_address(address, port);
	int made = socket(AF_INET, SOCK_DGRAM, 0);

	MUST(!bind(made, (struct sockaddr *)&name, sizeof(name)));
	return made;
}

static void play_cancel(void)
{
	pthread_t thread;
	void *result;

	silent = bound_to(other, 53);
	for (int i = 0; i < 4; i++) {
		_Atomic int waits = 0;

		MUST(!pthread_create(&thread, NULL, answer_and_wait, &waits));
		while (!atomic_load(&waits))
			usleep(MILLIS);
		usleep(5 * MILLIS);
		MUST(!pthread_cancel(thread));
		MUST(!pthread_join(thread, &result));
		MUST(result == PTHREAD_CANCELED);
	}
}

/* Cancelled wherever they are: they send by each kind of call, and receive. */
static void *be_cancelled(void *asking)
{
	struct sockaddr_in to = host_address(other, 53),
			   nobody = host_address(ADDRESS, 5300);
	char octets[100] = { 0, 0, (char)0x80 }, room[100];
	struct iovec iov = { octets, sizeof(octets) };
	struct mmsghdr list[3];

	for (size_t i = 0; i < 3; i++)
		list[i] = (struct mmsghdr){
			.msg_hdr = { .msg_name = &nobody,
				     .msg_namelen = sizeof(nobody),
				     .msg_iov = &iov,
				     .msg_iovlen = 1 },
		};
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	for (;;) {
		sendto(fd, octets, sizeof(octets), 0,
		       (struct sockaddr *)&nobody, sizeof(nobody));
		sendmmsg(fd, list, 3, 0);
		sendto(*(int *)asking, octets, sizeof(octets), 0,
		       (struct sockaddr *)&to, sizeof(to));
		recv(silent, room, sizeof(room), MSG_DONTWAIT);
	}
	return NULL;
}

static void play_cancel_async(void)
{
	pthread_t thread;
	int asking = bound_to(ADDRESS, 5300);

	silent = bound_to(other, 53);
	host_serve(fd, EACH);
	for (int i = 0; i < HOSTS; i++) {
		MUST(!pthread_create(&thread, NULL, be_cancelled, &asking));
		usleep(i % 200);
		MUST(!pthread_cancel(thread));
		MUST(!pthread_join(thread, NULL));
	}
	host_serve(fd, EACH);
}

static void ask(unsigned short id)
{
	struct sockaddr_in to = host_address(other, 53);
	unsigned char query[] = { id >> 8, id, 0, 0, 0, 1, 0, 0, 0,
				  0,       0,  0, 0, 0, 1, 0, 1 };

	sendto(silent, query, sizeof(query), 0, (struct sockaddr *)&to,
	       sizeof(to));
}

static void *ask_first(void *asks)
{
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	atomic_store((_Atomic int *)asks, 1);
	ask(FIRSTS);
	for (;;)
		pause();
	return NULL;
}

/* Cancelled in the midst of a process's first message. */
static void play_first(void)
{
	int number = atoi(getenv("NUMBER"));
	_Atomic int asks = 0;
	pthread_t thread;

	silent = bound_to(ADDRESS, 5300);
	MUST(!pthread_create(&thread, NULL, ask_first, &asks));
	while (!atomic_load(&asks))
		;
	for (volatile int i = 0; i < number * 200; i++)
		;
	MUST(!pthread_cancel(thread));
	MUST(!pthread_join(thread, NULL));
	ask(number);
}

static void play_cancel_first(void)
{
	char number[10];

	for (int i = 0; i < FIRSTS; i++) {
		pid_t child = fork();

		sprintf(number, "%d", i);
		setenv("NUMBER", number, 1);
		if (!child)
			execl("/proc/self/exe", "odd", "first", NULL);
		host_await(child, 0);
	}
}

static sigjmp_buf back;
static volatile sig_atomic_t jumps;

static void jump(int number)
{
	(void)number;
	jumps++;
	siglongjmp(back, 1);
}

/* Out of a call that waits. */
static void play_jump(void)
{
	static volatile int left;

	left = EACH;
	on(SIGALRM, jump);
	every(ITIMER_REAL, 2 * MILLIS);
	sigsetjmp(back, 1);
	while (left > 0 || jumps < 20) {
		unsigned char octet[12];

		recv(fd, octet, sizeof(octet), MSG_PEEK);
		/* What was begun is done. */
		sigset_t all;
		sigfillset(&all);
		sigprocmask(SIG_BLOCK, &all, NULL);
		host_answer(fd);
		left--;
		sigemptyset(&all);
		sigprocmask(SIG_SETMASK, &all, NULL);
	}
	every(ITIMER_REAL, 0);
}

/* Out of the library, in the midst of a message. */
static void play_jump_anywhere(void)
{
	static struct sockaddr_in nobody = { .sin_family = AF_INET };
	static char octets[1200] = { 0, 0, (char)0x80 };

	host_serve(fd, EACH);
	nobody.sin_port = htons(5300);
	inet_pton(AF_INET, ADDRESS, &nobody.sin_addr);
	on(SIGPROF, jump);
	every(ITIMER_PROF, 1 * MILLIS);
	sigsetjmp(back, 1);
	while (jumps < JUMPS)
		sendto(fd, octets, sizeof(octets), 0,
		       (struct sockaddr *)&nobody, sizeof(nobody));
	every(ITIMER_PROF, 0);
	host_serve(fd, EACH);
}

static volatile sig_atomic_t forked;
static volatile bool is_child;

static void divide(int number)
{
	int saved = errno;

	(void)number;
	if (is_child || forked == FORKS)
		return;
	is_child = !_Fork();
	forked += !is_child;
	errno = saved;
}

/* In the midst of a message, which the child goes on with. */
static void play_fork_anywhere(void)
{
	static struct sockaddr_in nobody = { .sin_family = AF_INET };
	static char octets[1200] = { 0, 0, (char)0x80 };

	host_serve(fd, EACH);
	nobody.sin_port = htons(5300);
	inet_pton(AF_INET, ADDRESS, &nobody.sin_addr);
	on(SIGPROF, divide);
	every(ITIMER_PROF, 1 * MILLIS);
	while (forked < FORKS && !is_child)
		sendto(fd, octets, sizeof(octets), 0,
		       (struct sockaddr *)&nobody, sizeof(nobody));
	if (is_child)
		kill(getpid(), SIGKILL); /* it has nothing to send */
	every(ITIMER_PROF, 0);
	for (int i = 0, status; i < FORKS; i++) {
		MUST(waitpid(-1, &status, 0) > 0);
		MUST(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
	host_serve(fd, EACH);
}

static volatile int in_handler;

static void answer_here(int number)
{
	int saved = errno;
	char octet;

	(void)number;
	while (in_handler &&
	       recv(fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT) == 1) {
		host_answer(fd);
		in_handler--;
	}
	errno = saved;
}

/* Every message passes in a handler, the first one too, whatever it interrupts:
 * here, the allocator. */
static void play_handler(void)
{
	in_handler = 2 * EACH;
	on(SIGALRM, answer_here);
	every(ITIMER_REAL, 1 * MILLIS);
	while (in_handler) {
		void *some[50];

		for (size_t i = 0; i < 50; i++)
			some[i] = malloc(100 + i * 40);
		for (size_t i = 0; i < 50; i++)
			free(some[i]);
	}
	every(ITIMER_REAL, 0);
}

/* Handlers and the code that they interrupt answer alike. */
static void play_both(void)
{
	int left = 5 * EACH;

	on(SIGALRM, answer_here);
	in_handler = 1 << 30;
	every(ITIMER_REAL, 1 * MILLIS);
	while (left - ((1 << 30) - in_handler) > 0) {
		sigset_t all, before;
		char octet;

		/* Only looking and answering go together. */
		sigfillset(&all);
		sigprocmask(SIG_BLOCK, &all, &before);
		if (recv(fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT) == 1) {
			host_answer(fd);
			left--;
		}
		sigprocmask(SIG_SETMASK, &before, NULL);
	}
	every(ITIMER_REAL, 0);
}

static void ignore(int number)
{
	(void)number;
}

/* The signal that wakes the library's thread is the host's as well. */
static void play_sigurg(void)
{
	sigset_t urgent;

	host_serve(fd, EACH);
	on(SIGURG, SIG_IGN);
	host_serve(fd, EACH);
	on(SIGURG, ignore);
	MUST(!raise(SIGURG));
	host_serve(fd, EACH);
	sigemptyset(&urgent);
	sigaddset(&urgent, SIGURG);
	MUST(!sigprocmask(SIG_BLOCK, &urgent, NULL));
	host_serve(fd, EACH);
	struct timespec none = { 0, 0 };
	MUST(sigtimedwait(&urgent, NULL, &none) < 0 && errno == EAGAIN);
	MUST(!kill(getpid(), SIGURG));
	usleep(20 * MILLIS); /* so that whoever is to take it takes it */
	MUST(sigwaitinfo(&urgent, NULL) == SIGURG);
}

static const struct scene scenes[] = {
	{ "cancel", play_cancel },
	{ "cancel_async", play_cancel_async },
	{ "cancel_first", play_cancel_first },
	{ "first", play_first },
	{ "jump", play_jump },
	{ "jump_anywhere", play_jump_anywhere },
	{ "fork_anywhere", play_fork_anywhere },
	{ "handler", play_handler },
	{ "both", play_both },
	{ "sigurg", play_sigurg },
};

int main(int argc, char **argv)
{
	fd = host_udp();
	host_play(scenes, ARRAY_SIZE(scenes), argc > 1 ? argv[1] : NULL);
	return 0;
}

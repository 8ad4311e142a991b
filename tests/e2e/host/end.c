/* SPDX-License-Identifier: Apache-2.0
 *
 * Servers that end in every way there is, right behind an answer.
 */
#include <dlfcn.h>
#include <setjmp.h>

#include "host.h"

#define COUNT 40

static int fd;

static void play_return(void)
{
	host_serve(fd, COUNT);
}

static void play_exit(void)
{
	host_serve(fd, COUNT);
	exit(3);
}

static void play_bare_exit(void)
{
	host_serve(fd, COUNT);
	_exit(4);
}

static void play_capital_exit(void)
{
	host_serve(fd, COUNT);
	_Exit(5);
}

static void play_quick_exit(void)
{
	host_serve(fd, COUNT);
	quick_exit(6);
}

static void play_syscall(void)
{
	host_serve(fd, COUNT);
	syscall(SYS_exit_group, 7);
}

static void play_abort(void)
{
	host_serve(fd, COUNT);
	abort();
}

/* Its last message is one that a handler of exit() answers. */
static void answer_last(void)
{
	host_answer(fd);
}

static void play_atexit(void)
{
	atexit(answer_last);
	host_serve(fd, COUNT);
	exit(8);
}

static void leave(int number)
{
	(void)number;
	exit(9);
}

static void play_handler(void)
{
	signal(SIGUSR1, leave);
	host_serve(fd, COUNT);
	raise(SIGUSR1);
}

static void bare_leave(int number)
{
	(void)number;
	_exit(10);
}

/* The signal of a timer, wherever the server is. */
static void play_anywhere(void)
{
	_Atomic int *left = host_shared(COUNT);

	signal(SIGUSR1, bare_leave);
	pid_t parent = getpid(), child = fork();
	if (!child) {
		while (atomic_load(left) > 0)
			sched_yield();
		kill(parent, SIGUSR1);
		_exit(0);
	}
	for (;;) {
		host_answer(fd);
		atomic_fetch_sub(left, 1);
	}
}

static void *serve_on(void *left)
{
	for (;;) {
		host_answer(fd);
		atomic_fetch_sub((_Atomic int *)left, 1);
	}
	return NULL;
}

/* While other threads wait for messages. */
static void play_threads(void)
{
	_Atomic int *left = host_shared(COUNT);
	pthread_t thread;

	for (int i = 0; i < 3; i++)
		MUST(!pthread_create(&thread, NULL, serve_on, left));
	while (atomic_load(left) > 0)
		sched_yield();
	exit(11);
}

static void *serve_and_return(void *unused)
{
	host_serve(fd, COUNT);
	return unused;
}

/* The main thread leaves; the process ends with the last of the others, which
 * runs what atexit(3) was told. */
static void play_last_thread(void)
{
	pthread_t thread;

	atexit(answer_last);
	MUST(!pthread_create(&thread, NULL, serve_and_return, NULL));
	pthread_exit(NULL);
}

static void *exit_too(void *unused)
{
	_exit(13);
	return unused;
}

static void play_twice(void)
{
	pthread_t thread;

	host_serve(fd, COUNT);
	MUST(!pthread_create(&thread, NULL, exit_too, NULL));
	_exit(13);
}

static void again(int number)
{
	raise(number);
}

/* By itself: the default action. */
static void play_raise(void)
{
	host_serve(fd, COUNT);
	raise(SIGHUP);
}

/* A default action that the host has brought back. */
static void play_restored(void)
{
	host_serve(fd, COUNT / 2);
	MUST(signal(SIGTERM, SIG_IGN) == SIG_DFL);
	MUST(signal(SIGTERM, SIG_DFL) == SIG_IGN);
	host_serve(fd, COUNT / 2);
	raise(SIGTERM);
}

static void play_restored_by_number(void)
{
	unsigned long ignored[4] = { (unsigned long)SIG_IGN }, before[4];

	host_serve(fd, COUNT / 2);
	MUST(!syscall(SYS_rt_sigaction, SIGINT, ignored, before, 8));
	MUST(!syscall(SYS_rt_sigaction, SIGINT, before, NULL, 8));
	host_serve(fd, COUNT / 2);
	raise(SIGINT);
}

/* As what is told once, and has its way then. */
static void play_once(void)
{
	struct sigaction once = { .sa_handler = again,
				  .sa_flags = SA_RESETHAND };

	sigaction(SIGTERM, &once, NULL);
	host_serve(fd, COUNT);
	raise(SIGTERM);
}

/* By another process, which knows that the last answer has come. */
static void play_terminate(void)
{
	host_serve(fd, COUNT);
	pause();
}

/* Likewise, while others are at it. */
static void play_served(void)
{
	_Atomic int *left = host_shared(COUNT);
	pthread_t thread;

	for (int i = 0; i < 3; i++)
		MUST(!pthread_create(&thread, NULL, serve_on, left));
	for (;;)
		pause();
}

static void *compute(void *unused)
{
	for (;;)
		*(volatile char *)unused ^= 1;
	return unused;
}

static void play_computing(void)
{
	static char octet;
	pthread_t thread;

	MUST(!pthread_create(&thread, NULL, compute, &octet));
	play_served();
}

static void leave_at_once(int number)
{
	(void)number;
	_exit(9);
}

/* Of the other signals one is handled. */
static void play_handled(void)
{
	signal(SIGINT, leave_at_once);
	play_terminate();
}

static sigjmp_buf back;

static void jump(int number)
{
	(void)number;
	siglongjmp(back, 1);
}

static void say_waiting(void)
{
	dprintf(STDOUT_FILENO, "waiting\n");
}

/* It waits deeper in the stack than the call that it has jumped out of. */
static void play_jumped(void)
{
	char octets[100];

	host_serve(fd, COUNT);
	host_interrupt(jump, 0);
	if (!sigsetjmp(back, 1))
		recv(fd, octets, sizeof(octets), 0);
	host_wait_deep(say_waiting);
}

/* The end of a child that runs in this memory is no end of ours. */
static void play_vfork(void)
{
	int status;

	host_serve(fd, COUNT / 2);
	pid_t child = vfork();
	if (!child) {
		kill(getpid(), SIGTERM);
		_exit(1);
	}
	MUST(waitpid(child, &status, 0) == child);
	MUST(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	host_serve(fd, COUNT / 2);
	exit(17);
}

/* Process 1 of a namespace, to which that does nothing. */
static void play_init(void)
{
	host_serve(fd, COUNT / 2);
	raise(SIGTERM);
	host_serve(fd, COUNT / 2);
	exit(16);
}

/* Loaded and unloaded once more, as a plugin would be. */
static void play_unload(void)
{
	void *library = dlopen(getenv("LD_PRELOAD"), RTLD_NOW);

	MUST(library);
	host_serve(fd, COUNT / 2);
	MUST(!dlclose(library));
	host_serve(fd, COUNT / 2);
	exit(14);
}

/* While the tap has written what it writes at its beginning. */
static void play_flush(void)
{
	host_serve(fd, COUNT);
	for (int i = 0; i < COUNT; i++) {
		host_answer(fd);
		fflush(NULL);
	}
	exit(15);
}

static const struct scene scenes[] = {
	{ "return", play_return },
	{ "exit", play_exit },
	{ "_exit", play_bare_exit },
	{ "_Exit", play_capital_exit },
	{ "quick_exit", play_quick_exit },
	{ "syscall", play_syscall },
	{ "abort", play_abort },
	{ "atexit", play_atexit },
	{ "handler", play_handler },
	{ "anywhere", play_anywhere },
	{ "threads", play_threads },
	{ "last_thread", play_last_thread },
	{ "twice", play_twice },
	{ "terminate", play_terminate },
	{ "served", play_served },
	{ "computing", play_computing },
	{ "handled", play_handled },
	{ "unload", play_unload },
	{ "flush", play_flush },
	{ "raise", play_raise },
	{ "once", play_once },
	{ "jumped", play_jumped },
	{ "init", play_init },
	{ "vfork", play_vfork },
	{ "restored", play_restored },
	{ "restored_by_number", play_restored_by_number },
};

int main(int argc, char **argv)
{
	fd = host_udp();
	host_play(scenes, ARRAY_SIZE(scenes), argc > 1 ? argv[1] : NULL);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * A server whose first message comes in a signal handler, which might have
 * interrupted malloc(3), and for which libc has prepared no thread: where the
 * socket was bound no hook saw it as a server's.
 */
#include "host.h"

#define EACH 40

extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_malloc(size_t size);

static int fd;
static _Thread_local volatile bool handling;
static volatile sig_atomic_t allocated;

void *malloc(size_t size)
{
	allocated += handling;
	return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	allocated += handling;
	return __libc_calloc(count, size);
}

static void answer_here(int number)
{
	(void)number;
	handling = true;
	host_answer(fd);
	handling = false;
}

static void handle(int flags)
{
	struct sigaction action = { .sa_handler = answer_here,
				    .sa_flags = flags };

	MUST(!sigaction(SIGUSR1, &action, NULL));
	raise(SIGUSR1);
	host_serve(fd, EACH - 2);
	raise(SIGUSR1);
	MUST(!allocated);
}

static void play_blocked(void)
{
	handle(0);
}

static void play_nodefer(void)
{
	handle(SA_NODEFER);
}

static void *run(void *unused)
{
	handle(0);
	return unused;
}

static void play_thread(void)
{
	pthread_t thread;

	MUST(!pthread_create(&thread, NULL, run, NULL));
	MUST(!pthread_join(thread, NULL));
}

static const struct scene scenes[] = {
	{ "blocked", play_blocked },
	{ "nodefer", play_nodefer },
	{ "thread", play_thread },
};

int main(int argc, char **argv)
{
	struct sockaddr_in name = host_address(ADDRESS, 53);

	fd = socket(AF_INET, SOCK_DGRAM, 0);
	MUST(!syscall(SYS_bind, fd, &name, sizeof(name)));
	host_play(scenes, ARRAY_SIZE(scenes), argc > 1 ? argv[1] : NULL);
	return 0;
}

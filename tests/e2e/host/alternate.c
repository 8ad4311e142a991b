/* SPDX-License-Identifier: Apache-2.0
 *
 * Servers that answer in a handler with a small stack of its own: each message, the
 * first, all but the first and the last, or the last one, and then exit there; or no
 * other.
 */
#include "host.h"

#define EACH 40

static int fd;
static unsigned char *stack;
static size_t size; /* as SIGSTKSZ has long been */
static volatile sig_atomic_t leaves;

/* With little on the stack. */
static void answer_here(int number)
{
	static unsigned char message[512];
	struct sockaddr_in from;
	socklen_t room = sizeof(from);
	ssize_t n = recvfrom(fd, message, sizeof(message), 0,
			     (struct sockaddr *)&from, &room);

	(void)number;
	MUST(n >= 12);
	message[2] |= 0x80;
	MUST(sendto(fd, message, n, 0, (struct sockaddr *)&from, room) == n);
	if (leaves)
		_exit(7);
}

/* Below it lies a page that nobody may touch. */
static void take_stack(void)
{
	struct sigaction action = { .sa_handler = answer_here,
				    .sa_flags = SA_ONSTACK };
	size = 8192;
	stack = mmap(NULL, size + 4096, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(stack != MAP_FAILED);
	stack_t it = { .ss_sp = stack + 4096, .ss_size = size };
	memset(stack, 0xa5, size + 4096);
	MUST(!mprotect(stack, 4096, PROT_NONE));
	MUST(!sigaltstack(&it, NULL) && !sigaction(SIGUSR1, &action, NULL));
}

static void tell_use(void)
{
	size_t untouched = 0;

	while (untouched < size && stack[4096 + untouched] == 0xa5)
		untouched++;
	dprintf(STDOUT_FILENO, "stack used: %zu of %zu\n", size - untouched,
		size);
}

static void play_all(void)
{
	for (int i = 0; i < EACH; i++)
		raise(SIGUSR1);
}

static void play_first(void)
{
	raise(SIGUSR1);
	host_serve(fd, EACH - 1);
}

static void play_between(void)
{
	host_serve(fd, 1);
	for (int i = 0; i < EACH - 2; i++)
		raise(SIGUSR1);
	host_serve(fd, 1);
}

static void play_last(void)
{
	host_serve(fd, EACH - 1);
	leaves = 1;
	raise(SIGUSR1);
}

static void play_only(void)
{
	leaves = 1;
	raise(SIGUSR1);
}

static const struct scene scenes[] = {
	{ "all", play_all },         { "first", play_first },
	{ "between", play_between }, { "last", play_last },
	{ "only", play_only },
};

int main(int argc, char **argv)
{
	fd = host_udp();
	take_stack();
	host_play(scenes, ARRAY_SIZE(scenes), argc > 1 ? argv[1] : NULL);
	tell_use();
	return 0;
}

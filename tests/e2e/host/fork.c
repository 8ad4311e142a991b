/* SPDX-License-Identifier: Apache-2.0
 *
 * Servers that become several processes, by every way that there is.
 */
#include <spawn.h>

#include "host.h"

#define EACH    40
#define WORKERS 4
#define FORKS   60

/* The parent answers before, during and behind a child's life. */
static void family(pid_t (*divide)(void))
{
	int fd = host_udp();

	host_serve(fd, EACH);
	pid_t child = divide();
	MUST(child >= 0);
	if (!child) {
		host_serve(fd, EACH);
		_exit(7);
	}
	host_await(child, 7);
	host_serve(fd, EACH);
}

static pid_t raw_clone(void)
{
	return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static void play_fork(void)
{
	family(fork);
}

static void play_bare_fork(void)
{
	family(_Fork);
}

static void play_clone(void)
{
	family(raw_clone);
}

/* A child that leaves by exit(), behind one that never saw a message. */
static void play_exit(void)
{
	int fd = host_udp();

	host_serve(fd, EACH);
	pid_t child = fork();
	if (!child) {
		pid_t grandchild = fork();
		if (!grandchild) {
			host_serve(fd, EACH);
			exit(7);
		}
		host_await(grandchild, 7);
		exit(8);
	}
	host_await(child, 8);
}

/* A child in the parent's memory, whose fds are its own. */
static void borrow(int connection)
{
	static const char noise[64] = "no DNS message of the parent's at all";
	pid_t child = vfork();

	if (!child) {
		syscall(SYS_close_range, 3, ~0U, 0);
		dup2(socket(AF_INET, SOCK_DGRAM, 0), connection);
		dup2(open("/dev/null", O_RDWR), connection);
		if (write(connection, noise, sizeof(noise)) < 0)
			_exit(1);
		_exit(7);
	}
	MUST(child > 0);
	host_await(child, 7);
}

static void play_vfork(void)
{
	int fd = host_udp();

	for (int i = 0; i < EACH; i++) {
		borrow(fd);
		host_answer(fd);
	}
}

/* In the midst of messages of a TCP stream. */
static void play_vfork_tcp(void)
{
	int listener = host_socket(SOCK_STREAM);

	for (int i = 0; i < EACH / 10; i++) {
		int fd = accept(listener, NULL, NULL);

		MUST(fd >= 0);
		host_serve_tcp(fd, 20, borrow);
		close(fd);
	}
}

static int use_and_leave(void *connection)
{
	dup2(open("/dev/null", O_RDWR), *(int *)connection);
	_exit(7);
}

/* A child in the parent's memory, which is process 1 of a namespace of its own:
 * its parent may be so of another. `more`: flags of clone(2). */
static void rule(int more)
{
	static char stack[1 << 16] __attribute__((aligned(16)));
	int fd = host_udp();

	for (int i = 0; i < EACH; i++) {
		pid_t child =
			clone(use_and_leave, stack + sizeof(stack),
			      CLONE_VM | CLONE_NEWPID | SIGCHLD | more, &fd);

		MUST(child > 0);
		host_await(child, 7);
		host_answer(fd);
	}
}

static void play_ruler(void)
{
	rule(CLONE_VFORK);
}

static void play_ruler_beside(void)
{
	rule(0);
}

/* The children of this process are in a namespace, it is not. Each has the next
 * number, the last one that of its parent if that is process 1 of another. */
static void play_rulers_parent(void)
{
	int fd = host_udp();

	host_serve(fd, EACH);
	MUST(!unshare(CLONE_NEWPID));
	borrow(fd);
	host_serve(fd, EACH);
}

static void play_spawn(void)
{
	char *argv[] = { "true", NULL };
	posix_spawn_file_actions_t actions;
	int fd = host_udp();

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addclose(&actions, fd);
	posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	for (int i = 0; i < EACH; i++) {
		pid_t child;

		MUST(!posix_spawn(&child, "/bin/true", &actions, NULL, argv,
				  environ));
		host_answer(fd);
		host_await(child, 0);
	}
}

/* The parent's life ends within daemon(3). */
static void play_daemon(void)
{
	int fd = host_udp();

	host_serve(fd, EACH);
	MUST(!daemon(1, 0));
	host_serve(fd, EACH);
}

static void play_workers(void)
{
	int fd = host_udp();
	_Atomic int *left = host_shared(EACH * WORKERS);
	pid_t worker[WORKERS];

	for (int i = 0; i < WORKERS; i++) {
		worker[i] = fork();
		if (!worker[i]) {
			host_serve_shared(fd, left);
			_exit(7);
		}
	}
	for (int i = 0; i < WORKERS; i++)
		host_await(worker[i], 7);
}

static void play_connections(void)
{
	int listener = host_socket(SOCK_STREAM);

	for (int i = 0; i < EACH / 10; i++) {
		int fd = accept(listener, NULL, NULL);

		MUST(fd >= 0);
		if (!fork()) {
			host_serve_tcp(fd, 100, NULL);
			_exit(7);
		}
		close(fd);
	}
	for (int i = 0; i < EACH / 10; i++)
		host_await(-1, 7);
}

static int shared_fd;

static void *serve_some(void *left)
{
	host_serve_shared(shared_fd, left);
	return NULL;
}

/* Children of a process whose other threads are in the midst of messages. */
static void play_threads(void)
{
	_Atomic int *left = host_shared(EACH * WORKERS * 10);
	pthread_t thread[WORKERS];

	shared_fd = host_udp();
	for (int i = 0; i < WORKERS; i++)
		MUST(!pthread_create(&thread[i], NULL, serve_some, left));
	for (int i = 0; i < FORKS; i++) {
		pid_t child = fork();

		MUST(child >= 0);
		if (!child) {
			if (i % 8 == 0 && atomic_fetch_sub(left, 1) > 0)
				host_answer(shared_fd);
			_exit(7);
		}
		host_await(child, 7);
	}
	for (int i = 0; i < WORKERS; i++)
		pthread_join(thread[i], NULL);
}

static const struct scene scenes[] = {
	{ "fork", play_fork },
	{ "bare_fork", play_bare_fork },
	{ "clone", play_clone },
	{ "exit", play_exit },
	{ "vfork", play_vfork },
	{ "vfork_tcp", play_vfork_tcp },
	{ "spawn", play_spawn },
	{ "daemon", play_daemon },
	{ "workers", play_workers },
	{ "connections", play_connections },
	{ "threads", play_threads },
	{ "ruler", play_ruler },
	{ "ruler_beside", play_ruler_beside },
	{ "rulers_parent", play_rulers_parent },
};

HOST_MAIN(scenes)

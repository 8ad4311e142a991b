/* SPDX-License-Identifier: Apache-2.0
 *
 * One server for each system call that there is: a child that gives it up, on
 * pain of death, goes on answering, and ends. The command line says what it does
 * (a scene), the environment WHEN it gives it up, which calls are left out (SKIP),
 * whether those without which nothing can be said are meant (MUTE), or only those
 * of the allocator (MEMORY); and what is awaited before it: that other threads of
 * the child have used so many milliseconds (BUSY), or that there is this file (SAID).
 *
 * Written to standard output are the numbers of those that ended otherwise.
 */
#include "seccomp.h"

#define NUMBERS 470
#define QUERIES 3 /* a child's, and as many connections */
#define CLIENT  3 /* the fd by which the client is told */

static int udp, tcp, client;
static int left; /* queries behind the filter */

/* What a line about a loss needs. */
static const int speech[] = {
	SYS_write,
	SYS_newfstatat,
	SYS_fstat,
	SYS_pwritev2,
	SYS_rt_sigprocmask,
	SYS_rt_sigpending,
	SYS_rt_sigtimedwait,
#ifdef SYS_poll
	SYS_poll,
#endif
	SYS_ppoll,
};

/* What malloc(3) and free(3) come to in a thread. */
static const int memory[] = { SYS_openat, SYS_mprotect, SYS_madvise };

static bool is_in(const int list[], size_t count, int number)
{
	for (size_t i = 0; i < count; i++)
		if (list[i] == number)
			return true;
	return false;
}

static bool is_skipped(int number)
{
	const char *mute = getenv("MUTE"), *skip = getenv("SKIP");
	char *end;

	if (mute && is_in(speech, ARRAY_SIZE(speech), number) != (*mute == '1'))
		return true;
	if (getenv("MEMORY") && !is_in(memory, ARRAY_SIZE(memory), number))
		return true;
	for (; skip && *skip; skip = *end ? end + 1 : end)
		if (strtol(skip, &end, 10) == number)
			return true;
	return false;
}

/* The client is another program, without the library. */

static const unsigned char query[] = { 0, 17, 0, 0, 1, 0, 0, 1, 0, 0,
				       0, 0,  0, 0, 0, 0, 1, 0, 1 };

static void ask_tcp(unsigned short id)
{
	struct sockaddr_in to = host_address(ADDRESS, 53);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	unsigned char message[sizeof(query)];

	memcpy(message, query, sizeof(query));
	memcpy(message + 2, &id, 2);
	MUST(!connect(fd, (struct sockaddr *)&to, sizeof(to)));
	MUST(write(fd, message, sizeof(message)) == sizeof(message));
	/* It stays open: who ends it first has the port for a minute. */
}

static void ask(void)
{
	struct sockaddr_in to = host_address(ADDRESS, 53);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	unsigned char message[sizeof(query) - 2];
	static unsigned short id;
	char kind;

	MUST(!connect(fd, (struct sockaddr *)&to, sizeof(to)));
	while (read(CLIENT, &kind, 1) == 1) {
		for (int i = 0; i < QUERIES; i++) {
			memcpy(message, query + 2, sizeof(message));
			memcpy(message, &id, 2);
			if (kind == 't')
				ask_tcp(id++);
			else if (++id)
				MUST(send(fd, message, sizeof(message), 0) > 0);
		}
		MUST(write(CLIENT, &kind, 1) == 1);
		while (recv(fd, message, sizeof(message), MSG_DONTWAIT) > 0)
			;
	}
	_exit(0);
}

static void start_client(const char *program)
{
	char *argv[] = { (char *)program, "client", NULL }, *none[] = { NULL };
	int pair[2];

	MUST(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	client = fcntl(pair[0], F_DUPFD_CLOEXEC, 100);
	if (!fork()) {
		MUST(dup2(pair[1], CLIENT) == CLIENT);
		execve(program, argv, none);
		_exit(97);
	}
	close(pair[0]);
	close(pair[1]);
}

/* The queries lie in the socket's buffer before the child is made. */
static void have_asked(char kind)
{
	MUST(write(client, &kind, 1) == 1);
	MUST(read(client, &kind, 1) == 1);
}

static void forbid(int number)
{
	int numbers[] = { number, -1 };

	seccomp_filter(numbers, -1, KILL);
}

/* Scenes: what a child does behind it. */

static void play_udp(void)
{
	host_serve(udp, left);
}

static void play_vfork(void)
{
	for (int i = 0; i < left; i++) {
		pid_t child = vfork();

		if (!child)
			_exit(7);
		host_await(child, 7);
		host_answer(udp);
	}
}

static void play_fork(void)
{
	for (int i = 0; i < left; i++) {
		pid_t child = fork();

		if (!child) {
			host_answer(udp);
			_exit(7);
		}
		host_await(child, 7);
	}
}

static void play_bind(void)
{
	struct sockaddr_in name = host_address("127.0.0.9", 53);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	MUST(!bind(fd, (struct sockaddr *)&name, sizeof(name)));
	play_udp();
}

static void answer_here(int number)
{
	(void)number;
	host_answer(udp);
}

static void play_handler(void)
{
	for (int i = 0; i < left; i++)
		raise(SIGUSR1);
}

static void play_tcp(void)
{
	for (int i = 0; i < QUERIES; i++) {
		unsigned char octets[sizeof(query)];
		int fd = accept(tcp, NULL, NULL);

		MUST(read(fd, octets, sizeof(octets)) == sizeof(octets));
		octets[4] |= 0x80;
		MUST(write(fd, octets, sizeof(octets)) == sizeof(octets));
		close(fd);
	}
}

static void play_exec(void)
{
	char *argv[] = { "true", NULL }, *none[] = { NULL };

	play_udp();
	execve("/bin/true", argv, none);
}

static void play_exit_at_once(void)
{
	play_udp();
	_Exit(0);
}

static const struct scene scenes[] = {
	{ "udp", play_udp },         { "vfork", play_vfork },
	{ "fork", play_fork },       { "bind", play_bind },
	{ "handler", play_handler }, { "tcp", play_tcp },
	{ "exec", play_exec },       { "_Exit", play_exit_at_once },
};

static long milliseconds(clockid_t clock)
{
	struct timespec time;

	MUST(!clock_gettime(clock, &time));
	return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* What others than this thread have used. */
static long others(void)
{
	return milliseconds(CLOCK_PROCESS_CPUTIME_ID) -
	       milliseconds(CLOCK_THREAD_CPUTIME_ID);
}

static void await_others(void)
{
	const char *busy = getenv("BUSY"), *said = getenv("SAID");

	while (busy && others() < atoi(busy))
		usleep(1000);
	while (said && access(said, F_OK))
		usleep(1000);
	if (said)
		unlink(said);
}

/* Whoever goes on behind the filter is to come to his calls. */
static void let_others_finish(void)
{
	long used;

	do {
		used = others();
		usleep(100000);
	} while (others() > used);
}

static void live(int number, const char *scene, bool behind)
{
	bool over_tcp = strcmp(scene, "tcp") == 0;

	signal(SIGUSR1, answer_here);
	left = QUERIES;
	if (behind && !over_tcp) {
		host_answer(udp);
		left--;
		await_others();
	}
	forbid(number);
	if (getenv("MEMORY"))
		let_others_finish();
	host_play(scenes, ARRAY_SIZE(scenes), scene);
}

int main(int argc, char **argv)
{
	MUST(argc == 2 || argc == 3);
	if (strcmp(argv[1], "client") == 0)
		ask();
	bool behind = strcmp(getenv("WHEN"), "behind") == 0;
	const char *only = getenv("ONLY");
	MUST(!prctl(PR_SET_CHILD_SUBREAPER, 1));
	start_client(argv[0]);
	udp = host_udp();
	tcp = host_socket(SOCK_STREAM);
	for (int number = 0; number < NUMBERS; number++) {
		int status;

		if (is_skipped(number) || (only && atoi(only) != number))
			continue;
		have_asked(strcmp(argv[1], "tcp") == 0 ? 't' : 'u');
		pid_t child = fork();
		if (!child) {
			setpgid(0, 0);
			live(number, argv[1], behind);
			exit(0);
		}
		setpgid(child, child);
		MUST(waitpid(child, &status, 0) == child);
		/* A child of its own that it has left behind would take what the
		 * next one is asked. */
		kill(-child, SIGKILL);
		while (waitpid(-child, NULL, 0) > 0)
			;
		if (!status)
			continue;
		dprintf(STDOUT_FILENO, "%d\n", number);
		/* What it has left. */
		char rest[512];
		while (recv(udp, rest, sizeof(rest), MSG_DONTWAIT) > 0)
			;
		fcntl(tcp, F_SETFL, O_NONBLOCK);
		for (int fd; (fd = accept(tcp, NULL, NULL)) >= 0;)
			close(fd);
		fcntl(tcp, F_SETFL, 0);
	}
	return 0;
}

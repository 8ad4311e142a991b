/* SPDX-License-Identifier: Apache-2.0
 *
 * Servers that close, replace, count and use up fds, whosever they are. The
 * environment says what is REFUSED to all threads, and so which way is taken to
 * keep the library's fds from the host's.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "seccomp.h"

#define EACH 40

/* The number that the server's socket is moved to, out of the way. */
static int keep = 3;

static void close_from(void)
{
	closefrom(keep + 1);
}

static void close_range_(void)
{
	if (close_range(keep + 1, ~0U, 0))
		MUST(errno == EPERM || errno == ENOSYS);
}

static void close_range_raw(void)
{
	if (syscall(SYS_close_range, keep + 1, ~0U, 0))
		MUST(errno == EPERM || errno == ENOSYS);
}

static void close_each(void)
{
	for (int fd = keep + 1; fd < 1024; fd++)
		close(fd);
}

static void close_each_raw(void)
{
	for (int fd = keep + 1; fd < 1024; fd++)
		syscall(SYS_close, fd);
}

/* Every number becomes one file, in which nothing must ever stand. */
static int open_empty(void)
{
	return open("/mnt/empty", O_RDWR | O_CREAT | O_APPEND, 0644);
}

static void check_empty(void)
{
	struct stat about;

	MUST(!stat("/mnt/empty", &about) ? about.st_size == 0
					 : errno == ENOENT);
}

/* Every number becomes one socket, which nothing must ever be written to. Some
 * are closed again, or a shared table would have no room for ours. */
static void replace_all(int (*replace)(int from, int to))
{
	static int pair[2] = { -1, -1 };
	char octet;

	if (pair[0] < 0)
		MUST(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	for (int to = pair[1] + 1; to < 1024; to++) {
		MUST(replace(pair[0], to) == to);
	}
	for (int to = 500; to < 600; to++)
		close(to);
	MUST(recv(pair[1], &octet, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
}

static int dup3_raw(int from, int to)
{
	return syscall(SYS_dup3, from, to, 0);
}

static void replace_each(void)
{
	replace_all(dup2);
}

static void replace_each_raw(void)
{
	replace_all(dup3_raw);
}

/* In a child that has borrowed this memory, and has a table of its own. */
static void replace_in_child(void)
{
	int status;
	pid_t child = vfork();

	if (!child) {
		for (int to = keep + 1; to < 1024; to++)
			dup2(keep, to);
		_exit(0);
	}
	MUST(child > 0 && waitpid(child, &status, 0) == child && !status);
}

/* One after the other: a range that is a single number is right, whosever that
 * is, and one with a flag that there is not is wrong. */
static void close_one_range(void)
{
	for (unsigned fd = keep + 1; fd < 1024; fd++) {
		MUST(!close_range(fd, fd, 0));
		MUST(!syscall(SYS_close_range, fd, fd, 0));
		MUST(close_range(fd, fd, 1 << 9) && errno == EINVAL);
		MUST(close_range(fd + 1, fd, 0) && errno == EINVAL);
	}
}

/* Every number that is free. */
static void use_up(void)
{
	int fd = open_empty();

	while (dup(fd) >= 0)
		;
}

static bool is_own(void)
{
	DIR *directory = opendir("/proc/self/fd");
	bool own = true;

	MUST(directory);
	for (struct dirent *entry; (entry = readdir(directory));) {
		int fd = atoi(entry->d_name);

		own &= fd <= keep || fd == dirfd(directory);
	}
	closedir(directory);
	return own;
}

/* Everything that is open is the host's own; but for what libc has, on the
 * resolver's thread, as long as that looks up a name. */
static void list(void)
{
	while (!is_own())
		sched_yield();
}

static void walk(void)
{
	DIR *directory = opendir("/proc/self/fd");

	MUST(directory);
	for (struct dirent *entry; (entry = readdir(directory));)
		if (atoi(entry->d_name) > keep &&
		    atoi(entry->d_name) != dirfd(directory))
			close(atoi(entry->d_name));
	closedir(directory);
}

static const char noise[64] = "no DNS message at all";

/* Its socket is closed where no hook sees it, and its number is a socketpair's,
 * that syscall(2) has made. */
static void reuse_paired(void)
{
	void *libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
	int (*close_unseen)(int fd) = (int (*)(int))dlsym(libc, "close");
	int fd = fcntl(keep, F_DUPFD, keep + 1), pair[2];

	host_answer(fd);
	MUST(!close_unseen(fd));
	MUST(!syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, pair));
	MUST(pair[0] == fd);
	MUST(write(fd, noise, sizeof(noise)) == sizeof(noise));
	close(pair[1]);
	close(fd);
}

/* Likewise, and its number is a file's. */
static void reuse(void)
{
	int fd = fcntl(keep, F_DUPFD, keep + 1);

	host_answer(fd);
	MUST(!fclose(fdopen(fd, "r+")));
	MUST(open("/mnt/noise", O_RDWR | O_CREAT, 0644) == fd);
	MUST(write(fd, noise, sizeof(noise)) == sizeof(noise));
	MUST(close(fd) == 0);
	reuse_paired();
}

static void nothing(void)
{
}

static const struct {
	const char *name;
	void (*act)(void);
} acts[] = {
	{ "closefrom", close_from },
	{ "close_range", close_range_ },
	{ "close_range_raw", close_range_raw },
	{ "close", close_each },
	{ "close_raw", close_each_raw },
	{ "dup2", replace_each },
	{ "dup3_raw", replace_each_raw },
	{ "dup2_vfork", replace_in_child },
	{ "close_one_range", close_one_range },
	{ "use_up", use_up },
	{ "reuse", reuse },
	{ "list", list },
	{ "walk", walk },
	{ "high", nothing },
	{ "highest", nothing },
	{ "no_stdio", nothing },
	{ "stderr_reused", nothing },
};

static void refuse(const char *what)
{
	static const int both[] = { SYS_close_range, SYS_unshare, -1 };
	static const int one[] = { SYS_close_range, -1 };

	if (strcmp(what, "one") == 0)
		seccomp_filter(one, -1, REFUSE(ENOSYS));
	else if (strcmp(what, "both") == 0)
		seccomp_filter(both, -1, REFUSE(EPERM));
	if (strcmp(what, "but_close_range") == 0) {
		seccomp_filter(one, STDERR_FILENO + 1, REFUSE(EPERM));
		seccomp_filter(both + 1, -1, REFUSE(EPERM));
	}
}

static int move(int fd, int to)
{
	MUST(dup2(fd, to) == to);
	close(fd);
	return to;
}

/* To a number of another order of magnitude. */
static int move_high(int fd, const char *name)
{
	struct rlimit limit;

	MUST(!getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = limit.rlim_max;
	MUST(!setrlimit(RLIMIT_NOFILE, &limit));
	keep = limit.rlim_cur - 1;
	if (strcmp(name, "high") == 0 && keep > 70000)
		keep = 70000;
	return move(fd, keep);
}

int main(int argc, char **argv)
{
	const char *name = argv[1];
	struct rlimit limit;

	MUST(!getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = 1024;
	MUST(!setrlimit(RLIMIT_NOFILE, &limit));
	refuse(getenv("REFUSED"));
	int fd = host_udp();
	if (strncmp(name, "high", 4) == 0)
		fd = move_high(fd, name);
	else if (fd > keep)
		fd = move(fd, keep);
	/* Where 0 to 2 are closed they become the server's. */
	if (strcmp(name, "stderr_reused") == 0) {
		close(STDERR_FILENO);
		MUST(open_empty() == STDERR_FILENO);
	}
	for (size_t i = 0; i < ARRAY_SIZE(acts); i++) {
		if (strcmp(acts[i].name, name) != 0)
			continue;
		for (int turn = 0; turn < 3; turn++) {
			host_serve(fd, EACH);
			acts[i].act();
		}
		host_serve(fd, EACH);
		check_empty();
		return 0;
	}
	return 98;
}

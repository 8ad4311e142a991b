/* SPDX-License-Identifier: Apache-2.0
 *
 * Servers that give up what they do not need, before the first message or
 * behind it: the environment says WHEN.
 */
#include <grp.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "seccomp.h"

#define EACH   40
#define NOBODY 65534

static void drop_user(void)
{
	MUST(!setgroups(0, NULL));
	MUST(!setgid(NOBODY));
	MUST(!setuid(NOBODY));
	MUST(setuid(0) < 0 && errno == EPERM);
}

static void drop_user_ids(void)
{
	MUST(!setresgid(NOBODY, NOBODY, NOBODY));
	MUST(!setresuid(NOBODY, 0, 0));
	MUST(!setreuid(NOBODY, NOBODY));
	MUST(!seteuid(NOBODY));
}

static void set_capabilities(unsigned mask)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = {
		{ .effective = mask, .permitted = mask },
	};

	MUST(!syscall(SYS_capset, &header, data));
}

static void drop_capabilities(void)
{
	set_capabilities(1 << CAP_SETUID | 1 << CAP_SETGID |
			 1 << CAP_NET_BIND_SERVICE);
	drop_user();
	set_capabilities(0);
}

static void change_root(void)
{
	MUST(!mkdir("/mnt/empty", 0755));
	MUST(!chroot("/mnt/empty"));
	MUST(!chdir("/"));
}

static void limit(int what, rlim_t value)
{
	struct rlimit limits = { value, value };

	MUST(!setrlimit(what, &limits));
}

static void limit_data(void)
{
	limit(RLIMIT_DATA, 4 << 20);
}

static void limit_files(void)
{
	limit(RLIMIT_NOFILE, 8);
}

static void limit_files_used(void)
{
	limit(RLIMIT_NOFILE, 8);
	while (dup(0) >= 0)
		;
}

static void limit_files_high(void)
{
	struct rlimit limits;

	MUST(!getrlimit(RLIMIT_NOFILE, &limits));
	limit(RLIMIT_NOFILE, limits.rlim_max);
}

/* systemd's ~@resources, which kills. */
static void no_resources(void)
{
	static const int resources[] = {
		SYS_ioprio_set,        SYS_mbind,
		SYS_migrate_pages,     SYS_move_pages,
		SYS_sched_setaffinity, SYS_sched_setattr,
		SYS_sched_setparam,    SYS_sched_setscheduler,
		SYS_set_mempolicy,     SYS_setpriority,
		SYS_setrlimit,         -1,
	};

	seccomp_filter(resources, -1, KILL);
}

#define REFUSAL(name, error, ...)                                 \
	static void name(void)                                    \
	{                                                         \
		static const int numbers[] = { __VA_ARGS__, -1 }; \
		seccomp_filter(numbers, -1, REFUSE(error));       \
	}

#define PUNISHMENT(name, ...)                                     \
	static void name(void)                                    \
	{                                                         \
		static const int numbers[] = { __VA_ARGS__, -1 }; \
		seccomp_filter(numbers, -1, KILL);                \
	}

PUNISHMENT(kill_tgkill, SYS_tgkill, SYS_kill, SYS_tkill)
PUNISHMENT(kill_getsockname, SYS_getsockname, SYS_getpeername)
PUNISHMENT(kill_socket, SYS_socket, SYS_connect)
PUNISHMENT(kill_socketpair, SYS_socketpair)
PUNISHMENT(kill_clone, SYS_clone, SYS_clone3)
PUNISHMENT(kill_open, SYS_openat)
PUNISHMENT(kill_thread_calls, SYS_sigaltstack, SYS_tgkill)
PUNISHMENT(kill_futex, SYS_futex)
PUNISHMENT(kill_ppoll, SYS_ppoll)
PUNISHMENT(kill_pread, SYS_pread64)
PUNISHMENT(kill_getdents, SYS_getdents64)
PUNISHMENT(kill_tables, SYS_close_range, SYS_unshare, SYS_signalfd4)

REFUSAL(no_close_range, ENOSYS, SYS_close_range)
REFUSAL(no_unshare, EPERM, SYS_close_range, SYS_unshare)
REFUSAL(no_tgkill, EPERM, SYS_tgkill)
REFUSAL(no_signalfd, ENOSYS, SYS_signalfd4)
REFUSAL(no_madvise, EINVAL, SYS_madvise)

/* A kernel of before Linux 5.9 that allows very many fds. Who closes one by one
 * all that there may be comes to numbers that nobody has ever had. */
static void no_close_range_many_files(void)
{
	static struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 1000, 1, 2),
		BPF_STMT(BPF_RET, REFUSE(ENOSYS)),
		BPF_STMT(BPF_RET, KILL),
		BPF_STMT(BPF_RET, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { 8, filter };

	limit_files_high();
	seccomp_set(&program);
}

static void no_unix_sockets(void)
{
	static const int numbers[] = { SYS_socket, -1 };

	seccomp_filter(numbers, AF_UNIX, REFUSE(EAFNOSUPPORT));
}

static const struct scene scenes[] = {
	{ "user", drop_user },
	{ "user_ids", drop_user_ids },
	{ "capabilities", drop_capabilities },
	{ "chroot", change_root },
	{ "data", limit_data },
	{ "files", limit_files },
	{ "files_used", limit_files_used },
	{ "files_high", limit_files_high },
	{ "no_resources", no_resources },
	{ "kill_tgkill", kill_tgkill },
	{ "kill_getsockname", kill_getsockname },
	{ "kill_socket", kill_socket },
	{ "kill_socketpair", kill_socketpair },
	{ "kill_clone", kill_clone },
	{ "kill_open", kill_open },
	{ "kill_thread_calls", kill_thread_calls },
	{ "kill_futex", kill_futex },
	{ "kill_ppoll", kill_ppoll },
	{ "kill_tables", kill_tables },
	{ "kill_pread", kill_pread },
	{ "kill_getdents", kill_getdents },
	{ "no_close_range", no_close_range },
	{ "no_close_range_many_files", no_close_range_many_files },
	{ "no_unshare", no_unshare },
	{ "no_tgkill", no_tgkill },
	{ "no_signalfd", no_signalfd },
	{ "no_madvise", no_madvise },
	{ "no_unix_sockets", no_unix_sockets },
};

int main(int argc, char **argv)
{
	int fd = host_udp();

	MUST(argc > 1);
	if (strcmp(getenv("WHEN"), "behind") == 0)
		host_serve(fd, EACH);
	host_play(scenes, ARRAY_SIZE(scenes), argv[1]);
	host_serve(fd, EACH);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * The system calls that the library makes, by what they are for. A call that stands
 * alone, and without which things go on, is asked for where it is made.
 */
#include "shim/base/sandbox.h"

#include <sys/socket.h>
#include <sys/syscall.h>

const struct sandbox_call sandbox_mapping[] = {
	{ .number = SYS_mmap },
	{ .number = SYS_munmap },
	{ .number = SYS_madvise },
	{ .number = -1 },
};

/* Architectures differ in what they have of the older calls. */
const struct sandbox_call sandbox_thread[] = {
	{ .number = SYS_mmap },         { .number = SYS_mprotect },
	{ .number = SYS_munmap },       { .number = SYS_madvise },
	{ .number = SYS_clone3 },       { .number = SYS_clone },
	{ .number = SYS_futex },        { .number = SYS_rt_sigprocmask },
	{ .number = SYS_rt_sigaction }, { .number = -1 },
};

/* libc's locks, of malloc(3) or fork(2), which are free where there is no other
 * thread. */
const struct sandbox_call sandbox_beside[] = {
	{ .number = SYS_futex },
	{ .number = -1 },
};

const struct sandbox_call sandbox_running[] = {
	{ .number = SYS_ppoll },
	{ .number = SYS_recvfrom },
	{ .number = SYS_sendto },
	{ .number = SYS_read },
	{ .number = SYS_write },
	{ .number = SYS_close },
	{ .number = SYS_fcntl },
	{ .number = SYS_mmap },
	{ .number = SYS_munmap },
	{ .number = SYS_mprotect },
	{ .number = SYS_madvise },
	{ .number = SYS_brk },
	{ .number = SYS_mremap },
	{ .number = SYS_futex },
	{ .number = SYS_exit },
	{ .number = SYS_rt_sigprocmask },
	{ .number = SYS_sched_getaffinity }, /* malloc(3), by and by */
	{ .number = SYS_rseq },
	{ .number = SYS_set_robust_list },
	{ .number = SYS_newfstatat },
	{ .number = SYS_fstat },
	{ .number = SYS_clock_gettime },
	{ .number = SYS_rt_sigtimedwait },
#ifdef SYS_poll
	{ .number = SYS_poll },
#endif
	{ .number = -1 },
};

/* What modules of the name service do is theirs; this is what those of libc do. */
const struct sandbox_call sandbox_looking_up[] = {
	{ .number = SYS_openat },
	{ .number = SYS_read },
	{ .number = SYS_lseek },
	{ .number = SYS_close },
	{ .number = SYS_newfstatat },
	{ .number = SYS_fstat },
	{ .number = SYS_bind },
	{ .number = SYS_getsockname },
	{ .number = SYS_recvmsg },
	{ .number = SYS_sendmmsg },
	{ .number = SYS_ioctl },
	{ .number = SYS_uname },
	{ .number = SYS_getrandom },
	{ SYS_socket, { AF_INET, SOCK_DGRAM } },
	{ SYS_socket, { AF_INET6, SOCK_DGRAM } },
	{ SYS_socket, { AF_UNIX, SOCK_STREAM } },
	{ SYS_socket, { AF_NETLINK, SOCK_RAW } },
	{ .number = SYS_connect },
	{ .number = SYS_setsockopt },
	{ .number = -1 },
};

/* base/output.h */
#define QUIETLY                                                            \
	{ .number = SYS_rt_sigprocmask }, { .number = SYS_rt_sigpending }, \
	{                                                                  \
		.number = SYS_rt_sigtimedwait                              \
	}

const struct sandbox_call sandbox_writing[] = {
	{ .number = SYS_write },
	{ .number = SYS_pwritev2 },
	{ .number = SYS_newfstatat },
	{ .number = SYS_fstat },
	QUIETLY,
#ifdef SYS_poll
	{ .number = SYS_poll },
#else
	{ .number = SYS_ppoll },
#endif
	{ .number = -1 },
};

const struct sandbox_call sandbox_metrics[] = {
	{ .number = SYS_openat },
	{ .number = SYS_write },
	QUIETLY,
	{ .number = SYS_close },
	{ .number = SYS_fchmod },
	{ .number = SYS_fcntl },
	{ .number = SYS_renameat2 },
	{ .number = SYS_unlinkat },
#ifdef SYS_rename
	{ .number = SYS_rename },
	{ .number = SYS_unlink },
#endif
	{ .number = SYS_newfstatat },
	{ .number = SYS_fstat },
	{ .number = -1 },
};

/* To look at the metrics of other processes. */
const struct sandbox_call sandbox_relatives[] = {
	{ .number = SYS_openat },     { .number = SYS_fcntl },
	{ .number = SYS_getdents64 }, { .number = SYS_read },
	{ .number = SYS_pread64 },    { .number = SYS_lseek },
	{ .number = SYS_newfstatat }, { .number = SYS_fstat },
	{ .number = SYS_geteuid },    { .number = SYS_unlinkat },
	{ .number = SYS_close },      { .number = -1 },
};

/* To record, and to look for what a dead process has recorded and read it. */
const struct sandbox_call sandbox_recorder[] = {
	{ .number = SYS_openat },     { .number = SYS_flock },
	{ .number = SYS_fallocate },  { .number = SYS_mmap },
	{ .number = SYS_munmap },     { .number = SYS_madvise },
	{ .number = SYS_pwrite64 },   { .number = SYS_pread64 },
	{ .number = SYS_getdents64 }, { .number = SYS_fcntl },
	{ .number = SYS_newfstatat }, { .number = SYS_fstat },
	{ .number = SYS_geteuid },    { .number = SYS_unlinkat },
#ifdef SYS_unlink
	{ .number = SYS_unlink },
#endif
	{ .number = SYS_close },      { .number = -1 },
};

const struct sandbox_call sandbox_others[] = {
	{ SYS_socket, { AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK } },
	{ SYS_socket, { AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK } },
	{ SYS_socket,
	  { AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK } },
	{ SYS_socket, { AF_INET, SOCK_DGRAM | SOCK_CLOEXEC } },
	{ SYS_socket, { AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC } },
	{ SYS_socket, { AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC } },
	{ .number = SYS_getsockopt },
	{ .number = SYS_getpeername },
	{ .number = SYS_listen },
	{ .number = SYS_accept4 },
	{ .number = SYS_shutdown },
	{ .number = SYS_sendmmsg },
	{ .number = SYS_flock },
	{ .number = SYS_ftruncate },
	{ .number = SYS_getdents64 },
	{ .number = SYS_symlinkat },
	{ .number = SYS_readlinkat },
	{ .number = SYS_renameat },
#ifdef SYS_symlink
	{ .number = SYS_symlink },
	{ .number = SYS_readlink },
#endif
	{ .number = SYS_faccessat },
	{ .number = SYS_faccessat2 },
	{ .number = SYS_sched_yield },
	{ .number = SYS_close_range },
	{ .number = SYS_unshare },
	{ .number = SYS_eventfd2 },
	{ .number = SYS_signalfd4 },
	{ .number = SYS_tgkill },
	{ .number = SYS_kill },
	{ .number = SYS_rt_sigqueueinfo },
	{ .number = SYS_rt_tgsigqueueinfo },
	{ .number = SYS_prctl },
	{ .number = SYS_prlimit64 },
	{ .number = SYS_getpid },
	{ .number = SYS_gettid },
	{ .number = SYS_geteuid },
	{ .number = SYS_sysinfo },
	{ .number = -1 },
};

const struct sandbox_call sandbox_program[] = {
	{ .number = SYS_newfstatat },
	{ .number = SYS_faccessat },
	{ .number = SYS_faccessat2 }, /* which libc tries first */
	{ .number = -1 },
};

const struct sandbox_call sandbox_threads[] = {
	{ .number = SYS_openat },  { .number = SYS_getdents64 },
	{ .number = SYS_pread64 }, { .number = SYS_close },
	{ .number = -1 },
};

const struct sandbox_instead sandbox_instead[] = {
#ifdef LIBC_MUSL
/* The older calls, where there are. */
#ifdef SYS_open
	{ SYS_openat, SYS_open },
	{ SYS_newfstatat, SYS_stat },
	{ SYS_newfstatat, SYS_lstat },
#endif
	{ SYS_clone3, SYS_membarrier },
	{ SYS_lseek, SYS_readv }, /* stdio */
#endif
	{ -1, -1 },
};

/* SPDX-License-Identifier: Apache-2.0
 *
 * A private fd table, and a place that is not counted.
 */
#include "shim/tap/worker.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "config/config.h"
#include "proto/common.h"
#include "shim/base/clock.h"
#include "shim/base/fds.h"
#include "shim/base/log.h"
#include "shim/base/own_fds.h"
#include "shim/base/process.h"
#include "shim/base/rest.h"
#include "shim/base/sandbox.h"
#include "shim/base/thread.h"

/* glibc's count, which it shows to debuggers; NULL where it does not, or where
 * ours are to be counted: make CPPFLAGS=-DWORKER_COUNTED. */
static _Atomic unsigned *threads;

/* Stacks that libc keeps for the next thread. A child of fork(3) has those of the
 * threads that it lacks as well. */
static _Atomic unsigned reserved, once_reserved;

static void renew(void)
{
	atomic_store(&reserved, atomic_load(&once_reserved));
}

/* Where no fd can be had at all, and so nothing be sent. */
#define FDS_TRIED 65536

/* Something that takes any write and has no effect. In a chroot without /dev an
 * eventfd does. */
static int open_nothing(void)
{
	int fd = sandbox_allows(SYS_openat)
			 ? open("/dev/null", O_RDWR | O_CLOEXEC)
			 : -1;

	if (fd < 0 && sandbox_allows(SYS_eventfd2))
		fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return fd;
}

/* qemu in user mode keeps one list, by number, of the fds whose octets it translates,
 * for all tables: what it does for a signalfd of ours it would do to the host's socket
 * of that number. It cannot have robust mutexes, which every kernel has. */
static bool has_one_list(void)
{
	void *head;
	size_t size;

	return sandbox_allows(SYS_get_robust_list) &&
	       syscall(SYS_get_robust_list, 0, &head, &size) && errno == ENOSYS;
}

/* By the one call, or else by an older one and a list of what there is to close. A
 * copy that keeps an fd would keep what the host closes alive. */
static bool unshare_fds(void)
{
	if (has_one_list())
		return false;
	if (sandbox_allows(SYS_close_range) &&
	    !close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_UNSHARE))
		return true;
	if (!sandbox_allows(SYS_unshare) || !fds_listed() ||
	    unshare(CLONE_FILES))
		return false;
	close(STDIN_FILENO); /* the list needs an fd, and all may be used up */
	if (!fds_close_from(STDERR_FILENO + 1))
		for (int fd = STDERR_FILENO + 1; fd < FDS_TRIED; fd++)
			close(fd);
	return true;
}

void worker_isolate_fds(void)
{
	if (!unshare_fds()) {
		own_fds_share();
		return;
	}
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	if (!log_has_stderr())
		close(STDERR_FILENO);
	/* So that no endpoint lands where standard error is expected. */
	int fd;
	do
		fd = open_nothing();
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

void worker_begin(void)
{
#ifndef WORKER_COUNTED
	threads = dlsym(RTLD_DEFAULT, "__nptl_nthreads");
	dlerror();
#endif
	pthread_atfork(NULL, NULL, renew);
}

/*
 * A process whose main thread has left ends with the last of its other threads,
 * and ours would hold it back for good: it is none of the host's.
 */
static void uncount(void)
{
	if (threads)
		atomic_fetch_sub(threads, 1);
}

/* By the thread's id; 0: free. Of more than these nobody knows. */
static _Atomic pid_t ours[2 * CONFIG_TAPS_MAX];

#define OURS ARRAY_SIZE(ours)

static bool exists(pid_t thread)
{
	return sandbox_allows(SYS_tgkill) &&
	       !syscall(SYS_tgkill, process_id(), thread, 0);
}

static void note(void)
{
	for (size_t i = 0; i < OURS; i++) {
		pid_t known = atomic_load(&ours[i]);

		if ((!known || !exists(known)) &&
		    atomic_compare_exchange_strong(&ours[i], &known,
						   thread_ask_id()))
			return;
	}
}

static _Atomic bool hurries;

void worker_hurry(bool hurry)
{
	atomic_store(&hurries, hurry);
}

bool worker_hurries(void)
{
	return atomic_load(&hurries);
}

void worker_await_gone(uint64_t deadline_ns)
{
	for (size_t i = 0; i < OURS; i++) {
		pid_t thread = atomic_exchange(&ours[i], 0);

		while (thread && exists(thread) && clock_steady() < deadline_ns)
			rest(NS_PER_MS / 10);
	}
}

static void *run_task(void *made)
{
	const struct worker_task *task = made;

	thread_state.untraced = THREAD_OURS;
	sandbox_inherit(task->filters);
	note();
	if (sandbox_allows(SYS_prctl))
		prctl(PR_SET_NAME, THREAD_NAME);
	task->run(task->argument);
	/* libc takes the stack back, and counts a thread less. */
	atomic_fetch_add(&reserved, 1);
	if (threads)
		atomic_fetch_add(threads, 1);
	return NULL;
}

static int add_locals(struct dl_phdr_info *object, size_t size, void *sum)
{
	(void)size;
	for (int i = 0; i < object->dlpi_phnum; i++)
		if (object->dlpi_phdr[i].p_type == PT_TLS)
			*(size_t *)sum += object->dlpi_phdr[i].p_memsz +
					  object->dlpi_phdr[i].p_align;
	return 0;
}

static int create(pthread_t *thread, void *(*run)(void *), void *argument,
		  size_t stack, int detached)
{
	pthread_attr_t attr;
	sigset_t all, before;

	/* A thread has the thread-local variables of the whole program on its
	 * stack. */
	dl_iterate_phdr(add_locals, &stack);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, stack);
	pthread_attr_setdetachstate(&attr, detached);
	/* From its first instruction no signal of the host's lands on it. Not
	 * by the attribute of that name, which allocates. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int error = pthread_create(thread, &attr, run, argument);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return -error;
}

unsigned worker_reserved(void)
{
	return LIBC_KEEPS_STACKS ? atomic_load(&reserved) : 0;
}

static void spend(void)
{
	unsigned left = atomic_load(&reserved);

	while (left &&
	       !atomic_compare_exchange_weak(&reserved, &left, left - 1))
		;
}

static int start(struct worker_task *task, size_t stack, int detached,
		 pthread_t *thread)
{
	task->filters = sandbox_bequest();
	int error = create(thread, run_task, task, stack, detached);

	if (!error) {
		uncount();
		spend();
	}
	return error;
}

int worker_start(struct worker_task *task, size_t stack)
{
	pthread_t thread;

	return start(task, stack, PTHREAD_CREATE_DETACHED, &thread);
}

int worker_run(struct worker_task *task, size_t stack)
{
	pthread_t thread;
	int error = start(task, stack, PTHREAD_CREATE_JOINABLE, &thread);

	return error ? error : -pthread_join(thread, NULL);
}

static void *return_at_once(void *unused)
{
	return unused;
}

static bool has_memory(size_t stack)
{
	void *there = mmap(NULL, stack, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);

	return there != MAP_FAILED && !munmap(there, stack);
}

int worker_reserve(size_t stack, size_t count)
{
	pthread_t thread[CONFIG_TAPS_MAX];
	size_t made = 0;
	int error = 0;

	while (!error && made < count) {
		error = create(&thread[made], return_at_once, NULL, stack,
			       PTHREAD_CREATE_JOINABLE);
		made += !error;
	}
	/* Where only the thread is refused, its stack is kept all the same. */
	atomic_store(&once_reserved, made + (error && has_memory(stack)));
	renew();
	while (made)
		pthread_join(thread[--made], NULL);
	return error;
}

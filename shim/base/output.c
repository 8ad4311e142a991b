/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernel sends the signals in question to the thread that writes: they are
 * blocked there meanwhile, and the one that the write has caused is taken.
 */
#include "shim/base/output.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "shim/base/process.h"
#include "shim/base/sandbox.h"
#include "shim/base/thread.h"

static void signals_of_writes(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGXFSZ);
	sigaddset(set, SIGPIPE);
}

static bool is_pending(int number)
{
	sigset_t pending;

	return !sigpending(&pending) && sigismember(&pending, number) == 1;
}

/* A signal that was pending before is the host's: for this thread, where it and
 * ours are now one, or for the process, where it stays when ours is taken. */
static void take(int number, bool before)
{
	const struct timespec none = { 0, 0 };
	siginfo_t info;
	sigset_t one;

	sigemptyset(&one);
	sigaddset(&one, number);
	if (syscall(SYS_rt_sigtimedwait, &one, &info, &none, _NSIG / 8) > 0 &&
	    before && !is_pending(number) &&
	    sandbox_allows(SYS_rt_tgsigqueueinfo))
		syscall(SYS_rt_tgsigqueueinfo, process_id(), thread_ask_id(),
			number, &info);
}

static bool quietly(ssize_t (*write_to)(int fd, const void *data, size_t size),
		    int fd, const void *data, size_t size)
{
	sigset_t ours, before;
	int cancel;

	/* The caller may be no cancellation point. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	signals_of_writes(&ours);
	pthread_sigmask(SIG_BLOCK, &ours, &before);
	bool over = is_pending(SIGXFSZ), gone = is_pending(SIGPIPE);
	int saved = errno;
	ssize_t n = write_to(fd, data, size);
	int error = n < 0 ? errno : saved;
	if (n < 0 && error == EFBIG)
		take(SIGXFSZ, over);
	else if (n < 0 && error == EPIPE)
		take(SIGPIPE, gone);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_setcancelstate(cancel, NULL);
	errno = error;
	return n == (ssize_t)size;
}

bool output_write(int fd, const void *data, size_t size)
{
	return quietly(write, fd, data, size);
}

/* A file may wait for its disk, and poll(2) does not know. */
static ssize_t write_now(int fd, const void *data, size_t size)
{
	struct pollfd room = { .fd = fd, .events = POLLOUT };
	struct iovec iov = { (void *)data, size };
	struct stat about;

	if (fstat(fd, &about))
		return -1;
	if (S_ISREG(about.st_mode))
		return pwritev2(fd, &iov, 1, -1, RWF_NOWAIT);
	errno = EAGAIN;
	return poll(&room, 1, 0) == 1 && room.revents == POLLOUT
		       ? write(fd, data, size)
		       : -1;
}

bool output_try(int fd, const void *data, size_t size)
{
	return quietly(write_now, fd, data, size);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines are few, so the target is opened for each: nothing stays open, and a
 * log file may be rotated at any time.
 */
#include "shim/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "shim/base/clock.h"
#include "shim/base/output.h"
#include "shim/base/process.h"
#include "shim/base/sandbox.h"

#define LINE_MAX_SIZE 1024

struct log_writer {
	bool (*write)(const char *line, size_t size);
	struct sandbox_call needs[5]; /* beside sandbox_writing */
};

static const struct log_writer *writer = &log_stderr;
static const char *path;
static char directory[PATH_MAX] = "."; /* in which it is */

/* What standard error was at the beginning; zero: nothing to write to. */
static dev_t device;
static ino_t inode;

/* Under a super-server it may be the connection to a DNS client. */
static bool takes_lines(const struct stat *about)
{
	struct sockaddr name;
	socklen_t size = sizeof(name);

	return !S_ISSOCK(about->st_mode) ||
	       (!getsockname(STDERR_FILENO, &name, &size) &&
		name.sa_family == AF_UNIX);
}

void log_open(const struct log_writer *to, const char *file)
{
	struct stat about;
	const char *end = file ? strrchr(file, '/') : NULL;

	writer = to;
	path = file;
	if (end)
		snprintf(directory, sizeof(directory), "%.*s",
			 (int)(end - file + 1), file);
	if (!fstat(STDERR_FILENO, &about) && takes_lines(&about)) {
		device = about.st_dev;
		inode = about.st_ino;
	}
}

/* The host may have closed it, and opened a file or a connection that has the
 * number now. A terminal or /dev/null is what daemons put there. */
bool log_has_stderr(void)
{
	struct stat about;

	return writer && !fstat(STDERR_FILENO, &about) &&
	       (S_ISCHR(about.st_mode) ||
		(inode && about.st_dev == device && about.st_ino == inode));
}

/* A pipe that nobody reads would block, a file's disk is waited for. */
static bool takes_more(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };

	return poll(&poll_fd, 1, 0) == 1 && poll_fd.revents == POLLOUT;
}

static bool write_stderr(const char *line, size_t size)
{
	return log_has_stderr() && takes_more(STDERR_FILENO) &&
	       output_write(STDERR_FILENO, line, size);
}

/* Others may write to the directory that the file is in. */
static bool is_anybodys_directory(void)
{
	struct stat about;

	return stat(directory, &about) || about.st_mode & S_IWOTH;
}

/* Only what can be nothing but a log: whoever may make names in its directory
 * could have put a device there, a link to another's file, or a file of their
 * own. */
static bool is_log(int fd)
{
	struct stat about;

	return !fstat(fd, &about) && S_ISREG(about.st_mode) &&
	       about.st_nlink == 1 &&
	       (about.st_uid == geteuid() || !is_anybodys_directory());
}

static int open_file(void)
{
	int fd = open(path,
		      O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW |
			      O_NONBLOCK | O_NOCTTY,
		      0640);

	if (fd < 0 || is_log(fd))
		return fd;
	close(fd);
	return -1;
}

/* With the time, which syslog and the journal add themselves. */
static bool write_file(const char *line, size_t size)
{
	char dated[CLOCK_TEXT_MAX + LINE_MAX_SIZE];
	int fd = open_file();

	if (fd < 0)
		return false;
	clock_print(dated, clock_wall());
	size_t time = strlen(dated);
	dated[time++] = ' ';
	memcpy(dated + time, line, size);
	bool good = output_write(fd, dated, time + size);
	close(fd);
	return good;
}

/* Not syslog(3): its connection is one for the whole process, the host's. */
static bool write_syslog(const char *line, size_t size)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX,
				  .sun_path = "/dev/log" };
	char datagram[LINE_MAX_SIZE + 16];
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int all = snprintf(datagram, sizeof(datagram), "<%d>%.*s",
			   LOG_DAEMON | LOG_NOTICE, (int)size - 1, line);

	if (fd < 0)
		return false;
	bool good = sendto(fd, datagram, all, MSG_NOSIGNAL | MSG_DONTWAIT,
			   (struct sockaddr *)&to, sizeof(to)) == all;
	close(fd);
	return good;
}

/* Returns the line's length. */
static size_t compose(char line[LINE_MAX_SIZE], const char *tap,
		      const char *format, va_list list)
	__attribute__((format(printf, 3, 0)));

static size_t compose(char line[LINE_MAX_SIZE], const char *tap,
		      const char *format, va_list list)
{
	size_t at =
		snprintf(line, LINE_MAX_SIZE, "dnstapshim[%ld]: %s%s",
			 (long)process_id(), tap ? tap : "", tap ? ": " : "");

	if (at >= LINE_MAX_SIZE)
		at = LINE_MAX_SIZE - 1;
	vsnprintf(line + at, LINE_MAX_SIZE - at, format, list);
	at = strnlen(line, LINE_MAX_SIZE - 1);
	line[at++] = '\n';
	return at;
}

const struct log_writer log_stderr = { write_stderr, { { .number = -1 } } };

const struct log_writer log_syslog = {
	write_syslog,
	{ { SYS_socket, { AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC } },
	  { .number = SYS_sendto },
	  { .number = SYS_close },
	  { .number = -1 } }
};

const struct log_writer log_file = { write_file,
				     { { .number = SYS_openat },
				       { .number = SYS_close },
				       { .number = SYS_geteuid },
				       { .number = -1 } } };

void log_line(const char *tap, const char *format, ...)
{
	char line[LINE_MAX_SIZE];
	int cancel, saved = errno;
	va_list list;

	if (!writer || !sandbox_spares(sandbox_writing))
		return;
	va_start(list, format);
	size_t size = compose(line, tap, format, list);
	va_end(list);
	/* The caller may be no cancellation point. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	/* In a chroot there may be neither the file nor /dev/log. */
	if ((!sandbox_spares(writer->needs) || !writer->write(line, size)) &&
	    writer != &log_stderr)
		write_stderr(line, size);
	pthread_setcancelstate(cancel, NULL);
	errno = saved;
}

bool log_try(const char *tap, const char *format, ...)
{
	char line[LINE_MAX_SIZE];
	va_list list;

	if (!writer)
		return true;
	if (writer != &log_stderr || !sandbox_spares(sandbox_writing) ||
	    !log_has_stderr())
		return false;
	va_start(list, format);
	size_t size = compose(line, tap, format, list);
	va_end(list);
	return output_try(STDERR_FILENO, line, size);
}

bool log_first(const void *key)
{
	static const void *_Atomic keys[LOG_KEYS_MAX];

	for (size_t i = 0; i < LOG_KEYS_MAX; i++) {
		const void *there = NULL;

		if (atomic_compare_exchange_strong(&keys[i], &there, key))
			return true;
		if (there == key)
			return false;
	}
	return true;
}

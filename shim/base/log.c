/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines are few, so the target is opened for each: nothing stays open, and a
 * log file may be rotated at any time.
 */
#include "shim/base/log.h"

#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "shim/base/clock.h"

#define LINE_MAX_SIZE 1024

static enum log_target target = LOG_TARGET_STDERR;
static const char *path;

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

void log_open(enum log_target to, const char *file)
{
	struct stat about;

	target = to;
	path = file;
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

	return target != LOG_TARGET_OFF && !fstat(STDERR_FILENO, &about) &&
	       (S_ISCHR(about.st_mode) ||
		(inode && about.st_dev == device && about.st_ino == inode));
}

/* A pipe that nobody reads would block, one that nobody has would end the host
 * with SIGPIPE. */
static bool takes_more(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };

	return poll(&poll_fd, 1, 0) == 1 && poll_fd.revents == POLLOUT;
}

static bool write_stderr(const char *line, size_t size)
{
	return log_has_stderr() && takes_more(STDERR_FILENO) &&
	       write(STDERR_FILENO, line, size) == (ssize_t)size;
}

/* With the time, which syslog and the journal add themselves. */
static bool write_file(const char *line, size_t size)
{
	char dated[CLOCK_TEXT_MAX + LINE_MAX_SIZE];
	int fd = open(path,
		      O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK,
		      0640);

	if (fd < 0)
		return false;
	clock_print(dated, clock_wall());
	size_t time = strlen(dated);
	dated[time++] = ' ';
	memcpy(dated + time, line, size);
	bool good = write(fd, dated, time + size) == (ssize_t)(time + size);
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

void log_line(const char *tap, const char *format, ...)
{
	static bool (*const writers[])(const char *line, size_t size) = {
		[LOG_TARGET_STDERR] = write_stderr,
		[LOG_TARGET_SYSLOG] = write_syslog,
		[LOG_TARGET_FILE] = write_file,
	};
	char line[LINE_MAX_SIZE];
	size_t at = snprintf(line, sizeof(line), "dnstapshim[%ld]: %s%s",
			     (long)getpid(), tap ? tap : "", tap ? ": " : "");
	va_list list;

	if (target == LOG_TARGET_OFF)
		return;
	if (at >= sizeof(line))
		at = sizeof(line) - 1;
	va_start(list, format);
	vsnprintf(line + at, sizeof(line) - at, format, list);
	va_end(list);
	at = strnlen(line, sizeof(line) - 1);
	line[at++] = '\n';
	/* In a chroot there may be neither the file nor /dev/log. */
	if (!writers[target](line, at) && target != LOG_TARGET_STDERR)
		write_stderr(line, at);
}

bool log_first(const void *key)
{
	static const void *_Atomic keys[CONFIG_TAPS_MAX];

	for (size_t i = 0; i < CONFIG_TAPS_MAX; i++) {
		const void *there = NULL;

		if (atomic_compare_exchange_strong(&keys[i], &there, key))
			return true;
		if (there == key)
			return false;
	}
	return true;
}

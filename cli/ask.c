/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding the socket, making sure of who answers, one request.
 */
#include "cli/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/configured.h"
#include "cli/proc.h"
#include "cli/processes.h"
#include "shim/tap/control.h"

#define PATIENCE_S (2 * CONTROL_MS / 1000)
#define PATH_SIZE  64
#define PAUSE_NS   (20 * 1000 * 1000)
#define ABSENT_MAX 4   /* looks for a socket that is not there */
#define ENDED_MAX  100 /* likewise, where there has been one */
#define FULL_MAX   (PATIENCE_S * 1000000000LL / PAUSE_NS)

static const struct timeval patience = { .tv_sec = PATIENCE_S },
			    hardly_any = { .tv_usec = 300 * 1000 };

struct question {
	pid_t pid;
	const char *command, *body;
	bool patient;
};

/* The n-th number there, from 1 on; 0: the last. Returns -1 where there is none. */
static long number_in(const char *text, int n)
{
	long number = -1, next;
	char *end;

	for (int i = 1;; i++, text = end) {
		next = strtol(text, &end, 10);
		if (end == text)
			return n ? -1 : number;
		number = next;
		if (i == n)
			return number;
	}
}

/* Of a line of /proc/PID/status. */
static long status_number(pid_t pid, const char *key, int n)
{
	FILE *file = proc_open(pid, "status");
	size_t room = 0, length = strlen(key);
	char *line = NULL;
	long number = -1;

	while (file && number < 0 && getline(&line, &room, file) > 0)
		if (!strncmp(line, key, length) && line[length] == ':')
			number = number_in(line + length + 1, n);
	free(line);
	if (file)
		fclose(file);
	return number;
}

/* As it calls itself. */
static long own_number(pid_t pid)
{
	long number = status_number(pid, "NSpid", 0);

	return number > 0 ? number : pid;
}

/* Enters the network namespace of the process, where it is another. */
static int enter(pid_t pid)
{
	struct stat ours, theirs;
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	/* Whoever may not look may not enter either. */
	if (fd < 0)
		return 0;
	bool same = !stat("/proc/self/ns/net", &ours) && !fstat(fd, &theirs) &&
		    ours.st_ino == theirs.st_ino;
	int error = same || !setns(fd, CLONE_NEWNET) ? 0 : -errno;

	close(fd);
	return error;
}

/* The kernel says who listens, or did when that began. */
static bool is_the_one(int fd, pid_t pid)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) ||
	    peer.pid != pid)
		return false;
	return !peer.uid || peer.uid == geteuid() ||
	       (long)peer.uid == status_number(pid, "Uid", 2);
}

static void wait_so_long(int fd, const struct timeval *time)
{
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, time, sizeof(*time));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, time, sizeof(*time));
	fcntl(fd, F_SETFL, 0);
}

/* `name`: as /proc/net/unix has it. Does not wait for room with whoever listens, which
 * may be anybody. Returns an fd or -errno; -EAGAIN: there was none. */
static int connect_to(const char *name, pid_t pid)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t size = strlen(name);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
	    error = 0;

	if (fd < 0)
		return -errno;
	if (size >= sizeof(to.sun_path))
		size = sizeof(to.sun_path) - 1;
	memcpy(to.sun_path + 1, name + 1, size - 1);
	if (connect(fd, (struct sockaddr *)&to,
		    offsetof(struct sockaddr_un, sun_path) + size))
		error = -errno;
	else if (!is_the_one(fd, pid))
		error = -ENOENT;
	if (error)
		close(fd);
	return error ? error : fd;
}

/* Others may have sockets that are called likewise. */
static int find(pid_t pid)
{
	FILE *sockets = proc_open(pid, "net/unix");
	char prefix[PATH_SIZE] = "@", *line = NULL, *name;
	size_t room = 0;
	int fd = -ENOENT, one;

	if (!sockets)
		return -errno;
	snprintf(prefix + 1, sizeof(prefix) - 1, CONTROL_NAME,
		 (int)own_number(pid));
	while (fd < 0 && getline(&line, &room, sockets) > 0) {
		line[strcspn(line, "\n")] = '\0';
		name = strchr(line, '@');
		if (!name || strncmp(name, prefix, strlen(prefix)))
			continue;
		one = connect_to(name, pid);
		if (one != -ENOENT && one != -ECONNREFUSED)
			fd = one;
	}
	free(line);
	fclose(sockets);
	return fd;
}

static int send_all(int fd, const char *text)
{
	size_t left = strlen(text);
	ssize_t n;

	for (; left; text += n, left -= n) {
		n = send(fd, text, left, MSG_NOSIGNAL);
		if (n < 0)
			return -errno;
	}
	return 0;
}

/* To its end. */
static int receive(int fd, char **text)
{
	size_t size = 0, room = 1 << 16;
	char *octets = malloc(room), *more;
	ssize_t n = 1;

	while (octets && n > 0) {
		if (size + 1 == room) {
			more = realloc(octets, room *= 2);
			if (!more)
				free(octets);
			octets = more;
			continue;
		}
		n = recv(fd, octets + size, room - size - 1, 0);
		size += n > 0 ? n : 0;
	}
	if (!octets)
		return -ENOMEM;
	octets[size] = '\0';
	*text = octets;
	/* Who sends us away does so without having read. */
	if (n < 0 && !size) {
		free(octets);
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	}
	return 0;
}

static int converse(int fd, const struct question *question, char **text)
{
	int error;

	wait_so_long(fd, question->patient ? &patience : &hardly_any);
	error = send_all(fd, question->command);
	if (!error)
		error = send_all(fd, "\n");
	if (!error && question->body)
		error = send_all(fd, question->body);
	shutdown(fd, SHUT_WR);
	if (error == -EPIPE)
		error = 0; /* it may have said why */
	return error ? error : receive(fd, text);
}

static int ask_once(const struct question *question, char **text)
{
	int fd = find(question->pid);

	if (fd < 0)
		return fd;
	int error = converse(fd, question, text);
	close(fd);
	if (error || **text)
		return error;
	free(*text);
	return -ECONNRESET;
}

/* How often it is worth another try; 0: it is not. */
static int tries(int error)
{
	switch (error) {
	case -ENOENT:
		return ABSENT_MAX;
	case -ECONNRESET:
	case -EPIPE:
		return ENDED_MAX;
	case -EAGAIN:
		return FULL_MAX;
	default:
		return 0;
	}
}

/* The thread that serves may end, and another is about to; or it has more to do than it
 * can. What it has done by then it may do twice. */
static int ask_again(const struct question *question, char **text)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	int error, most = 0;

	for (int tried = 1;; tried++) {
		error = ask_once(question, text);
		if (tries(error) > most)
			most = tries(error);
		if (!tries(error) || tried >= most || !question->patient)
			return error == -EAGAIN ? -ETIMEDOUT : error;
		nanosleep(&pause, NULL);
	}
}

static int put(const struct question *question, struct reply *reply)
{
	static const char done[] = CONTROL_DONE "\n",
			  refused[] = CONTROL_REFUSED "\n";
	char *text = NULL;
	int error = enter(question->pid);

	*reply = (struct reply){ 0 };
	if (!error)
		error = ask_again(question, &text);
	if (error)
		return error;
	reply->done = !strncmp(text, done, sizeof(done) - 1);
	size_t first = reply->done ? sizeof(done) - 1 : sizeof(refused) - 1;
	if (reply->done || !strncmp(text, refused, sizeof(refused) - 1))
		reply->text = strdup(text + first);
	free(text);
	return reply->text ? 0 : -EPROTO;
}

int ask(pid_t pid, const char *command, const char *body, struct reply *reply)
{
	return put(&(struct question){ pid, command, body, true }, reply);
}

int ask_briefly(pid_t pid, const char *command, struct reply *reply)
{
	return put(&(struct question){ pid, command, NULL, false }, reply);
}

void reply_free(struct reply *reply)
{
	free(reply->text);
	*reply = (struct reply){ 0 };
}

const char *ask_why(pid_t pid)
{
	struct config *config;
	char *text;

	if (!processes_has_library(pid))
		return LIBRARY " is not loaded in it, as far as may be seen";
	text = proc_variable(pid, "DNSTAP_CONFIG");
	if (!text || !*text) {
		free(text);
		return "DNSTAP_CONFIG is not set in its environment";
	}
	free(text);
	config = configured_load(pid);
	config_free(config);
	if (!config)
		return "its configuration has been refused, or cannot be read "
		       "from here";
	return "no DNS message has come to it yet, or its sandbox refuses it "
	       "a socket for answers";
}

static int explain_error(int error, pid_t pid)
{
	const char *why = strerror(-error);

	if (error == -ENOENT)
		why = ask_why(pid);
	else if (error == -EPERM)
		why = "it is in another network namespace, which only root may "
		      "enter";
	else if (error == -ETIMEDOUT)
		why = "it does not answer";
	else if (error == -EPROTO)
		why = "it answers with something else";
	cli_warn("process %d: %s", (int)pid, why);
	return error == -EPERM || error == -EACCES ? EX_NOPERM : EX_UNAVAILABLE;
}

/* Whoever is told calls the text that was sent by the variable that it stands in for. */
static void put_line(char *line, const char *name)
{
	static const char variable[] = "DNSTAP_CONFIG";
	const size_t size = sizeof(variable) - 1;

	if (name && !strncmp(line, variable, size)) {
		cli_put(name, stderr);
		line += size;
	}
	cli_put(line, stderr);
}

int reply_explain(const struct reply *reply, int error, pid_t pid, int refused,
		  const char *name)
{
	const char *text = reply->text;

	if (error)
		return explain_error(error, pid);
	if (reply->done)
		return EX_OK;
	for (size_t size; *text; text += size + !!text[size]) {
		size = strcspn(text, "\n");
		fprintf(stderr, "dnstapshim %s: process %d: ", cli_command,
			(int)pid);
		char *line = strndup(text, size);
		if (line)
			put_line(line, name);
		putc('\n', stderr);
		free(line);
	}
	return strcmp(reply->text, CONTROL_STRANGER "\n") ? refused : EX_NOPERM;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Serving an operator between a tap's messages: few connections, small pieces, and
 * an end to each of them.
 */
#include "shim/tap/control.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "shim/base/clock.h"
#include "shim/base/own_fds.h"
#include "shim/base/process.h"
#include "shim/base/sandbox.h"
#include "shim/base/secret.h"
#include "shim/base/thread.h"

#define FLAGS         (SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK)
#define BACKLOG       64
#define LOOK_NS       (10 * NS_PER_MS) /* where a thread finds no time to idle */
#define PIECE         (64 * 1024) /* octets, before messages get their turn */
#define ACCEPTS_MAX   16          /* likewise */
#define STRANGERS_MAX 200         /* within STRANGERS_NS; then they wait */
#define STRANGERS_NS  (100 * NS_PER_MS)
#define REFUSED_NS    (100 * NS_PER_MS)
#define NOBODY        65534 /* who has no number here: user_namespaces(7) */

static control_handler *answer; /* NULL: nobody is to serve */
static void (*call_others)(void);

/* The process that a thread of serves. Another number is a parent's. */
static _Atomic pid_t served;

static const struct sandbox_call needs[] = {
	{ SYS_socket, { AF_UNIX, FLAGS } },
	{ .number = SYS_bind },
	{ .number = SYS_listen },
	{ .number = SYS_accept4 },
	{ .number = SYS_getsockopt },
	{ .number = SYS_geteuid },
	{ .number = -1 },
};

void control_begin(control_handler *handler, void (*left)(void))
{
	answer = handler;
	call_others = left;
}

static bool make_room(struct control_reply *reply, size_t more)
{
	size_t room = reply->room ? reply->room : 4096;

	while (room - reply->size <= more)
		room *= 2;
	char *text = reply->cut || room > CONTROL_REPLY_MAX
			     ? NULL
			     : realloc(reply->text, room);
	reply->cut = !text;
	if (!text)
		return false;
	reply->text = text;
	reply->room = room;
	return true;
}

void control_say(struct control_reply *reply, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	int size = vsnprintf(NULL, 0, format, list);
	va_end(list);
	if (size < 0 || !make_room(reply, size))
		return;
	va_start(list, format);
	reply->size += vsnprintf(reply->text + reply->size,
				 reply->room - reply->size, format, list);
	va_end(list);
}

/* The socket. */

static socklen_t name_of(pid_t process, struct sockaddr_un *name)
{
	uint64_t moment[2] = { clock_steady(), thread_ask_id() };
	char *path = name->sun_path + 1;

	*name = (struct sockaddr_un){ .sun_family = AF_UNIX };
	int size = snprintf(path, sizeof(name->sun_path) - 1,
			    CONTROL_NAME "%016llx", (int)process,
			    (unsigned long long)secret_hash(moment, 2));
	return offsetof(struct sockaddr_un, sun_path) + 1 + size;
}

static int open_listener(pid_t process)
{
	struct sockaddr_un name;
	socklen_t size = name_of(process, &name);

	if (!sandbox_spares(needs))
		return -1;
	int fd = own_fds_take(socket(AF_UNIX, FLAGS, 0));
	if (fd >= 0 && !bind(fd, (struct sockaddr *)&name, size) &&
	    !listen(fd, BACKLOG))
		return fd;
	own_fds_close(fd);
	return -1;
}

/* The first thread of a process serves until it ends. */
static void take_over(struct control *control)
{
	pid_t process = process_id(), known = atomic_load(&served);

	if (!answer || !process || known == process ||
	    !atomic_compare_exchange_strong(&served, &known, process))
		return;
	control->serves = true;
	control->listener = open_listener(process);
	for (size_t i = 0; i < CONTROL_CONNECTIONS; i++)
		control->connection[i].fd = -1;
}

/* Its connections. */

static void hang_up(struct control_connection *connection)
{
	own_fds_close(connection->fd);
	free(connection->request);
	free(connection->reply.text);
	*connection = (struct control_connection){ .fd = -1 };
}

static bool is_welcome(int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (!sandbox_spares(needs) ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size))
		return false;
	return !peer.uid || (peer.uid == geteuid() && peer.uid != NOBODY);
}

static void send_away(struct control *control, int fd)
{
	static const char no[] = CONTROL_REFUSED "\n" CONTROL_STRANGER "\n";

	send(fd, no, sizeof(no) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	own_fds_close(fd);
	control->strangers++;
}

static struct control_connection *vacancy(struct control *control)
{
	for (size_t i = 0; i < CONTROL_CONNECTIONS; i++)
		if (control->connection[i].fd < 0)
			return &control->connection[i];
	return NULL;
}

/* Who is too many is left in the kernel's hands, and who comes while no connection is
 * to be had. */
static uint64_t open_at(const struct control *control)
{
	return control->strangers >= STRANGERS_MAX
		       ? control->strangers_from + STRANGERS_NS
		       : control->refused_until;
}

static bool is_open(struct control *control, uint64_t now_ns)
{
	if (now_ns - control->strangers_from >= STRANGERS_NS) {
		control->strangers_from = now_ns;
		control->strangers = 0;
	}
	return control->listener >= 0 && now_ns >= open_at(control);
}

static void accept_all(struct control *control, uint64_t now_ns)
{
	struct control_connection *place;

	/* The host may have set up a filter since. */
	if (!sandbox_spares(needs))
		return;
	for (int i = 0; i < ACCEPTS_MAX && is_open(control, now_ns) &&
			(place = vacancy(control));
	     i++) {
		int fd = own_fds_take(accept4(control->listener, NULL, NULL,
					      SOCK_CLOEXEC | SOCK_NONBLOCK));
		if (fd < 0) {
			if (errno != EAGAIN) /* and no event tells more */
				control->refused_until = now_ns + REFUSED_NS;
			return;
		}
		if (is_welcome(fd))
			*place = (struct control_connection){
				.fd = fd,
				.deadline = now_ns + CONTROL_MS * NS_PER_MS,
			};
		else
			send_away(control, fd);
	}
}

static bool has_room(struct control_connection *connection)
{
	size_t room = connection->room ? 2 * connection->room : 4096;

	/* One octet is kept for the end. */
	if (connection->size + 1 < connection->room)
		return true;
	char *request = room > 2 * CONTROL_REQUEST_MAX
				? NULL
				: realloc(connection->request, room);
	if (!request)
		return false;
	connection->request = request;
	connection->room = room;
	return true;
}

/* The command is a line; without its end, it is all. */
static void carry_out(struct control_connection *connection)
{
	struct control_reply text = { 0 };
	char *body = connection->request;

	body[connection->size] = '\0';
	body += strcspn(body, "\n");
	if (*body)
		*body++ = '\0';
	bool done = answer(connection->request, body, &text);
	control_say(&connection->reply, "%s\n%s",
		    done ? CONTROL_DONE : CONTROL_REFUSED,
		    text.text ? text.text : "");
	free(text.text);
	connection->replies = true;
}

/* Returns -EAGAIN, 0 when the request is there, or another -errno. */
static int receive(struct control_connection *connection)
{
	if (!has_room(connection) || connection->size > CONTROL_REQUEST_MAX)
		return -EMSGSIZE;
	ssize_t n = recv(connection->fd, connection->request + connection->size,
			 connection->room - connection->size - 1, MSG_DONTWAIT);
	if (n < 0)
		return -errno;
	connection->size += n;
	return n ? -EAGAIN : 0;
}

/* Likewise, when all of the reply has been taken. */
static int reply(struct control_connection *connection)
{
	size_t left = connection->reply.size - connection->sent;
	ssize_t n = left ? send(connection->fd,
				connection->reply.text + connection->sent,
				left < PIECE ? left : PIECE,
				MSG_DONTWAIT | MSG_NOSIGNAL)
			 : 0;

	if (n < 0)
		return -errno;
	connection->sent += n;
	return connection->sent == connection->reply.size ? 0 : -EAGAIN;
}

static void serve(struct control_connection *connection, uint64_t now_ns)
{
	if (!own_fds_intact(connection->fd)) {
		hang_up(connection);
		return;
	}
	int error = connection->replies ? 0 : receive(connection);
	if (!error && !connection->replies)
		carry_out(connection);
	if (!error)
		error = reply(connection);
	if (error != -EAGAIN || now_ns >= connection->deadline)
		hang_up(connection);
}

void control_advance(struct control *control, uint64_t now_ns)
{
	if (!control->stirs && now_ns < control->look_at)
		return;
	control->stirs = false;
	control->look_at = now_ns + LOOK_NS;
	own_fds_begin();
	if (!control->serves)
		take_over(control);
	if (control->serves) {
		if (control->listener >= 0 &&
		    !own_fds_intact(control->listener))
			control->listener = -1;
		accept_all(control, now_ns);
		for (size_t i = 0; i < CONTROL_CONNECTIONS; i++)
			if (control->connection[i].fd >= 0)
				serve(&control->connection[i], now_ns);
	}
	own_fds_end();
}

static bool has_vacancy(const struct control *control)
{
	for (size_t i = 0; i < CONTROL_CONNECTIONS; i++)
		if (control->connection[i].fd < 0)
			return true;
	return false;
}

/* While it is not open, and while there is no place, nobody is let in. */
static size_t poll_listener(const struct control *control, struct pollfd *fds,
			    uint64_t *deadline_ns)
{
	if (control->listener < 0 || !has_vacancy(control))
		return 0;
	uint64_t opens = open_at(control);
	uint64_t looked = control->look_at - LOOK_NS;

	if (opens > looked) {
		*deadline_ns =
			opens > control->look_at ? opens : control->look_at;
		return 0;
	}
	*fds = (struct pollfd){ control->listener, POLLIN, 0 };
	return 1;
}

size_t control_poll(const struct control *control, struct pollfd *fds,
		    uint64_t *deadline_ns)
{
	*deadline_ns = UINT64_MAX;
	if (!control->serves)
		return 0;
	size_t count = poll_listener(control, fds, deadline_ns);

	for (size_t i = 0; i < CONTROL_CONNECTIONS; i++) {
		const struct control_connection *one = &control->connection[i];

		if (one->fd < 0)
			continue;
		fds[count++] =
			(struct pollfd){ one->fd,
					 one->replies ? POLLOUT : POLLIN, 0 };
		if (one->deadline < *deadline_ns)
			*deadline_ns = one->deadline;
	}
	return count;
}

void control_polled(struct control *control, const struct pollfd *fds,
		    size_t count)
{
	for (size_t i = 0; i < count; i++)
		control->stirs |= fds[i].revents;
}

void control_end(struct control *control)
{
	if (!control->serves)
		return;
	own_fds_close(control->listener);
	for (size_t i = 0; i < CONTROL_CONNECTIONS; i++)
		if (control->connection[i].fd >= 0)
			hang_up(&control->connection[i]);
	control->serves = false;
	atomic_store(&served, 0);
	if (call_others)
		call_others();
}

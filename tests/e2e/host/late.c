/* SPDX-License-Identifier: Apache-2.0
 *
 * Preloaded behind the library: a sendto() that has sent, but does not return
 * before it is told to, as if its thread had lost the processor. And, without
 * -DBEHIND, the program that asks with it.
 */
#include "host.h"

#ifdef BEHIND
#include <dlfcn.h>

void (*after_sendto)(void);

ssize_t sendto(int fd, const void *data, size_t size, int flags,
	       const struct sockaddr *to, socklen_t to_size)
{
	static typeof(sendto) *next;

	if (!next)
		next = (typeof(sendto) *)dlsym(RTLD_NEXT, "sendto");
	ssize_t sent = next(fd, data, size, flags, to, to_size);
	if (after_sendto)
		after_sendto();
	return sent;
}
#else
#include <dlfcn.h>

#define OTHERS 50

static int asking, told[2];
static _Thread_local bool is_late;

static int new_socket(void)
{
	struct sockaddr_in here = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	MUST(!bind(fd, (struct sockaddr *)&here, sizeof(here)));
	return fd;
}

static void ask(int fd, unsigned char id)
{
	unsigned char query[] = { 0,   id,  1,   0,   0, 1,   0,
				  0,   0,   0,   0,   0, 5,   'h',
				  'o', 's', 't', '1', 4, 't', 'e',
				  's', 't', 0,   0,   1, 0,   1 };
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(53) };

	MUST(inet_pton(AF_INET, UPSTREAM, &to.sin_addr) == 1);
	MUST(sendto(fd, query, sizeof(query), 0, (struct sockaddr *)&to,
		    sizeof(to)) == sizeof(query));
}

static void answer(int fd)
{
	unsigned char message[4096];
	struct sockaddr_in from;
	socklen_t size = sizeof(from);

	MUST(recvfrom(fd, message, sizeof(message), 0, (struct sockaddr *)&from,
		      &size) > 12);
}

/* Has the answer of the one that is late, and others of its own. */
static void *be_quick(void *unused)
{
	int fd = new_socket(), go;

	answer(asking);
	for (unsigned char id = 2; id < 2 + OTHERS; id++) {
		ask(fd, id);
		answer(fd);
	}
	MUST((go = open("/mnt/go", O_RDONLY)) >= 0);
	close(go);
	MUST(write(told[1], "", 1) == 1);
	return unused;
}

static void wait_for_word(void)
{
	char octet;

	if (is_late)
		MUST(read(told[0], &octet, 1) == 1);
}

int main(void)
{
	void (**after)(void) = dlsym(RTLD_DEFAULT, "after_sendto");
	pthread_t quick;

	MUST(after);
	*after = wait_for_word;
	MUST(!pipe(told));
	asking = new_socket();
	MUST(!pthread_create(&quick, NULL, be_quick, NULL));
	is_late = true;
	ask(asking, 1);
	MUST(!pthread_join(quick, NULL));
	is_late = false;
	ask(asking, 200);
	answer(asking);
	return 0;
}
#endif

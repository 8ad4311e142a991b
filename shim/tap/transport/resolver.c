/* SPDX-License-Identifier: Apache-2.0
 *
 * One thread for each tap with a name, asleep between look-ups. A look-up that
 * hangs holds up that tap only, and a forked child has nothing to inherit.
 */
#include "shim/tap/transport/resolver.h"

#include <netdb.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/base/process.h"
#include "shim/base/sandbox.h"
#include "shim/base/thread.h"
#include "shim/queue.h"
#include "shim/tap/worker.h"

#define STACK_SIZE (256 * 1024)

enum state { IDLE, ASKED, ANSWERED, ENDING };

struct resolver {
	struct worker_task task;
	const char *host, *port;
	sem_t wake;
	pid_t process, thread; /* who asks */
	/* ASKED (release) hands `process` and `thread` over to the resolver's
	 * thread, ANSWERED (release) hands `answer` back. */
	_Atomic enum state state;
	struct resolver_answer answer;
};

void resolver_look_up(const char *host, const char *port, int flags,
		      struct resolver_answer *answer)
{
	struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM,
		.ai_flags = flags,
	};
	struct addrinfo *list = NULL;

	answer->count = 0;
	answer->error = getaddrinfo(*host ? host : NULL, port, &hints, &list);
	for (struct addrinfo *a = list;
	     !answer->error && a && answer->count < RESOLVER_ADDRESSES_MAX;
	     a = a->ai_next) {
		struct resolver_address *to = &answer->address[answer->count++];
		memcpy(&to->name, a->ai_addr, a->ai_addrlen);
		to->size = a->ai_addrlen;
	}
	if (list)
		freeaddrinfo(list);
}

void resolver_figures(const char *host, const char *port, int flags,
		      struct resolver_answer *answer)
{
	resolver_look_up(host, port, flags | AI_NUMERICHOST | AI_NUMERICSERV,
			 answer);
}

static void run(void *argument)
{
	struct resolver *resolver = argument;

	for (;;) {
		while (sem_wait(&resolver->wake))
			;
		if (atomic_load_explicit(&resolver->state,
					 memory_order_acquire) == ENDING)
			break;
		resolver_look_up(resolver->host, resolver->port, AI_NUMERICSERV,
				 &resolver->answer);
		enum state asked = ASKED;
		if (!atomic_compare_exchange_strong(&resolver->state, &asked,
						    ANSWERED))
			break;
		if (resolver->thread && sandbox_allows(SYS_tgkill))
			tgkill(resolver->process, resolver->thread,
			       QUEUE_WAKE_SIGNAL);
	}
	sem_destroy(&resolver->wake);
	free(resolver);
}

struct resolver *resolver_start(const char *host, const char *port)
{
	struct resolver *resolver = sandbox_spares(sandbox_thread)
					    ? calloc(1, sizeof(*resolver))
					    : NULL;

	if (!resolver)
		return NULL;
	resolver->task =
		(struct worker_task){ .run = run, .argument = resolver };
	resolver->host = host;
	resolver->port = port;
	sem_init(&resolver->wake, 0, 0);
	if (!worker_start(&resolver->task, STACK_SIZE))
		return resolver;
	sem_destroy(&resolver->wake);
	free(resolver);
	return NULL;
}

void resolver_end(struct resolver *resolver)
{
	enum state state = atomic_exchange(&resolver->state, ENDING);

	/* While it looks up it finds out by itself. */
	if (state != ASKED)
		sem_post(&resolver->wake);
}

void resolver_ask(struct resolver *resolver)
{
	if (atomic_load_explicit(&resolver->state, memory_order_acquire) ==
	    ASKED)
		return;
	resolver->process = process_id();
	resolver->thread = thread_ask_id();
	atomic_store_explicit(&resolver->state, ASKED, memory_order_release);
	sem_post(&resolver->wake);
}

const struct resolver_answer *resolver_answer(struct resolver *resolver)
{
	return atomic_load_explicit(&resolver->state, memory_order_acquire) ==
			       ANSWERED
		       ? &resolver->answer
		       : NULL;
}

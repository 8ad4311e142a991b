/* SPDX-License-Identifier: Apache-2.0
 *
 * A table of datagrams in the making. A place that is claimed says whose it is, and
 * nothing more: whoever first adds to it, with the lock, begins afresh.
 */
#include "shim/capture/cork.h"

#include <string.h>
#include <sys/mman.h>

#include "shim/capture/octets.h"

/* A place that is being given back: as of a number that no fd has. */
#define LEAVING 0x80000001ull

static struct cork *corks; /* NULL: there is room for none */
_Atomic int cork_count;

void cork_begin(void)
{
	size_t size = CORKS * sizeof(*corks);
	void *made = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (made == MAP_FAILED)
		return;
	madvise(made, size, MADV_DONTDUMP);
	corks = made;
}

static uint64_t socket_of(const struct capture_call *call)
{
	return (call->state & 0xffffffff00000000) | (uint32_t)(call->fd + 1);
}

/* Nobody's, or a socket's that is no more. */
static bool is_free(uint64_t socket)
{
	return !socket ||
	       !fd_same_socket(fdtable_state((int)(uint32_t)socket - 1),
			       socket);
}

/* Returns true if the place is the socket's now, whoever of its threads has
 * claimed it. */
static bool claim(struct cork *cork, uint64_t socket)
{
	uint64_t was = cork->socket, before = was;

	if (!is_free(was))
		return was == socket;
	cork_count += !was; /* first: whoever ends it counts it out */
	if (atomic_compare_exchange_strong(&cork->socket, &before, socket))
		return true;
	cork_count -= !was;
	return before == socket;
}

struct cork *cork_of(const struct capture_call *call, bool begin)
{
	uint64_t socket = socket_of(call);

	if (!corks)
		return NULL;
	for (struct cork *cork = corks; cork < corks + CORKS; cork++)
		if (cork->socket == socket)
			return cork;
	for (struct cork *cork = corks; begin && cork < corks + CORKS; cork++)
		if (claim(cork, socket))
			return cork;
	return NULL;
}

/* What a thread has left behind, by a jump, ends with its socket. */
static bool lock(struct cork *cork, uint64_t socket)
{
	uint64_t holder = cork->locked_by;

	return is_free(holder) && atomic_compare_exchange_strong(
					  &cork->locked_by, &holder, socket);
}

static void begin(struct cork *cork, const struct msghdr *message,
		  uint64_t socket)
{
	cork->filled_by = socket;
	cork->size = cork->name_size = cork->control_size = 0;
	if (message->msg_name) {
		cork->name_size = message->msg_namelen;
		memcpy(&cork->name, message->msg_name, cork->name_size);
	}
	if (message->msg_controllen > sizeof(cork->control)) {
		cork->lost_by = socket;
	} else if (message->msg_control) {
		cork->control_size = message->msg_controllen;
		memcpy(cork->control, message->msg_control, cork->control_size);
	}
}

void cork_add(struct cork *cork, const struct capture_call *call,
	      const struct msghdr *message, size_t size)
{
	struct octets octets = { .iov = message->msg_iov, .left = size };
	uint64_t socket = socket_of(call);

	if (!lock(cork, socket)) {
		cork->lost_by = socket;
		return;
	}
	if (cork->filled_by != socket)
		begin(cork, message, socket);
	/* Read once: no other thread makes it less than what was looked at. */
	uint32_t at = cork->size;
	if (at > CORK_MAX || size > CORK_MAX - at) {
		cork->lost_by = socket;
	} else {
		octets_copy(&octets, cork->octets + at, size);
		cork->size = at + size;
	}
	cork->locked_by = 0;
}

bool cork_is_lost(const struct cork *cork, const struct capture_call *call)
{
	uint64_t socket = socket_of(call);

	return cork->lost_by == socket || cork->filled_by != socket;
}

void cork_end(struct cork *cork, const struct capture_call *call)
{
	uint64_t socket = socket_of(call);

	/* Another of its threads may have done so, and the place be another's. */
	if (!atomic_compare_exchange_strong(&cork->socket, &socket, LEAVING))
		return;
	cork->filled_by = cork->lost_by = 0;
	cork->socket = 0;
	cork_count--;
}

void cork_lose(void)
{
	for (size_t i = 0; corks && i < CORKS; i++)
		corks[i].lost_by = corks[i].socket;
}

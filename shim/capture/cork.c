/* SPDX-License-Identifier: Apache-2.0
 *
 * A table of datagrams in the making.
 */
#include "shim/capture/cork.h"

#include <string.h>

#include "shim/capture/octets.h"

static struct cork corks[CORKS];
_Atomic int cork_count;

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

static bool claim(struct cork *cork, uint64_t socket)
{
	uint64_t before = cork->socket;

	if (!is_free(before) ||
	    !atomic_compare_exchange_strong(&cork->socket, &before, socket))
		return false;
	if (!before)
		cork_count++;
	cork->begun = cork->lost = false;
	cork->size = cork->name_size = 0;
	cork->locked = false;
	return true;
}

struct cork *cork_of(const struct capture_call *call, bool begin)
{
	uint64_t socket = socket_of(call);

	for (struct cork *cork = corks; cork < corks + CORKS; cork++)
		if (cork->socket == socket)
			return cork;
	for (struct cork *cork = corks; begin && cork < corks + CORKS; cork++)
		if (claim(cork, socket))
			return cork;
	return NULL;
}

void cork_add(struct cork *cork, const struct msghdr *message, size_t size)
{
	struct octets octets = { .iov = message->msg_iov, .left = size };

	if (atomic_exchange(&cork->locked, true) ||
	    size > CORK_MAX - cork->size) {
		cork->lost = true;
		return;
	}
	if (!cork->begun && message->msg_name) {
		cork->name_size = message->msg_namelen;
		memcpy(&cork->name, message->msg_name, cork->name_size);
	}
	cork->begun = true;
	octets_copy(&octets, cork->octets + cork->size, size);
	cork->size += size;
	cork->locked = false;
}

void cork_end(struct cork *cork)
{
	cork->socket = 0;
	cork_count--;
}

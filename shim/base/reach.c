/* SPDX-License-Identifier: Apache-2.0
 *
 * Two harmless system calls that take an address: one that reads from it and
 * one that writes to it.
 */
#include "shim/base/reach.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/base/sandbox.h"

_Atomic uintptr_t reach_page[1 << REACH_BITS][REACH_WAYS];

static uintptr_t get(const _Atomic uintptr_t *place)
{
	return atomic_load_explicit(place, memory_order_relaxed);
}

static void set(_Atomic uintptr_t *place, uintptr_t page)
{
	atomic_store_explicit(place, page, memory_order_relaxed);
}

/* Looks at the set before it looks at what to do with it, which is nothing. */
static bool ask_reads(uintptr_t at)
{
	const void *set = (const void *)(at & -sizeof(uint64_t));

	return !sandbox_allows(SYS_rt_sigprocmask) ||
	       (syscall(SYS_rt_sigprocmask, -1, set, NULL, sizeof(uint64_t)) &&
		errno != EFAULT);
}

/* Of a call that writes one octet, and no more. The host's own filter may be
 * against one of them; where it is against both, it is trusted. */
static bool writes_one(int fd, void *octet)
{
	socklen_t size = 1;

	if (sandbox_allows(SYS_getsockname))
		return !getsockname(fd, octet, &size);
	return !sandbox_allows(SYS_getsockopt) ||
	       !getsockopt(fd, SOL_SOCKET, SO_TYPE, octet, &size);
}

static bool ask_writes(int fd, uintptr_t at)
{
	uint8_t *octet = (uint8_t *)at, was = *octet;

	if (!writes_one(fd, octet))
		return false;
	*octet = was;
	return true;
}

/* The place of a page, or NULL. */
static _Atomic uintptr_t *known(uintptr_t page)
{
	_Atomic uintptr_t *place = reach_places(page);

	for (size_t i = 0; i < REACH_WAYS; i++)
		if ((get(&place[i]) & -REACH_PAGE) == page)
			return &place[i];
	return NULL;
}

/* Instead of the oldest. */
static void remember(uintptr_t page, uintptr_t how)
{
	_Atomic uintptr_t *first = reach_places(page), *place = known(page);

	if (!place) {
		for (place = first + REACH_WAYS - 1; place > first; place--)
			set(place, get(place - 1));
	}
	set(place, page | how);
}

static bool knows(uintptr_t page, uintptr_t how)
{
	const _Atomic uintptr_t *place = known(page);
	uintptr_t found = place ? get(place) : 0;

	return (found & -REACH_PAGE) == page && found & how;
}

static bool learn_reads(uintptr_t at)
{
	uintptr_t page = at & -REACH_PAGE;

	if (knows(page, REACH_READS))
		return true;
	if (!ask_reads(at))
		return false;
	remember(page, REACH_READS);
	return true;
}

static bool learn_writes(int fd, uintptr_t at)
{
	uintptr_t page = at & -REACH_PAGE;

	if (knows(page, REACH_WRITES))
		return true;
	if (!learn_reads(at) || !ask_writes(fd, at))
		return false;
	remember(page, REACH_READS | REACH_WRITES);
	return true;
}

/* For an octet of each page that [at, at + size) lies in. */
static bool each_page(uintptr_t at, size_t size, int fd, bool writes)
{
	int saved = errno;
	uintptr_t end = at + size;
	bool good = end >= at;

	for (; good && at < end; at = (at & -REACH_PAGE) + REACH_PAGE)
		good = writes ? learn_writes(fd, at) : learn_reads(at);
	errno = saved;
	return good;
}

bool reach_ask_reads(const void *from, size_t size)
{
	return each_page((uintptr_t)from, size, -1, false);
}

bool reach_ask_writes(int fd, void *to, size_t size)
{
	return each_page((uintptr_t)to, size, fd, true);
}

bool reach_iovec(const struct iovec *iov, size_t count, size_t *size)
{
	*size = 0;
	if (count > IOV_MAX || !reach_reads(iov, count * sizeof(*iov)))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (iov[i].iov_len > SSIZE_MAX - *size ||
		    !reach_reads(iov[i].iov_base, iov[i].iov_len))
			return false;
		*size += iov[i].iov_len;
	}
	return true;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses that are good, that are not, and that are for reading only; octets
 * that go over the end of a page.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "proto/common.h"
#include "shim/base/reach.h"

static uint8_t *page; /* followed by one to read, and one that is not there */
static int fd;

static void begin(void)
{
	page = mmap(NULL, 3 * REACH_PAGE, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(page, REACH_PAGE, PROT_READ | PROT_WRITE);
	mprotect(page + REACH_PAGE, REACH_PAGE, PROT_READ);
	memset(page, 0x55, REACH_PAGE);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	errno = ENOTTY;
}

TestSuite(reach, .init = begin);

Test(reach, reads)
{
	cr_assert(reach_reads(page, REACH_PAGE));
	cr_assert(reach_reads(page + 1, 2 * REACH_PAGE - 1));
	cr_assert_not(reach_reads(page + 1, 2 * REACH_PAGE));
	cr_assert_not(reach_reads(page + 2 * REACH_PAGE - 3, 4));
	cr_assert(reach_reads(page + 2 * REACH_PAGE - 3, 3));
	cr_assert(reach_reads(NULL, 0));
	cr_assert_eq(errno, ENOTTY);
}

Test(reach, writes_and_changes_nothing)
{
	cr_assert(reach_writes(fd, page + 9, 4));
	cr_assert(reach_writes(fd, page + REACH_PAGE - 4, 4));
	cr_assert_not(reach_writes(fd, page + REACH_PAGE - 3, 4));
	cr_assert_not(reach_writes(fd, page + REACH_PAGE, 4));
	cr_assert(reach_reads(page + REACH_PAGE, 4));
	cr_assert_not(reach_writes(fd, page + REACH_PAGE, 4), "known to read");
	for (int i = 0; i < REACH_PAGE; i++)
		cr_assert_eq(page[i], 0x55);
	cr_assert_eq(errno, ENOTTY);
}

Test(reach, nowhere)
{
	static const uintptr_t nowhere[] = { 0,     8,         -1ul,
					     -64ul, 1ul << 47, 1ul << 63 };

	for (size_t i = 0; i < ARRAY_SIZE(nowhere); i++) {
		cr_assert_not(reach_reads((void *)nowhere[i], 8));
		cr_assert_not(reach_writes(fd, (void *)nowhere[i], 8));
	}
	cr_assert_not(reach_reads(page, SIZE_MAX), "around the end");
}

Test(reach, vectors)
{
	struct iovec iov[] = { { page, 10 },
			       { NULL, 0 },
			       { page + REACH_PAGE, 20 },
			       { page + 2 * REACH_PAGE, 1 } };
	size_t size;

	cr_assert(reach_iovec(iov, 3, &size));
	cr_assert_eq(size, 30);
	cr_assert_not(reach_iovec(iov, 4, &size));
	cr_assert_eq(size, 30);
	cr_assert_not(reach_iovec((void *)8, 1, &size));
	cr_assert_eq(size, 0);
	cr_assert_not(reach_iovec(iov, 1025, &size));
}

static uint8_t *reserve(size_t pages)
{
	return mmap(NULL, pages * REACH_PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

/* The kernel is asked about each of them once: it would say that they are not there
 * any more. */
Test(reach, pages_of_one_place)
{
	const size_t enough = (2 * REACH_WAYS) << REACH_BITS;
	uint8_t *pages = reserve(enough), *same[REACH_WAYS], *at = pages;

	for (size_t i = 0; i < REACH_WAYS; at += REACH_PAGE)
		if (reach_places((uintptr_t)at) ==
		    reach_places((uintptr_t)pages))
			same[i++] = at;
	for (size_t i = 0; i < REACH_WAYS; i++)
		cr_assert(reach_writes(fd, same[i], 4));
	munmap(pages, enough * REACH_PAGE);
	for (size_t i = 0; i < 3 * REACH_WAYS; i++)
		cr_assert(reach_writes(fd, same[i % REACH_WAYS], 4));
}

/* As servers have them that receive many messages at once. */
Test(reach, buffers_a_power_of_two_apart)
{
	enum { BUFFERS = 500, APART_MAX = 64 };

	for (size_t apart = 1; apart <= APART_MAX; apart *= 2) {
		uint8_t *pages = reserve(BUFFERS * apart);

		for (size_t i = 0; i < BUFFERS; i++)
			cr_assert(
				reach_reads(pages + i * apart * REACH_PAGE, 4));
		munmap(pages, BUFFERS * apart * REACH_PAGE);
		for (size_t i = 0; i < BUFFERS; i++)
			cr_assert(
				reach_reads(pages + i * apart * REACH_PAGE, 4),
				"%zu pages apart", apart);
	}
}

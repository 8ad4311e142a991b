/* SPDX-License-Identifier: Apache-2.0
 *
 * The fd table: facts belong to one socket, and every number has its place.
 */
#include <criterion/criterion.h>

#include <string.h>

#include "shim/capture/fdtable.h"

static const struct fd_info info = {
	.local = { .octets = { 192, 0, 2, 53 }, .port = 53, .known = true },
	.serves = true,
};

static enum fd_kind known(int fd, struct fd_info *found)
{
	return fd_kind(fdtable_known(fd, found));
}

Test(fdtable, knows_nothing_at_first)
{
	struct fd_info found;

	cr_assert_eq(known(5, &found), FD_UNKNOWN);
	fdtable_forget(5);
	cr_assert_null(fdtable_entry(5), "forgetting maps nothing");
}

Test(fdtable, keeps_what_it_learned)
{
	struct fd_info found;

	fdtable_learn(5, fdtable_state(5), FD_DATAGRAM, &info);
	cr_assert_eq(known(5, &found), FD_DATAGRAM);
	cr_assert_eq(found.local.port, 53);
	cr_assert(found.serves);
	cr_assert_eq(known(6, &found), FD_UNKNOWN);
}

Test(fdtable, learns_nothing_of_an_earlier_socket)
{
	struct fd_info found;
	uint64_t before;

	fdtable_fresh(5, FD_FRESH_UDP);
	before = fdtable_state(5);
	fdtable_forget(5);
	fdtable_learn(5, before, FD_DATAGRAM, &info);
	cr_assert_eq(known(5, &found), FD_UNKNOWN);
	cr_assert_not(fd_same_socket(before, fdtable_state(5)));
}

Test(fdtable, another_address_is_the_same_socket)
{
	struct address remote = { .port = 53, .known = true };
	struct fd_info found;
	uint64_t before;

	fdtable_fresh(5, FD_FRESH_TCP);
	before = fdtable_state(5);
	fdtable_connected(5, &remote);
	cr_assert(fd_same_socket(before, fdtable_state(5)));
	cr_assert_eq(fd_kind(fdtable_state(5)), FD_FRESH_TCP);
	fdtable_learn(5, fdtable_state(5), FD_STREAM, &info);
	fdtable_unlearn(5);
	cr_assert_neq(known(5, &found), FD_STREAM);
	cr_assert(fd_same_socket(before, fdtable_state(5)));
}

Test(fdtable, a_way_of_its_own_stays_when_the_address_changes)
{
	struct address remote = { .port = 53, .known = true };
	struct fd_info found;
	uint64_t before;

	fdtable_fresh(5, FD_FRESH_UDP);
	fdtable_routed(5);
	fdtable_connected(5, &remote);
	cr_assert_eq(fd_kind(fdtable_state(5)), FD_FRESH_UDP);
	cr_assert(fdtable_read(fdtable_entry(5), fdtable_state(5), &found));
	cr_assert(found.routed);
	cr_assert_eq(found.remote.port, 53);
	fdtable_learn(5, fdtable_state(5), FD_DATAGRAM, &info);
	fdtable_routed(5);
	cr_assert_eq(known(5, &found), FD_DATAGRAM);
	cr_assert(found.routed && found.serves);
	/* Who has asked before, and was not told so, learns nothing. */
	fdtable_forget(5);
	before = fdtable_state(5);
	fdtable_routed(5);
	cr_assert_not(fdtable_learn(5, before, FD_DATAGRAM, &info));
	/* It is nothing to connections, or where there is nothing. */
	fdtable_fresh(5, FD_FRESH_TCP);
	fdtable_routed(5);
	cr_assert(fdtable_read(fdtable_entry(5), fdtable_state(5), &found));
	cr_assert_not(found.routed);
	fdtable_routed(INT32_MAX);
}

Test(fdtable, forgets_ranges)
{
	static const int fds[] = { 3, 255, 256, 700, 65535, 65536 };
	struct fd_info found;

	for (size_t i = 0; i < 6; i++)
		fdtable_learn(fds[i], fdtable_state(fds[i]), FD_STREAM, &info);
	fdtable_forget_range(256, 65535);
	for (size_t i = 0; i < 6; i++)
		cr_assert_eq(known(fds[i], &found),
			     i < 2 || i == 5 ? FD_STREAM : FD_UNKNOWN, "fd %d",
			     fds[i]);
	fdtable_forget_range(0, ~0U);
	cr_assert_eq(known(65536, &found), FD_UNKNOWN);
}

/* Beyond the table everything is asked anew, and nothing is written. */
Test(fdtable, has_an_end)
{
	static const int beyond[] = { FDTABLE_MAX, INT32_MAX, -1, INT32_MIN };
	struct fd_info found;

	fdtable_learn(FDTABLE_MAX - 1, fdtable_state(FDTABLE_MAX - 1),
		      FD_DATAGRAM, &info);
	cr_assert_eq(known(FDTABLE_MAX - 1, &found), FD_DATAGRAM);
	for (size_t i = 0; i < 4; i++) {
		fdtable_fresh(beyond[i], FD_FRESH_UDP);
		fdtable_learn(beyond[i], fdtable_state(beyond[i]), FD_DATAGRAM,
			      &info);
		fdtable_forget(beyond[i]);
		cr_assert_eq(known(beyond[i], &found), FD_UNKNOWN);
	}
}

/* dup2(2): whoever asked before the call has learned of what it replaced. */
Test(fdtable, what_was_replaced_is_forgotten)
{
	struct fd_info found;
	uint64_t before;

	fdtable_fresh(5, FD_FRESH_UDP);
	before = fdtable_state(5);
	fdtable_learn(5, fdtable_state(5), FD_DATAGRAM, &info);
	fdtable_replaced(5, before);
	cr_assert_eq(known(5, &found), FD_UNKNOWN);
	cr_assert_not(fd_same_socket(before, fdtable_state(5)));

	/* Unless it has been somebody else's since. */
	fdtable_learn(5, fdtable_state(5), FD_DATAGRAM, &info);
	fdtable_replaced(5, before);
	cr_assert_eq(known(5, &found), FD_DATAGRAM);
}

Test(fdtable, keeps_how_a_connection_was_introduced)
{
	uint8_t header[FD_INTRODUCTION_MAX];
	struct fd_info found;
	uint64_t state;

	fdtable_fresh(5, FD_FRESH_TCP);
	state = fdtable_learn(5, fdtable_state(5), FD_STREAM, &info);
	cr_assert_neq(state, 0);
	state = fdtable_introduce(5, state, &info, (uint8_t *)"abc", 3);
	cr_assert_eq(state, fdtable_known(5, &found));
	cr_assert(found.introduced);
	cr_assert_eq(fdtable_introduction(fdtable_entry(5), state, header), 3);
	cr_assert_arr_eq(header, "abc", 3);
	fdtable_forget(5);
	cr_assert_eq(fdtable_introduction(fdtable_entry(5), state, header), 0);
}

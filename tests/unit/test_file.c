/* SPDX-License-Identifier: Apache-2.0
 *
 * When one file ends and another begins, by a clock that the tests set: at midnight,
 * whenever it steps, and where there is no room for another.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/base/clock.h"
#include "shim/base/own_fds.h"
#include "shim/tap/stream/session.h"

#define MIDNIGHT (UINT64_C(20000) * 86400 * NS_PER_S)
#define HOUR     (3600 * NS_PER_S)

static char directory[] = "/tmp/file.XXXXXX";
static char path[PATH_MAX];
static struct tap_config config = { .kind = ENDPOINT_FILE, .address = path };
static struct session *session;
static uint64_t wall_ns, steady_ns = 5 * NS_PER_S;

static int read_ours(clockid_t id, struct timespec *time)
{
	uint64_t now = id == CLOCK_REALTIME ? wall_ns : steady_ns;

	*time = (struct timespec){ now / NS_PER_S, now % NS_PER_S };
	return 0;
}

static void begin(void)
{
	cr_assert_not_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/tap", directory);
	clock_read = read_ours;
}

static void end(void)
{
	char command[PATH_MAX + 16];

	session_free(session);
	snprintf(command, sizeof(command), "rm -r %s", directory);
	cr_assert_eq(system(command), 0);
}

TestSuite(file, .init = begin, .fini = end);

static void open_at(uint64_t wall)
{
	wall_ns = wall;
	session = session_new(transport_new(&config, NULL), false);
	cr_assert_eq(session_open(session, steady_ns), 0);
	cr_assert_eq(session_advance(session, steady_ns), 0);
}

static void commit(void)
{
	uint8_t *frame = session_reserve(session, 100);

	cr_assert_not_null(frame);
	memset(frame, 'x', 100);
	session_commit(session, 100);
}

/* So much later by either clock. Returns what the session says. */
static int advance(int64_t wall, uint64_t steady)
{
	wall_ns += wall;
	steady_ns += steady;
	return session_advance(session, steady_ns);
}

static void write_one(void)
{
	commit();
	cr_assert_eq(advance(0, 0), 0);
	cr_assert_eq(session_unsent(session), 0);
}

/* Files that exist, each of so many frames; control frames take 34, 8 and 4. */
static void expect_frames(const char *suffix, int frames)
{
	char name[PATH_MAX + 32];
	struct stat about;

	snprintf(name, sizeof(name), "%s%s", path, suffix);
	if (frames < 0) {
		cr_assert_neq(access(name, F_OK), 0, "%s is there", name);
		return;
	}
	cr_assert_eq(stat(name, &about), 0, "%s is not there", name);
	cr_assert_eq((about.st_size - 42) / 104, frames, "%s", name);
}

static uint64_t deadline(void)
{
	uint64_t at;
	short events;

	session_poll(session, &events, &at);
	return at;
}

Test(file, ends_at_midnight_even_if_nothing_comes)
{
	config.rotate_period = 86400;
	open_at(MIDNIGHT - HOUR);
	write_one();
	cr_assert_eq(deadline(), steady_ns + HOUR);
	cr_assert_eq(advance(HOUR - 1, HOUR - 1), 0);
	expect_frames(".1", -1);
	cr_assert_eq(advance(1, 1), 0);
	expect_frames("", 1);
	expect_frames(".1", 0);
	cr_assert_eq(deadline(), UINT64_MAX);
}

/* Where the host's threads have the table of fds in common, the file's number changes. */
Test(file, the_oldest_goes)
{
	own_fds_share();
	config.rotate_period = 3600;
	config.rotate_count = 2;
	open_at(MIDNIGHT);
	for (int hour = 0; hour < 3; hour++) {
		write_one();
		cr_assert_eq(advance(HOUR, HOUR), 0);
	}
	expect_frames("", -1);
	expect_frames(".1", -1);
	expect_frames(".2", 1);
	expect_frames(".3", 0);
}

Test(file, without_a_frame_is_none)
{
	config.rotate_period = 3600;
	open_at(MIDNIGHT);
	cr_assert_eq(advance(5 * HOUR, 5 * HOUR), 0);
	expect_frames("", 0);
	expect_frames(".1", -1);
	write_one();
	expect_frames("", 1);
	expect_frames(".1", -1);
}

Test(file, of_a_clock_that_steps)
{
	config.rotate_period = 3600;
	open_at(MIDNIGHT);
	write_one();
	cr_assert_eq(advance(HOUR - 1, 1), 0); /* within the hour */
	write_one();
	expect_frames("", 2);
	cr_assert_eq(advance(-24 * (int64_t)HOUR, 1), 0);
	write_one();
	expect_frames(".1", 1);
	cr_assert_eq(deadline(), steady_ns + 1);
	cr_assert_eq(advance(HOUR, HOUR), 0);
	write_one();
	expect_frames(".1", 1);
	expect_frames(".2", 1);
}

/* What cannot be written waits, and is in the next file that can be made. */
Test(file, whose_directory_is_not_there_any_more)
{
	char moved[PATH_MAX];

	config.rotate_period = 60;
	snprintf(moved, sizeof(moved), "%s.away", directory);
	open_at(MIDNIGHT);
	write_one();
	cr_assert_eq(rename(directory, moved), 0);
	commit();
	cr_assert_eq(advance(HOUR, HOUR), -ENOENT);
	cr_assert_eq(session_state(session), SESSION_CLOSED);
	cr_assert_eq(session_unsent(session), 1);
	cr_assert_eq(rename(moved, directory), 0);
	cr_assert_eq(session_open(session, steady_ns), 0);
	cr_assert_eq(advance(0, 0), 0);
	expect_frames("", 1);
	expect_frames(".1", 1);
}

Test(file, ends_by_its_size_too)
{
	config.rotate_period = 3600;
	config.rotate_size = 4096;
	open_at(MIDNIGHT);
	for (int i = 0; i < 40; i++)
		write_one();
	expect_frames("", 38);
	expect_frames(".1", 2);
	cr_assert_eq(advance(HOUR, HOUR), 0);
	expect_frames(".2", 0);
}

/* In UTC, whatever the time zone; of a file that was begun in vain, anew. */
Test(file, has_the_time_in_its_name)
{
	char link[PATH_MAX + 16], to[PATH_MAX] = "";

	setenv("TZ", "Asia/Kathmandu", 1);
	tzset();
	config.rotate_period = 3600;
	config.timestamps = config.current = true;
	snprintf(link, sizeof(link), "%s.current", path);
	open_at(MIDNIGHT - 1);
	expect_frames(".20241003T235959Z.1", 0);
	cr_assert_neq(access(link, F_OK), 0);
	cr_assert_eq(advance(1, 1), 0);
	write_one();
	expect_frames(".20241003T235959Z.1", -1);
	expect_frames(".20241004T000000Z.1", 1);
	cr_assert_gt(readlink(link, to, sizeof(to) - 1), 0);
	cr_assert_str_eq(to, "tap.20241004T000000Z.1");
}

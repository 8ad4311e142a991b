/* SPDX-License-Identifier: Apache-2.0
 *
 * What processes make of each other's metrics: numbers, the counts of the dead,
 * and whose files are left alone.
 */
#include <criterion/criterion.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/tap/metrics.h"
#include "shim/tap/sample.h"

#define MANY 12

static struct tap_config taps[] = { { .socket = (char *)"/run/x",
				      .queue = 1 } };
static char room[] = "/tmp/test_relatives.XXXXXX", path[PATH_MAX];
static struct config config = { .program = (char *)"nsd",
				.n_taps = 1,
				.taps = taps,
				.metrics_path = path };
static struct metrics metrics;
static int gate[2]; /* closed: the children may go */

static void set_up(void)
{
	cr_assert_neq(mkdtemp(room), NULL);
	snprintf(path, sizeof(path), "%s/x-%%p.prom", room);
	metrics_begin(&config);
	cr_assert_eq(pipe(gate), 0);
}

static void tear_down(void)
{
	char command[PATH_MAX];

	snprintf(command, sizeof(command), "rm -r %s", room);
	cr_assert_eq(system(command), 0);
}

TestSuite(relatives, .init = set_up, .fini = tear_down, .timeout = 60);

static const char *name_of(pid_t pid)
{
	static char name[PATH_MAX];

	exposition_expand(name, PATH_MAX, path, pid);
	return name;
}

static bool is_there(const char *name)
{
	struct stat about;

	return !lstat(name, &about);
}

static uint64_t value_of(const char *name, const char *what, size_t *process)
{
	FILE *file = fopen(name, "re");
	char line[4096];
	uint64_t value = UINT64_MAX;
	struct sample sample;

	cr_assert(file, "%s", name);
	while (fgets(line, sizeof(line), file))
		if (sample_parse(&sample, line) &&
		    (!strcmp(sample.name, what) ||
		     !strcmp(sample.cause, what))) {
			value = sample.value;
			*process = sample.process;
		}
	fclose(file);
	return value;
}

static void assert_has(pid_t pid, const char *what, uint64_t value,
		       size_t process)
{
	size_t number = SIZE_MAX;

	uint64_t found = value_of(name_of(pid), what, &number);

	cr_assert_eq(found, value, "%s %lu", what, found);
	cr_assert_eq(number, process, "process %zu", number);
}

static int count(uint64_t captured, uint64_t queued, int *lock)
{
	metrics_publish(&metrics, 0,
			&(struct metrics_counts){ .captured = captured,
						  .sent = captured - queued,
						  .queued = queued,
						  .up = 1 });
	return metrics_write(&metrics, lock);
}

/* A process that has captured so many, and lives until `gate` is closed. */
static pid_t other(uint64_t captured, uint64_t queued)
{
	int ready[2], lock = 0;
	char octet;
	pid_t pid;

	cr_assert_eq(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		close(gate[1]);
		memset(&metrics, 0, sizeof(metrics));
		count(captured, queued, &lock);
		close(ready[0]);
		close(ready[1]);
		_exit(read(gate[0], &octet, 1) != 0);
	}
	close(ready[1]);
	cr_assert_eq(read(ready[0], &octet, 1), 0, "it is ready");
	close(ready[0]);
	return pid;
}

static void let_die(pid_t pid)
{
	kill(pid, SIGKILL);
	cr_assert_eq(waitpid(pid, NULL, 0), pid);
}

static pid_t dead(uint64_t captured, uint64_t queued)
{
	pid_t pid = other(captured, queued);

	let_die(pid);
	return pid;
}

Test(relatives, the_dead_leave_their_counts)
{
	pid_t before = dead(10, 3);
	int lock = 0;

	cr_assert(is_there(name_of(before)));
	cr_assert_eq(count(5, 0, &lock), 0);
	cr_assert(!is_there(name_of(before)));
	assert_has(getpid(), "dnstapshim_captured_total", 15, 0);
	assert_has(getpid(), "dnstapshim_sent_total", 12, 0);
	assert_has(getpid(), "killed", 3, 0);
	assert_has(getpid(), "dnstapshim_up", 1, 0);
	cr_assert_eq(count(6, 0, &lock), 0);
	assert_has(getpid(), "dnstapshim_captured_total", 16, 0);
}

Test(relatives, the_living_keep_theirs)
{
	pid_t one = other(10, 0), two = other(20, 0);
	int lock = 0;

	cr_assert_eq(count(5, 0, &lock), 0);
	assert_has(one, "dnstapshim_captured_total", 10, 0);
	assert_has(two, "dnstapshim_captured_total", 20, 1);
	assert_has(getpid(), "dnstapshim_captured_total", 5, 2);
	let_die(one);
	/* It has a number already. */
	cr_assert_eq(count(6, 0, &lock), 0);
	assert_has(getpid(), "dnstapshim_captured_total", 6, 2);
	assert_has(one, "dnstapshim_captured_total", 10, 0);
	let_die(two);
}

Test(relatives, what_is_not_ours_stays)
{
	char text[3 * PATH_MAX], link[PATH_MAX + 8];
	int lock = 0;
	pid_t hard = dead(1, 0);
	pid_t soft = dead(2, 0);
	pid_t foreign;

	/* Both have number 0: the second has taken over the first. */
	cr_assert(!is_there(name_of(hard)));
	snprintf(link, sizeof(link), "%s/hard", room);
	cr_assert_eq(rename(name_of(soft), link), 0);
	cr_assert_eq(symlink(link, name_of(soft)), 0);
	config.program = (char *)"other";
	foreign = dead(4, 0);
	config.program = (char *)"nsd";
	snprintf(text, sizeof(text), "echo text >%s/x-77777777.prom", room);
	cr_assert_eq(system(text), 0);
	snprintf(text, sizeof(text), "cp %s %s/x-7.prom.bak", link, room);
	cr_assert_eq(system(text), 0);
	snprintf(text, sizeof(text), "cp %s %s/x-07.prom", link, room);
	cr_assert_eq(system(text), 0);
	cr_assert_eq(count(5, 0, &lock), 0);
	/* x-07 has number 0, and will never go. */
	assert_has(getpid(), "dnstapshim_captured_total", 5, 1);
	cr_assert(is_there(link) && is_there(name_of(soft)) &&
		  is_there(name_of(foreign)) && is_there(name_of(77777777)));
	snprintf(text, sizeof(text), "%s/x-7.prom.bak", room);
	cr_assert(is_there(text));
	snprintf(text, sizeof(text), "%s/x-07.prom", room);
	cr_assert(is_there(text));
}

/* It may be a user's copy. Its number is not taken, or there were two. */
Test(relatives, hard_links_stay)
{
	char link[PATH_MAX + 8];
	int lock = 0;
	pid_t before = dead(10, 0);

	snprintf(link, sizeof(link), "%s/link", room);
	cr_assert_eq(linkat(AT_FDCWD, name_of(before), AT_FDCWD, link, 0), 0);
	cr_assert_eq(count(5, 0, &lock), 0);
	cr_assert(is_there(name_of(before)));
	assert_has(getpid(), "dnstapshim_captured_total", 5, 1);
}

Test(relatives, who_was_taken_over_begins_anew)
{
	cr_assert_eq(count(10, 0, NULL), 0); /* and holds it not */
	assert_has(other(1, 0), "dnstapshim_captured_total", 11, 0);
	cr_assert(!is_there(name_of(getpid())));
	cr_assert_eq(count(12, 0, NULL), 0);
	assert_has(getpid(), "dnstapshim_captured_total", 2, 1);
}

Test(relatives, one_file_is_the_first_ones)
{
	int lock = 0;
	pid_t before;

	snprintf(path, sizeof(path), "%s/x.prom", room);
	before = other(10, 0);
	cr_assert_eq(count(5, 0, &lock), -EBUSY);
	assert_has(before, "dnstapshim_captured_total", 10, 0);
	let_die(before);
	cr_assert_eq(count(6, 0, &lock), 0);
	assert_has(before, "dnstapshim_captured_total", 16, 0);
}

/* Of a program that runs twice, under two settings. */
Test(relatives, instances_have_numbers_of_their_own)
{
	char name[PATH_MAX + 32];
	size_t number = 0;
	int lock = 0;
	pid_t one = other(10, 0);

	snprintf(path, sizeof(path), "%s/y.prom", room);
	cr_assert_eq(count(5, 0, &lock), 0);
	assert_has(getpid(), "dnstapshim_captured_total", 5, 1);
	let_die(one);
	cr_assert_eq(count(6, 0, &lock), 0);
	assert_has(getpid(), "dnstapshim_captured_total", 6, 1);
	snprintf(name, sizeof(name), "%s/x-%d.prom", room, one);
	cr_assert_eq(value_of(name, "dnstapshim_captured_total", &number), 10);
}

Test(relatives, forgotten_files_go)
{
	const struct timespec old[2] = { { 1, 0 }, { 1, 0 } };
	pid_t one = other(1, 0), two = other(2, 0), three = other(3, 0);
	int lock = 0;

	let_die(two);
	cr_assert_eq(utimensat(AT_FDCWD, name_of(three), old, 0), 0);
	cr_assert_eq(count(4, 0, &lock), 0); /* number 1 */
	cr_assert(!is_there(name_of(two)) && is_there(name_of(three)));
	let_die(one);
	let_die(three);
	cr_assert_eq(count(4, 0, &lock), 0);
	cr_assert(is_there(name_of(one)) && !is_there(name_of(three)));
	assert_has(getpid(), "dnstapshim_captured_total", 6, 1);
}

/* Begins when `start` is closed, and lives until the gate is. */
static pid_t racer(const int start[2], int ready)
{
	pid_t pid = fork();
	int lock = 0;
	char octet;

	if (pid)
		return pid;
	close(gate[1]);
	close(start[1]);
	memset(&metrics, 0, sizeof(metrics));
	if (read(start[0], &octet, 1) >= 0)
		count(1, 0, &lock);
	if (write(ready, ".", 1) == 1 && read(gate[0], &octet, 1) == 0)
		_exit(0);
	_exit(1);
}

static void race(pid_t pid[MANY])
{
	int start[2], ready[2];
	char octet;

	cr_assert(!pipe(start) && !pipe(ready));
	for (int i = 0; i < MANY; i++)
		pid[i] = racer(start, ready[1]);
	close(start[0]);
	close(start[1]);
	for (int i = 0; i < MANY; i++)
		cr_assert_eq(read(ready[0], &octet, 1), 1);
	close(ready[0]);
	close(ready[1]);
}

/* Each file has another number; what they sum up to. */
static void look(uint64_t *sum)
{
	DIR *entries = opendir(room);
	struct dirent *entry;
	bool seen[RELATIVES_MAX] = { false };
	size_t process = 0;
	char name[PATH_MAX + NAME_MAX];

	*sum = 0;
	while ((entry = readdir(entries))) {
		if (*entry->d_name == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", room, entry->d_name);
		*sum += value_of(name, "dnstapshim_captured_total", &process);
		cr_assert(!seen[process], "two have number %zu", process);
		seen[process] = true;
	}
	closedir(entries);
}

Test(relatives, many_begin_at_once)
{
	pid_t pid[MANY];
	uint64_t sum;

	for (uint64_t round = 1; round <= 8; round++) {
		race(pid);
		look(&sum);
		cr_assert_eq(sum, round * MANY, "%lu of %lu", sum,
			     round * MANY);
		close(gate[1]);
		close(gate[0]);
		for (int i = 0; i < MANY; i++)
			waitpid(pid[i], NULL, 0);
		cr_assert_eq(pipe(gate), 0);
	}
}

/* Without %p: one of those who find the file of a dead one has it, and its counts. */
Test(relatives, one_of_many_has_the_one_file)
{
	pid_t pid[MANY];
	size_t process;

	snprintf(path, sizeof(path), "%s/x.prom", room);
	for (uint64_t round = 1; round <= 40; round++) {
		race(pid);
		cr_assert_eq(
			value_of(path, "dnstapshim_captured_total", &process),
			round);
		close(gate[1]);
		close(gate[0]);
		for (int i = 0; i < MANY; i++)
			waitpid(pid[i], NULL, 0);
		cr_assert_eq(pipe(gate), 0);
	}
}

/* Two taps: the thread of the one that has written the file ends first. */
Test(relatives, a_tap_that_ends_keeps_the_file)
{
	int first = 0, second = 0;

	metrics_join(&metrics);
	metrics_join(&metrics);
	cr_assert_eq(count(10, 3, &first), 0);
	metrics_leave(&metrics, &first);
	cr_assert(!metrics_release(&metrics, &first));
	dead(20, 0);
	assert_has(getpid(), "dnstapshim_captured_total", 10, 0);
	cr_assert(metrics_take(&metrics, 1),
		  "the other is to write it at once");
	cr_assert_eq(count(11, 0, &second), 0);
	cr_assert(metrics_release(&metrics, &first));
	dead(30, 0);
	assert_has(getpid(), "dnstapshim_captured_total", 11, 0);
	assert_has(getpid(), "killed", 0, 0);
	metrics_leave(&metrics, &second);
	cr_assert(metrics_release(&metrics, &second));
	assert_has(dead(40, 0), "dnstapshim_captured_total", 51, 0);
}

/* As with a disk that has room for whose file it is, and for no count. */
static int count_without_room(uint64_t captured, int *lock)
{
	struct rlimit before, little;
	int error;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	little = before;
	little.rlim_cur = 256;
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &little), 0);
	error = count(captured, 0, lock);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
	return error;
}

Test(relatives, what_was_taken_is_given_up_once)
{
	int lock = 0;
	pid_t living;

	cr_assert_eq(count(10, 0, NULL), 0);
	living = other(1, 0);
	cr_assert_eq(count_without_room(12, &lock), -ENOSPC);
	cr_assert(metrics_release(&metrics, &lock));
	dead(2, 0);
	cr_assert(!is_there(name_of(getpid())));
	cr_assert_eq(count_without_room(13, &lock), -ENOSPC);
	cr_assert_eq(count(14, 0, &lock), 0);
	assert_has(living, "dnstapshim_captured_total", 11, 0);
	assert_has(getpid(), "dnstapshim_captured_total", 4 + 2, 1);
	let_die(living);
}

/* An operator has; nobody else can have it as long as it is held. */
Test(relatives, what_was_removed_comes_again)
{
	int lock = 0;

	cr_assert_eq(count(10, 0, &lock), 0);
	cr_assert_eq(unlink(name_of(getpid())), 0);
	cr_assert_eq(count(12, 0, &lock), 0);
	assert_has(getpid(), "dnstapshim_captured_total", 12, 0);
}

/* Anybody may lock what he can read: then it stays, and its number. */
Test(relatives, locks_for_reading_keep_files)
{
	struct flock whole = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
	int fd, lock = 0;
	pid_t before = dead(10, 0);

	fd = open(name_of(before), O_RDONLY);
	cr_assert_eq(fcntl(fd, F_OFD_SETLK, &whole), 0);
	cr_assert_eq(count(5, 0, &lock), 0);
	assert_has(getpid(), "dnstapshim_captured_total", 5, 1);
	cr_assert(is_there(name_of(before)));
	close(fd);
}

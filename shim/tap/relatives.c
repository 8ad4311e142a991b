/* SPDX-License-Identifier: Apache-2.0
 *
 * Two who begin at the same time may choose the same number. Each writes a file that
 * says so, without any sample, and looks round afterwards: so nobody stays with a
 * number that another has. Who sees another chooses anew.
 */
#include "shim/tap/relatives.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/common.h"
#include "shim/base/clock.h"
#include "shim/base/process.h"
#include "shim/base/sandbox.h"
#include "shim/tap/sample.h"

/* A server that was restarted has all its processes again long before. */
#define FORGOTTEN_S 3600

#define ATTEMPTS 8 /* to get a number of our own */

/* A file that the library has written, of which somebody may have the lock. */
struct relative {
	const char *name;
	pid_t pid; /* as its name has it; 0: no setting like ours makes it */
	int fd;
	size_t process;
	bool akin; /* of the same program */
	bool ours; /* may be removed */
	bool living;
	dev_t device;
	ino_t inode;
	time_t written;
};

#define OWNER_SIZE (sizeof(EXPOSITION_OWNER) - 1)

typedef void visitor(struct relatives *relatives, const struct relative *one);

/* What is left over of a longer line comes as a line of its own, which is no sample
 * that anybody knows. */
static char *next_line(struct relatives *relatives, int fd)
{
	char *text = relatives->text, *line, *end;
	ssize_t n;

	for (;;) {
		size_t left = relatives->end - relatives->begin;

		line = text + relatives->begin;
		end = memchr(line, '\n', left);
		if (end)
			break;
		if (left == sizeof(relatives->text))
			left = 0;
		memmove(text, line, left);
		n = read(fd, text + left, sizeof(relatives->text) - left);
		if (n <= 0)
			return NULL;
		relatives->begin = 0;
		relatives->end = left + n;
	}
	*end = '\0';
	relatives->begin = end + 1 - text;
	return line;
}

static void rewind_lines(struct relatives *relatives, int fd)
{
	relatives->begin = relatives->end = 0;
	lseek(fd, 0, SEEK_SET);
}

/* A file of somebody else's may have no end. */
static char *first_line(struct relatives *relatives, int fd)
{
	ssize_t n = pread(fd, relatives->text, sizeof(relatives->text), 0);
	char *end = n > 0 ? memchr(relatives->text, '\n', n) : NULL;

	if (!end)
		return NULL;
	*end = '\0';
	return relatives->text;
}

static bool introduce(struct relatives *relatives, struct relative *one)
{
	struct sample sample;
	char *line = first_line(relatives, one->fd);

	if (!line || strncmp(line, EXPOSITION_OWNER, OWNER_SIZE) ||
	    !sample_parse(&sample, line + OWNER_SIZE) ||
	    sample.process >= RELATIVES_MAX)
		return false;
	one->process = sample.process;
	one->akin = !strcmp(sample.program, relatives->ours->program);
	one->living = !strcmp(sample.name, EXPOSITION_UNLOCKED);
	return true;
}

/* Who was replaced by its own process between open and lock is the past of one that
 * lives. */
static bool recognize(struct relatives *relatives, struct relative *one)
{
	const struct exposition *ours = relatives->ours;
	struct stat about;

	if (fstat(one->fd, &about) || !S_ISREG(about.st_mode) ||
	    (about.st_ino == ours->inode && about.st_dev == ours->device) ||
	    !introduce(relatives, one))
		return false;
	one->device = about.st_dev;
	one->inode = about.st_ino;
	one->living = one->living || exposition_is_locked(one->fd) ||
		      !exposition_is_named(relatives->directory, one->name,
					   one->device, one->inode);
	one->ours = one->akin && one->pid && about.st_uid == geteuid() &&
		    about.st_mode & S_IWUSR && about.st_nlink == 1;
	one->written = about.st_mtime;
	return true;
}

static void visit(struct relatives *relatives, const char *name, pid_t pid,
		  visitor *meet)
{
	struct relative one = { .name = name, .pid = pid };

	one.fd = openat(relatives->directory, name,
			O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (one.fd < 0)
		return;
	if (recognize(relatives, &one))
		meet(relatives, &one);
	close(one.fd);
}

/* The process id in a name that the pattern makes; 0: it makes none such. */
static pid_t pid_of(const struct relatives *relatives, const char *name)
{
	const char *pattern = relatives->pattern, *at = strstr(pattern, "%p");
	char again[NAME_MAX + 1];
	long pid;

	if (!at)
		return strcmp(name, pattern) ? 0 : process_id();
	if (strncmp(name, pattern, at - pattern))
		return 0;
	pid = strtol(name + (at - pattern), NULL, 10);
	if (pid <= 0 || pid > INT_MAX ||
	    !exposition_expand(again, sizeof(again), pattern, (pid_t)pid))
		return 0;
	return !strcmp(name, again) ? (pid_t)pid : 0;
}

/* Whoever reads files of ours reads all of this kind. */
static bool is_alike(const struct relatives *relatives, const char *name)
{
	const char *kind = strrchr(relatives->pattern, '.');
	const char *its = strrchr(name, '.');

	return kind && its && !strstr(kind, "%p") && !strcmp(kind, its);
}

static void visit_all(struct relatives *relatives, visitor *meet)
{
	char *entries = relatives->entries;
	ssize_t size;

	while ((size = getdents64(relatives->directory, (void *)entries,
				  sizeof(relatives->entries))) > 0)
		for (ssize_t at = 0; at < size;) {
			struct dirent64 *entry = (void *)(entries + at);
			pid_t pid = pid_of(relatives, entry->d_name);

			if (pid || is_alike(relatives, entry->d_name))
				visit(relatives, entry->d_name, pid, meet);
			at += entry->d_reclen;
		}
}

static bool open_directory(struct relatives *relatives)
{
	const char *pattern = strrchr(relatives->config->metrics_path, '/');
	char *slash;

	if (!pattern || !sandbox_spares(sandbox_relatives) ||
	    !exposition_expand(relatives->path, sizeof(relatives->path),
			       relatives->config->metrics_path, process_id()))
		return false;
	slash = strrchr(relatives->path, '/');
	slash[slash == relatives->path] = '\0';
	relatives->pattern = pattern + 1;
	relatives->directory =
		open(relatives->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return relatives->directory >= 0;
}

static void look_round(struct relatives *relatives, visitor *meet)
{
	if (!open_directory(relatives))
		return;
	visit_all(relatives, meet);
	close(relatives->directory);
}

/* Of a dead one that is not ours to remove the number stays. */
static void note(struct relatives *relatives, const struct relative *one)
{
	uint8_t *use = &relatives->use[one->process];

	if (one->akin && (one->living || !one->ours))
		*use = RELATIVES_USED;
	else if (one->ours && *use == RELATIVES_FREE)
		*use = RELATIVES_LEFT;
	if (one->pid == process_id() && one->living)
		relatives->busy = true;
	else if (one->pid == process_id() && one->ours)
		relatives->namesake = one->process;
}

/* What was queued in the dead process is in nobody's queue any more. */
static void inherit(struct exposition_tap *to, const struct sample *sample)
{
	bool grows;
	uint64_t *place = sample_place(sample, to, &grows);

	if (place && grows)
		*place += sample->value;
	else if (place == &to->counts.queued)
		to->counts.dropped[DROP_KILLED] += sample->value;
}

static void read_counts(struct relatives *relatives, int fd)
{
	const struct config *config = relatives->config;
	struct sample sample;
	char *line;

	rewind_lines(relatives, fd);
	while ((line = next_line(relatives, fd)))
		if (sample_parse(&sample, line) &&
		    sample.index < config->n_taps &&
		    !strcmp(sample.tap, config->taps[sample.index].socket))
			inherit(&relatives->inherited[sample.index], &sample);
}

/* For all others it lives meanwhile: nobody else has its counts, or puts another
 * in its place. */
static void bury(struct relatives *relatives, const struct relative *one,
		 bool inherits)
{
	int held = exposition_hold(relatives->directory, one->name, one->device,
				   one->inode);

	if (held < 0)
		return;
	if (!unlinkat(relatives->directory, one->name, 0) && inherits)
		read_counts(relatives, held);
	close(held);
}

static bool has_ours(const struct relatives *relatives,
		     const struct relative *one)
{
	return one->akin && one->process == relatives->ours->process;
}

static void take_over(struct relatives *relatives, const struct relative *one)
{
	if (has_ours(relatives, one) && one->ours && !one->living)
		bury(relatives, one, true);
}

static void hold_namesake(struct relatives *relatives,
			  const struct relative *one)
{
	if (one->pid == process_id() && has_ours(relatives, one) && one->ours &&
	    !one->living)
		relatives->held =
			exposition_hold(relatives->directory, one->name,
					one->device, one->inode);
}

/* The file of a dead one is held until ours is in its place. */
static int claim_place(struct relatives *relatives, int *lock, bool gently)
{
	int error;

	relatives->held = -1;
	look_round(relatives, hold_namesake);
	error = exposition_claim(relatives->ours,
				 relatives->config->metrics_path, lock,
				 gently && relatives->held < 0);
	if (relatives->held < 0)
		return error;
	if (!error)
		read_counts(relatives, relatives->held);
	close(relatives->held);
	return error;
}

static void clash(struct relatives *relatives, const struct relative *one)
{
	relatives->busy |= has_ours(relatives, one) && one->living;
}

static void check(struct relatives *relatives, const struct relative *one)
{
	time_t now = (time_t)(clock_wall() / NS_PER_S);

	if (one->living && one->pid < process_id())
		clash(relatives, one);
	take_over(relatives, one);
	if (one->ours && !one->living && !has_ours(relatives, one) &&
	    now - one->written > FORGOTTEN_S)
		bury(relatives, one, false);
}

static size_t count(const struct relatives *relatives, enum relatives_use use)
{
	size_t n = 0;

	for (size_t number = 0; number < RELATIVES_MAX; number++)
		n += relatives->use[number] == use;
	return n;
}

static size_t find(const struct relatives *relatives, enum relatives_use use,
		   size_t skip)
{
	size_t number = 0;

	while (number < RELATIVES_MAX &&
	       (relatives->use[number] != use || skip-- > 0))
		number++;
	return number;
}

/* The smallest number that a dead process has left, or, if there is none, that is free;
 * but of those who did not get it each chooses among more and more. */
static size_t choose(struct relatives *relatives, unsigned attempt)
{
	size_t left, number, skip;

	memset(relatives->use, 0, sizeof(relatives->use));
	relatives->busy = false;
	relatives->namesake = RELATIVES_MAX - 1;
	look_round(relatives, note);
	if (relatives->use[relatives->namesake] == RELATIVES_LEFT)
		return relatives->namesake;
	skip = (clock_steady() / 1000 + process_id()) % (1U << attempt);
	left = count(relatives, RELATIVES_LEFT);
	number = left ? find(relatives, RELATIVES_LEFT, skip % left)
		      : find(relatives, RELATIVES_FREE, skip);
	return number < RELATIVES_MAX ? number : RELATIVES_MAX - 1;
}

int relatives_claim(struct relatives *relatives, const struct config *config,
		    struct exposition *ours, int *lock)
{
	int error = 0;

	relatives->config = config;
	relatives->ours = ours;
	for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
		ours->process = choose(relatives, attempt);
		if (relatives->busy)
			return -EBUSY;
		/* What is no relative's is replaced the second time. */
		error = claim_place(relatives, lock, error != -EEXIST);
		if (error == -EEXIST)
			continue;
		if (error || !lock)
			break;
		look_round(relatives, clash);
		if (!relatives->busy)
			break;
	}
	if (!error)
		look_round(relatives, take_over);
	return error;
}

bool relatives_check(struct relatives *relatives, const struct config *config,
		     struct exposition *ours)
{
	relatives->config = config;
	relatives->ours = ours;
	relatives->busy = false;
	look_round(relatives, check);
	return relatives->busy;
}

/* Adds `from`'s counts that only grow to those of `to`, or takes them away. */
static void add(struct exposition_tap *to, const struct exposition_tap *from,
		uint64_t sign)
{
	const struct exposition_family *family;

	for (size_t n = 0; (family = exposition_family(n)); n++) {
		uint64_t *sum = (void *)((char *)to + family->offset);

		if (!strcmp(family->type, "counter"))
			*sum += sign *
				*(const uint64_t
					  *)(const void *)((const char *)from +
							   family->offset);
	}
	for (int cause = 0; cause < DROP_CAUSE_COUNT; cause++)
		to->counts.dropped[cause] += sign * from->counts.dropped[cause];
}

void relatives_disinherit(struct relatives *relatives,
			  const struct exposition_tap *shown, size_t taps)
{
	/* Its inode may be another file's by now. */
	relatives->ours->inode = 0;
	for (size_t i = 0; i < taps; i++)
		add(&relatives->inherited[i], &shown[i], -UINT64_C(1));
}

void relatives_add(const struct relatives *relatives, size_t tap,
		   struct exposition_tap *shown)
{
	add(shown, &relatives->inherited[tap], 1);
}

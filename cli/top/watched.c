/* SPDX-License-Identifier: Apache-2.0
 *
 * From words to counters.
 */
#include "cli/top/watched.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/proc.h"
#include "cli/processes.h"
#include "cli/status.h"

/* Of processes that have ended so many are still shown: there are servers with one for
 * each connection. */
#define ENDED_MAX 16

static struct watched_file *find(const struct watched *watched,
				 const char *path)
{
	for (size_t i = 0; i < watched->n; i++)
		if (watched->files[i].path &&
		    !strcmp(watched->files[i].path, path))
			return &watched->files[i];
	return NULL;
}

/* Takes `path`, also when it fails. Several processes may write one file. */
static int add_file(struct watched *watched, char *path, pid_t pid)
{
	struct watched_file *files;

	if (!path && !pid)
		return -ENOMEM;
	if (path && find(watched, path)) {
		free(path);
		return 0;
	}
	files = reallocarray(watched->files, watched->n + 1, sizeof(*files));
	if (!files) {
		free(path);
		return -ENOMEM;
	}
	watched->files = files;
	files[watched->n] = (struct watched_file){ .path = path, .pid = pid };
	if (pid)
		files[watched->n].program = proc_link(pid, "exe");
	watched->n++;
	return 0;
}

static bool is_known(const struct watched *watched, pid_t pid)
{
	for (size_t i = 0; i < watched->n; i++)
		if (watched->files[i].pid == pid && !watched->files[i].ended)
			return true;
	return false;
}

/* The file as it is seen from here: a process may have another root. */
static char *reachable_path(pid_t pid)
{
	char *path = counters_path(pid);
	char *reachable = path && *path == '/' ? proc_path(pid, path) : NULL;

	if (reachable && access(path, R_OK) && !access(reachable, R_OK)) {
		free(path);
		return reachable;
	}
	free(reachable);
	return path;
}

/* It can be asked. */
static bool tells(pid_t pid)
{
	struct counters counters;
	int error = status_counters(&counters, pid);

	counters_free(&counters);
	return !error;
}

static int add_process(struct watched *watched, pid_t pid)
{
	char *path;

	if (is_known(watched, pid))
		return 0;
	path = reachable_path(pid);
	if (path || tells(pid))
		return add_file(watched, path, pid);
	watched->without++;
	return 0;
}

/* Words */

/* Neither a program nor the name of one: programs may be executed. */
static bool is_file(const char *word)
{
	struct stat status;

	if (stat(word, &status))
		return strchr(word, '/');
	if (S_ISREG(status.st_mode))
		return !(status.st_mode & 0111);
	return !S_ISDIR(status.st_mode);
}

static int find_processes(const char *word, struct processes *found)
{
	uint64_t pid;
	int error;

	*found = (struct processes){ 0 };
	if (!cli_number(word, 1, INT32_MAX, &pid))
		error = processes_add_named(found, word);
	else if (kill((pid_t)pid, 0) && errno == ESRCH)
		return 0;
	else
		error = processes_add(found, (pid_t)pid);
	return error ? error : processes_add_descendants(found);
}

/* Returns 0; -ESRCH if there is none; or -errno. */
static int add_processes(struct watched *watched, const char *word)
{
	struct processes found;
	int error = find_processes(word, &found);

	if (!error && !found.n)
		error = -ESRCH;
	for (size_t i = 0; i < found.n && !error; i++)
		error = add_process(watched, found.pid[i]);
	processes_free(&found);
	return error;
}

static int add_word(struct watched *watched, const char *word)
{
	if (is_file(word))
		return add_file(watched, strdup(word), 0);
	return add_processes(watched, word);
}

/* Files */

/* Takes in what the library has written, if it is new. */
static int read_file(struct watched_file *file)
{
	struct counters fresh;
	int error = file->path ? counters_read(&fresh, file->path)
			       : status_counters(&fresh, file->pid);

	if (error || (fresh.written.tv_sec == file->last.written.tv_sec &&
		      fresh.written.tv_nsec == file->last.written.tv_nsec)) {
		counters_free(&fresh);
		return error;
	}
	counters_free(&file->before);
	file->before = file->last;
	file->last = fresh;
	return 0;
}

static void release_file(struct watched_file *file)
{
	free(file->path);
	free(file->program);
	counters_free(&file->last);
	counters_free(&file->before);
}

static void remove_file(struct watched *watched, size_t i)
{
	release_file(&watched->files[i]);
	watched->n--;
	memmove(&watched->files[i], &watched->files[i + 1],
		(watched->n - i) * sizeof(*watched->files));
}

/* The ones that were found last are kept. */
static void read_files(struct watched *watched)
{
	unsigned ended = 0;

	for (size_t i = watched->n; i-- > 0;) {
		struct watched_file *file = &watched->files[i];

		file->ended = file->pid && kill(file->pid, 0) && errno == ESRCH;
		ended += file->ended;
		if (file->ended && (ended > ENDED_MAX || read_file(file)))
			remove_file(watched, i);
		else if (!file->ended)
			read_file(file);
	}
}

int watched_refresh(struct watched *watched)
{
	watched->without = 0;
	for (size_t i = 0; i < watched->n_words; i++)
		if (add_word(watched, watched->words[i]) == -ENOMEM)
			return cli_no_memory();
	read_files(watched);
	return EX_OK;
}

/* The beginning */

static int is_nobody(const char *word)
{
	uint64_t pid;

	if (cli_number(word, 1, INT32_MAX, &pid))
		cli_warn("process %s: %s", word, strerror(ESRCH));
	else
		cli_warn("%s: no file, and no process of this name or unit "
			 "has " LIBRARY " loaded, as far as may be seen",
			 word);
	return EX_NOINPUT;
}

static int writes_nothing(const char *word)
{
	cli_warn("%s: its processes are not yours, or do not answer and write "
		 "no metrics file: neither DNSTAP_METRICS nor their "
		 "configuration names one",
		 word);
	return EX_NOINPUT;
}

static int cannot_read(const struct watched_file *file, int error)
{
	if (!file->path) {
		cli_warn("process %d: %s", (int)file->pid, strerror(-error));
		return EX_UNAVAILABLE;
	}
	if (error == -EINVAL) {
		cli_warn("%s: this is no metrics file of the library",
			 file->path);
		return EX_DATAERR;
	}
	cli_warn("%s: %s%s", file->path, strerror(-error),
		 error == -ENOENT ? "; the library writes it once it "
				    "has seen DNS messages"
				  : "");
	return cli_no_input(error);
}

/* Each word has to stand for something. */
static int begin_word(struct watched *watched, const char *word)
{
	size_t before = watched->n;
	size_t without = watched->without;
	int error = add_word(watched, word);

	if (error == -ESRCH)
		return is_nobody(word);
	if (error == -ENOMEM)
		return cli_no_memory();
	if (watched->n == before && watched->without > without)
		return writes_nothing(word);
	return EX_OK;
}

/* Of the processes of a tree, not all need have seen messages. */
static int begin_files(struct watched *watched)
{
	bool any = false;

	for (size_t i = 0; i < watched->n; i++) {
		struct watched_file *file = &watched->files[i];
		int error = read_file(file);

		any |= !error;
		if (error && (!file->pid || (i + 1 == watched->n && !any)))
			return cannot_read(file, error);
	}
	return EX_OK;
}

int watched_begin(struct watched *watched)
{
	for (size_t i = 0; i < watched->n_words; i++) {
		int status = begin_word(watched, watched->words[i]);

		if (status != EX_OK)
			return status;
	}
	return begin_files(watched);
}

void watched_release(struct watched *watched)
{
	for (size_t i = 0; i < watched->n; i++)
		release_file(&watched->files[i]);
	free(watched->files);
	watched->files = NULL;
	watched->n = 0;
}

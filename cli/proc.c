/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of /proc/PID.
 */
#include "cli/proc.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DELETED " (deleted)"

/* Of a file of the process. */
#define NAME_SIZE 64

FILE *proc_open(pid_t pid, const char *name)
{
	char path[NAME_SIZE];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return fopen(path, "re");
}

char *proc_read(pid_t pid, const char *name, size_t *size)
{
	FILE *file = proc_open(pid, name);
	char *text = NULL;
	ssize_t got;
	size_t room = 0;

	if (!file)
		return NULL;
	/* No octet ends it: all of the file is one "line". */
	got = getdelim(&text, &room, EOF, file);
	fclose(file);
	if (got < 0) {
		free(text);
		return NULL;
	}
	*size = got;
	return text;
}

char *proc_link(pid_t pid, const char *name)
{
	char path[NAME_SIZE], target[PATH_MAX];
	ssize_t size;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	size = readlink(path, target, sizeof(target));
	return size < 0 ? NULL : strndup(target, size);
}

char *proc_variable(pid_t pid, const char *name)
{
	FILE *file = proc_open(pid, "environ");
	size_t room = 0, length = strlen(name);
	char *entry = NULL, *value = NULL;

	if (!file)
		return NULL;
	while (!value && getdelim(&entry, &room, '\0', file) > 0)
		if (!strncmp(entry, name, length) && entry[length] == '=')
			value = strdup(entry + length + 1);
	free(entry);
	fclose(file);
	return value;
}

char *proc_path(pid_t pid, const char *path)
{
	char *reachable;

	return asprintf(&reachable, "/proc/%d/root%s", (int)pid, path) < 0
		       ? NULL
		       : reachable;
}

/* A line of maps, which is cut. False if it is about no file. */
static bool parse(char *line, struct proc_mapping *mapping)
{
	char *path = strchr(line, '/');
	size_t length, suffix = strlen(DELETED);

	if (!path || sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64,
			    &mapping->begin, &mapping->end, mapping->access,
			    &mapping->offset) != 4)
		return false;
	path[strcspn(path, "\n")] = '\0';
	length = strlen(path);
	mapping->deleted =
		length > suffix && !strcmp(path + length - suffix, DELETED);
	if (mapping->deleted)
		path[length - suffix] = '\0';
	mapping->path = path;
	return true;
}

int proc_mappings(pid_t pid,
		  void (*each)(void *context,
			       const struct proc_mapping *mapping),
		  void *context)
{
	FILE *file = proc_open(pid, "maps");
	struct proc_mapping mapping;
	char *line = NULL;
	size_t room = 0;

	if (!file)
		return -errno;
	while (getline(&line, &room, file) > 0)
		if (parse(line, &mapping))
			each(context, &mapping);
	free(line);
	fclose(file);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Telling a file from a tap, and reading it.
 */
#include "config/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VARIABLE "DNSTAP_CONFIG"

enum meaning {
	MEANS_TEXT,
	MEANS_FILE,
	MEANS_RELATIVE, /* a file, but from where? */
	MEANS_NOTHING,
};

static bool ends_in_conf(const char *path)
{
	static const char suffix[] = ".conf";
	size_t size = strlen(path);

	return size >= sizeof(suffix) &&
	       strcmp(path + size - (sizeof(suffix) - 1), suffix) == 0 &&
	       !strpbrk(path, " \t\n;{\"#") && !strstr(path, "://");
}

static enum meaning meaning_of(const char *value)
{
	struct stat status;

	if (*value != '/')
		return ends_in_conf(value) ? MEANS_RELATIVE : MEANS_TEXT;
	if (stat(value, &status) != 0)
		return ends_in_conf(value) ? MEANS_FILE : MEANS_TEXT;
	if (S_ISREG(status.st_mode))
		return MEANS_FILE;
	return S_ISSOCK(status.st_mode) ? MEANS_TEXT : MEANS_NOTHING;
}

/* Reads to the end, or to the first octet too many. */
static ssize_t read_all(int fd, char *text, size_t size)
{
	size_t used = 0;
	ssize_t n;

	do {
		n = read(fd, text + used, size - used);
		if (n > 0)
			used += (size_t)n;
	} while ((n > 0 && used < size) || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : (ssize_t)used;
}

static int read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read_all(fd, text, size);
	close(fd);
	return (int)n;
}

static int open_file(const char *path, struct source *source,
		     struct errors *errors)
{
	char *text = malloc(CONFIG_TEXT_MAX + 1);
	char reason[64];
	int size;

	if (!text)
		return -ENOMEM;
	size = read_file(path, text, CONFIG_TEXT_MAX + 1);
	if (size >= 0 && size <= CONFIG_TEXT_MAX) {
		*source = (struct source){ path, text, (size_t)size, text };
		return 0;
	}
	free(text);
	errors->source = path;
	if (size < 0)
		errors_add_source(errors,
				  "expected a configuration file: %s; a unix "
				  "socket of this name would be unix://%s",
				  strerror_r(-size, reason, sizeof(reason)),
				  path);
	else
		errors_add_source(errors, "expected at most 1 MiB");
	return -EINVAL;
}

static int refuse(const char *message, struct errors *errors)
{
	errors->source = VARIABLE;
	errors_add_source(errors, "%s", message);
	return -EINVAL;
}

static int open_text(const char *value, struct source *source,
		     struct errors *errors)
{
	size_t size = strlen(value);

	if (size > CONFIG_TEXT_MAX)
		return refuse("expected at most 1 MiB", errors);
	*source = (struct source){ VARIABLE, value, size, NULL };
	return 0;
}

int source_open(const char *value, struct source *source, struct errors *errors)
{
	switch (meaning_of(value)) {
	case MEANS_FILE:
		return open_file(value, source, errors);
	case MEANS_RELATIVE:
		return refuse("expected the absolute path of the configuration "
			      "file, one that begins with a /",
			      errors);
	case MEANS_NOTHING:
		return refuse("expected a regular file or a socket, this path "
			      "is neither",
			      errors);
	default:
		return open_text(value, source, errors);
	}
}

void source_close(struct source *source)
{
	free(source->memory);
}

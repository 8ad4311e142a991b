/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the library is.
 */
#include "cli/inspect/library.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/inspect/elf.h"
#include "cli/inspect/ldcache.h"

static const char self[] = "/proc/self/exe";

const char *library_name(bool musl)
{
	return musl ? LIBRARY_MUSL : LIBRARY;
}

bool library_is_musl(const char *interpreter)
{
	return interpreter && strstr(interpreter, "/ld-musl");
}

static char *find_installed(const char *name)
{
	struct ldcache *cache = ldcache_open();
	char *found = NULL;
	struct elf elf;

	if (cache && !elf_open(&elf, self)) {
		found = ldcache_find(cache, name, &elf, self);
		elf_close(&elf);
	}
	ldcache_close(cache);
	return found;
}

char *library_find(bool musl)
{
	static const char *const beside[] = { "", "/../lib" };
	const char *name = library_name(musl);
	char command[PATH_MAX], *path, *found = NULL;
	ssize_t size = readlink(self, command, sizeof(command) - 1);

	command[size < 0 ? 0 : size] = '\0';
	*strrchr(size < 0 ? strcpy(command, "/") : command, '/') = '\0';
	for (size_t i = 0; i < 2 && !found; i++) {
		if (asprintf(&path, "%s%s/%s", command, beside[i], name) < 0)
			return NULL;
		found = realpath(path, NULL);
		free(path);
	}
	return found ? found : find_installed(name);
}

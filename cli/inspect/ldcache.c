/* SPDX-License-Identifier: Apache-2.0
 *
 * The search for libraries, as ld.so(8) describes it.
 */
#include "cli/inspect/ldcache.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define CACHE_FILE "/etc/ld.so.cache"
#define MAGIC      "glibc-ld.so.cache1.1"

/* Debian's loader looks in its multiarch directories first. */
#if defined(__x86_64__)
#define MULTIARCH "x86_64-linux-gnu"
#elif defined(__aarch64__)
#define MULTIARCH "aarch64-linux-gnu"
#else
#define MULTIARCH "."
#endif
#define DEFAULT_DIRECTORIES                          \
	"/lib/" MULTIARCH ":/usr/lib/" MULTIARCH ":" \
	"/lib:/usr/lib:/lib64:/usr/lib64"

/* glibc's format, sysdeps/generic/dl-cache.h, in the machine's octet order. */
struct cache_header {
	char magic[sizeof(MAGIC) - 1];
	uint32_t n, strings_size;
	uint8_t flags, padding[3];
	uint32_t extension, unused[3];
};

struct cache_entry {
	int32_t flags;
	uint32_t name, path; /* offsets in the file */
	uint32_t os_version;
	uint64_t hwcap;
};

struct ldcache *ldcache_open(void)
{
	struct ldcache *cache = calloc(1, sizeof(*cache));
	int fd = open(CACHE_FILE, O_RDONLY | O_CLOEXEC);
	struct stat file;
	void *data;

	if (cache && fd >= 0 && !fstat(fd, &file) && file.st_size > 0) {
		data = mmap(NULL, file.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (data != MAP_FAILED) {
			cache->data = data;
			cache->size = file.st_size;
		}
	}
	if (fd >= 0)
		close(fd);
	return cache;
}

void ldcache_close(struct ldcache *cache)
{
	if (!cache)
		return;
	if (cache->data)
		munmap((void *)cache->data, cache->size);
	free(cache);
}

/* Whether this file can be loaded; one of another class is passed over. */
static bool fits(const char *path)
{
	struct elf elf;
	bool native;

	if (elf_open(&elf, path))
		return false;
	native = elf.native;
	elf_close(&elf);
	return native;
}

static const char *cached_string(const struct ldcache *cache, uint32_t offset)
{
	if (offset >= cache->size ||
	    !memchr(cache->data + offset, '\0', cache->size - offset))
		return NULL;
	return cache->data + offset;
}

static uint32_t count_cached(const struct ldcache *cache)
{
	const struct cache_header *header = (const void *)cache->data;

	if (cache->size < sizeof(*header) ||
	    memcmp(header->magic, MAGIC, sizeof(header->magic)) ||
	    header->n > (cache->size - sizeof(*header)) /
				sizeof(struct cache_entry))
		return 0;
	return header->n;
}

const char *ldcache_next(const struct ldcache *cache, const char *name,
			 uint32_t *n)
{
	const struct cache_header *header = (const void *)cache->data;
	const struct cache_entry *entry = (const void *)(header + 1);

	for (uint32_t end = count_cached(cache); *n < end; ++*n) {
		const char *known = cached_string(cache, entry[*n].name);
		const char *path = cached_string(cache, entry[*n].path);

		if (known && path && !strcmp(known, name)) {
			++*n;
			return path;
		}
	}
	return NULL;
}

static char *find_cached(const struct ldcache *cache, const char *name)
{
	const char *path;
	uint32_t n = 0;

	while ((path = ldcache_next(cache, name, &n)))
		if (fits(path))
			return strdup(path);
	return NULL;
}

/* One directory of a list, with $ORIGIN as that of the file at `origin`. */
static char *find_in(const char *directory, size_t length, const char *name,
		     const char *origin)
{
	static const char *const tokens[] = { "$ORIGIN", "${ORIGIN}" };
	const char *slash = strrchr(origin, '/');
	int origin_length = slash ? (int)(slash - origin) : 0;
	char *path = NULL;
	int result = -1;

	for (size_t i = 0; i < 2; i++) {
		size_t n = strlen(tokens[i]);

		if (length >= n && !memcmp(directory, tokens[i], n)) {
			result = asprintf(&path, "%.*s%.*s/%s", origin_length,
					  origin, (int)(length - n),
					  directory + n, name);
			break;
		}
	}
	if (result < 0)
		result = asprintf(&path, "%.*s/%s", (int)length, directory,
				  name);
	if (result < 0)
		return NULL;
	if (fits(path))
		return path;
	free(path);
	return NULL;
}

static char *find_listed(const char *list, const char *name, const char *origin)
{
	char *path = NULL;

	while (list && *list && !path) {
		size_t length = strcspn(list, ":");

		if (length > 0)
			path = find_in(list, length, name, origin);
		list += length;
		list += *list == ':';
	}
	return path;
}

static char *find_path(const char *name)
{
	return fits(name) ? strdup(name) : NULL;
}

char *ldcache_find(const struct ldcache *cache, const char *name,
		   const struct elf *needed_by, const char *path)
{
	char *found = NULL;

	if (strchr(name, '/'))
		return find_path(name);
	if (!needed_by->runpath)
		found = find_listed(needed_by->rpath, name, path);
	if (!found)
		found = find_listed(getenv("LD_LIBRARY_PATH"), name, path);
	if (!found)
		found = find_listed(needed_by->runpath, name, path);
	if (!found)
		found = find_cached(cache, name);
	if (!found)
		found = find_listed(DEFAULT_DIRECTORIES, name, path);
	return found;
}

/* Under these names, whatever follows: ldso/dynlink.c. */
static bool is_musl_libc(const char *name)
{
	static const char *const names[] = { "libc.",   "libpthread.",
					     "librt.",  "libm.",
					     "libdl.",  "libutil.",
					     "libxnet." };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strncmp(name, names[i], strlen(names[i])))
			return true;
	return false;
}

/* A list of directories, in lines or with colons: /lib/ld-musl-x86_64.so.1 has
 * /etc/ld-musl-x86_64.path. Returns false if there is none. */
static bool read_musl_list(const char *loader, char *list, size_t size)
{
	const char *base = strrchr(loader, '/') + 1;
	char path[128];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "/etc/%.*s.path", (int)strcspn(base, "."),
		 base);
	file = fopen(path, "re");
	if (!file)
		return false;
	n = fread(list, 1, size - 1, file);
	fclose(file);
	list[n] = '\0';
	for (char *end; (end = strchr(list, '\n'));)
		*end = ':';
	return true;
}

char *ldcache_find_musl(const char *loader, const char *name,
			const struct elf *needed_by, const char *path)
{
	char list[4096];
	char *found;

	if (strchr(name, '/'))
		return find_path(name);
	if (is_musl_libc(name))
		return strdup(loader);
	found = find_listed(getenv("LD_LIBRARY_PATH"), name, path);
	if (!found)
		found = find_listed(needed_by->runpath ? needed_by->runpath
						       : needed_by->rpath,
				    name, path);
	if (!found)
		found = find_listed(read_musl_list(loader, list, sizeof(list))
					    ? list
					    : "/lib:/usr/local/lib:/usr/lib",
				    name, path);
	return found;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * A server whose messages pass through a module. With -DMODULE the module; with
 * -DOWN a library that it is linked with, and that has a `send` of its own; else
 * the program, whose RUNPATH alone leads to the module.
 */
#include "host.h"

#include <dlfcn.h>

#define EACH 40

int own_fds_is_last(void);

#if defined(OWN)
ssize_t send(int fd, const void *buffer, size_t size, int flags)
{
	(void)fd, (void)buffer, (void)size, (void)flags;
	return 42;
}

/* Behind it there is no other. */
int own_fds_is_last(void)
{
	return !dlsym(RTLD_NEXT, "own_fds_is_last");
}
#elif defined(MODULE)
int deep_serve(int queries);

/* Through pointers, so that it has such an entry too. */
static typeof(recvfrom) *volatile receive = recvfrom;

int deep_serve(int queries)
{
	int fd = host_udp();

	while (queries-- > 0) {
		unsigned char message[4096];
		struct sockaddr_in from;
		socklen_t size = sizeof(from);
		ssize_t n = receive(fd, message, sizeof(message), 0,
				    (struct sockaddr *)&from, &size);

		MUST(n >= 12);
		message[2] |= 0x80;
		MUST(sendto(fd, message, n, 0, (struct sockaddr *)&from,
			    size) == n);
	}
#ifdef CLASH
	/* The library's, however late it is bound. */
	MUST(send(0, NULL, 0, 0) == 42 && own_fds_is_last());
#endif
	return 0;
}

#ifdef EARLY
__attribute__((constructor)) static void serve_early(void)
{
	deep_serve(EACH);
}
#endif
#else
/* How much of a module is read-only data. */
static int locked(const char *module)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[4096];
	int count = 0;

	MUST(maps);
	while (fgets(line, sizeof(line), maps))
		count += strstr(line, module) && strstr(line, " r--p ");
	fclose(maps);
	return count;
}

static void play(const char *module, int flags)
{
	void *handle = dlopen(module, flags);
	int (*serve)(int), before = locked(module);

	if (!handle)
		dprintf(STDOUT_FILENO, "%s\n", dlerror());
	MUST(handle);
	serve = (int (*)(int))dlsym(handle, "deep_serve");
	MUST(before && locked(module) == before);
	MUST(serve && serve(EACH) == 0);
}

static void play_plain(void)
{
	play("liblazy.so", RTLD_LAZY);
}

static void play_lazy(void)
{
	play("liblazy.so", RTLD_LAZY | RTLD_DEEPBIND);
}

/* Its entries are read-only once it is loaded. */
static void play_now(void)
{
	play("libnow.so", RTLD_NOW | RTLD_DEEPBIND);
}

static void play_clash(void)
{
	play("libclash.so", RTLD_LAZY | RTLD_DEEPBIND);
}

/* It has a libc of its own, which nothing stands before. */
static void play_space(void)
{
	void *handle = dlmopen(LM_ID_NEWLM, "libnow.so", RTLD_NOW);
	int (*serve)(int);

	MUST(handle);
	serve = (int (*)(int))dlsym(handle, "deep_serve");
	MUST(serve && serve(EACH) == 0);
}

/* Its constructor serves, before anybody knows of it. */
static void play_constructor(void)
{
	MUST(dlopen("libearly.so", RTLD_NOW | RTLD_DEEPBIND));
}

static const struct scene scenes[] = {
	{ "plain", play_plain }, { "lazy", play_lazy },
	{ "now", play_now },     { "clash", play_clash },
	{ "space", play_space }, { "constructor", play_constructor },
};

HOST_MAIN(scenes)
#endif

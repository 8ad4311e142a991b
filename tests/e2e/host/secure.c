/* SPDX-License-Identifier: Apache-2.0
 *
 * What a process may call SSL_read. With -DRELEASE=N a TLS library, of which two
 * releases have the same functions at other places of the same file; with -DBEFORE a
 * library that stands before it and passes the call on; with -DMODULE a module that
 * calls it; with -DCALLER a program that does; else one that loads the module.
 */
#include "host.h"

#include <dlfcn.h>
#include <link.h>

int SSL_read(void *ssl, void *to, int size);
int SSL_write(void *ssl, const void *from, int size);
int SSL_get_rfd(const void *ssl);
int secure_read(void);

#if defined(RELEASE)
#if RELEASE == 2
int SSL_write(void *ssl, const void *from, int size)
{
	(void)ssl, (void)from, (void)size;
	return 2002;
}
#endif

int SSL_read(void *ssl, void *to, int size)
{
	(void)ssl, (void)to, (void)size;
	return RELEASE * 1000 + 1;
}

#if RELEASE == 1
int SSL_write(void *ssl, const void *from, int size)
{
	(void)ssl, (void)from, (void)size;
	return 1002;
}
#endif

int SSL_get_rfd(const void *ssl)
{
	(void)ssl;
	return -1;
}
#elif defined(BEFORE)
int SSL_read(void *ssl, void *to, int size)
{
	typeof(SSL_read) *next =
		(typeof(SSL_read) *)dlsym(RTLD_NEXT, "SSL_read");

	return next(ssl, to, size) + 100;
}
#elif defined(MODULE)
int secure_read(void)
{
	char octets[8];

	return SSL_read(octets, octets, sizeof(octets));
}
#elif defined(CALLER)
/* The library begins with the first internet socket. */
static void play_before(void)
{
	char octets[8];

	MUST(!close(socket(AF_INET, SOCK_DGRAM, 0)));
	MUST(SSL_read(octets, octets, sizeof(octets)) == 1101);
}

static const struct scene scenes[] = { { "before", play_before } };

HOST_MAIN(scenes)
#else
static void load(const char *release, int expected)
{
	MUST(!rename(release, "libsecure.so"));
	void *module = dlopen("libcalls.so", RTLD_NOW);
	if (!module)
		dprintf(STDOUT_FILENO, "%s\n", dlerror());
	MUST(module);
	int (*secure)(void) = (int (*)(void))dlsym(module, "secure_read");
	MUST(secure && secure() == expected);
	MUST(!dlclose(module));
}

/* The library's package is upgraded meanwhile. */
static void play_reload(void)
{
	MUST(!close(socket(AF_INET, SOCK_DGRAM, 0)));
	load("libsecure.1", 1001);
	load("libsecure.2", 2001);
}

/* What the dynamic linker makes read-only of the module, once it has written to it. */
static int open_module(struct dl_phdr_info *info, size_t size, void *context)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char **last = context;

	(void)size;
	if (!strstr(info->dlpi_name, "libcalls.so"))
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *phdr = &info->dlpi_phdr[i];
		uintptr_t begin = info->dlpi_addr + phdr->p_vaddr;
		uintptr_t end = (begin + phdr->p_memsz) & -page;

		if (phdr->p_type != PT_GNU_RELRO)
			continue;
		begin &= -page;
		MUST(end > begin && !mprotect((void *)begin, end - begin,
					      PROT_READ | PROT_WRITE));
		*last = (char *)end - 1;
	}
	return 1;
}

/* As if the dynamic linker were writing to it still, in another thread. */
static void play_writing(void)
{
	char *last = NULL;

	MUST(!close(socket(AF_INET, SOCK_DGRAM, 0)));
	void *module = dlopen("libcalls.so", RTLD_NOW);
	MUST(module);
	MUST(dl_iterate_phdr(open_module, &last) && last);
	int (*secure)(void) = (int (*)(void))dlsym(module, "secure_read");
	*(volatile char *)last = 0;
	MUST(secure && secure() == 1001);
}

static const struct scene scenes[] = {
	{ "reload", play_reload },
	{ "writing", play_writing },
};

HOST_MAIN(scenes)
#endif

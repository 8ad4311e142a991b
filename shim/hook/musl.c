/* SPDX-License-Identifier: Apache-2.0
 *
 * What is musl's.
 *
 * Its dynamic linker binds everything at the beginning, and runs the constructors of
 * what is preloaded before those of the program's other libraries: hardly any call
 * arrives before real_resolve().
 */
#include "shim/hook/libc.h"

#include <pthread.h>

#include "shim/capture/departed.h"
#include "shim/hook/module.h"

/* __sysv_signal is another name of signal there. */
const struct libc_signals libc_signals = { .sysv_flags = SA_RESTART };

/* A definition that is sought behind this library. */
struct sought {
	const char *name;
	bool behind;
	void *found;
};

static int seek(struct dl_phdr_info *info, size_t size, void *context)
{
	struct sought *sought = context;
	struct module module;

	(void)size;
	if (!module_read(&module, info))
		return 0;
	uint32_t n = sought->behind ? module_find(&module, sought->name) : 0;

	if (n)
		sought->found =
			(void *)(module.base + module.symbols[n].st_value);
	if (module_has(&module, &libc_signals))
		sought->behind = true;
	return sought->found != NULL;
}

/* There is no dlvsym(3), and dlsym(3) is ours. */
void *libc_dl(const char *name)
{
	struct sought sought = { .name = name };

	dl_iterate_phdr(seek, &sought);
	return sought.found;
}

/*
 * musl keeps the handlers of pthread_cleanup_push(3) as a list through the frames
 * that they stand in, and does not notice a jump out of these: the thread's end
 * would follow it into what another call has written there. A thread's own data
 * are given back at its end only, and that is when they are wanted.
 */
static pthread_key_t key;
static bool has_key;

static void give_back(void *unused)
{
	(void)unused;
	departed_end_all();
}

void libc_begin(void)
{
	has_key = !pthread_key_create(&key, give_back);
}

void libc_cleanup_push(struct libc_cleanup *cleanup, void (*routine)(void *),
		       void *call)
{
	(void)cleanup;
	(void)routine;
	(void)call;
	if (has_key)
		pthread_setspecific(key, &key);
}

void libc_cleanup_pop(struct libc_cleanup *cleanup)
{
	(void)cleanup;
}

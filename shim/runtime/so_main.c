/* SPDX-License-Identifier: Apache-2.0
 *
 * The library run as a program: it says what it is and how it is used.
 *
 * An interpreter and an entry point make a program of a shared object. When the
 * entry is reached, the dynamic linker has initialised libc and this library.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__x86_64__)
#define GLIBC "/lib64/ld-linux-x86-64.so.2"
#define MUSL  "/lib/ld-musl-x86_64.so.1"
/* The kernel enters with the stack as it is before a call, not after one. */
#define ENTRY __attribute__((force_align_arg_pointer, noreturn, used))
#elif defined(__aarch64__)
#define GLIBC "/lib/ld-linux-aarch64.so.1"
#define MUSL  "/lib/ld-musl-aarch64.so.1"
#define ENTRY __attribute__((noreturn, used))
#endif

#ifdef LIBC_MUSL
#define INTERPRETER MUSL
#else
#define INTERPRETER GLIBC
#endif

__attribute__((section(".interp"), used, retain)) static const char interp[] =
	INTERPRETER;

static const char about[] =
	"libdnstapshim " DNSTAPSHIM_VERSION "\n"
	"\n"
	"Gives dnstap output to a DNS server that was built without it, when\n"
	"preloaded into the server:\n"
	"\n"
	"  LD_PRELOAD=%s \\\n"
	"  DNSTAP_CONFIG='dnstap /run/dnstap.sock full' named -g\n"
	"\n"
	"or, with the configuration and the program checked first:\n"
	"\n"
	"  dnstapshim run --tap '/run/dnstap.sock full' -- named -g\n"
	"\n"
	"A collector to try it with: dnstapshim read -u /run/dnstap.sock\n"
	"\n"
	"See libdnstapshim.so(8), dnstapshim.conf(5) and dnstapshim(1).\n";

void so_main(void);

/* The Makefile names it to the linker as the entry point. */
ENTRY void so_main(void)
{
	Dl_info self;
	char *path = NULL;

	if (dladdr(about, &self))
		path = realpath(self.dli_fname, NULL);
	printf(about, path ? path : "libdnstapshim.so");
	exit(fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS);
}

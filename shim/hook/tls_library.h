/* SPDX-License-Identifier: Apache-2.0
 *
 * The host's TLS libraries, and who calls them. Nothing of theirs is exported here:
 * what the modules of the process hold in their global offset tables for the functions
 * of tls_calls.h is replaced by the hooks. So a hook is reached only by a module that
 * was bound to that very library; a process without one is as it was; and a function
 * that somebody looks up by dlsym(3) is the library's own.
 *
 * Of two OpenSSLs in one process only the first is looked into, and where others define
 * a function's name as well (a second OpenSSL, a preloaded key logger, the program), only
 * by modules that are bound to the first one already: which one a name leads to that is yet
 * to be looked up cannot be told, and what stands before the library is called as ever.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* gnutls_datum_t */
struct tls_datum {
	unsigned char *data;
	unsigned size;
};

/* The real functions; NULL: those of another library, or of an older one. */
struct tls_library {
#define TLS_CALL(library, name, result, arguments) result(*name) arguments;
#define TLS_ASK(library, name, result, arguments)  result(*name) arguments;
#include "shim/hook/tls_calls.h"
};

enum tls_kind { TLS_OPENSSL, TLS_GNUTLS, TLS_KINDS };

extern struct tls_library tls_libraries[TLS_KINDS];

/* The hooks, in tls.c. */
#define TLS_CALL(library, name, result, arguments) result hook_##name arguments;
#include "shim/hook/tls_calls.h"

/* Binds all modules that there are, as soon as capture is to begin and whenever the
 * host has loaded more. No other thread is to load any at this time. */
void tls_library_bind(void);

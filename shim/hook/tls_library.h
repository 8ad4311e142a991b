/* SPDX-License-Identifier: Apache-2.0
 *
 * The TLS library that a call is meant for. A process may have several, in scopes that
 * do not see each other (dlopen(3) without RTLD_GLOBAL), and the hooks stand before
 * all of them: whose scope counts is told by the caller's address.
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

enum tls_library_kind { TLS_OPENSSL, TLS_GNUTLS };

/* Returns NULL if nobody but this library defines the name that was called. Stays
 * valid: the library is not unloaded any more. */
const struct tls_library *tls_library_of(enum tls_library_kind kind,
					 const void *caller);

/* SPDX-License-Identifier: Apache-2.0
 *
 * The function of a TLS library that a call is meant for. A process may have several
 * libraries, in scopes that do not see each other (dlopen(3) without RTLD_GLOBAL),
 * and of several versions; the hooks stand before all of them. Which one is meant
 * is told by who calls.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* gnutls_datum_t */
struct tls_datum {
	unsigned char *data;
	unsigned size;
};

enum tls_name {
#define TLS_CALL(library, name, result, arguments) TLS_##name,
#include "shim/hook/tls_calls.h"
	TLS_NAMES
};

struct tls_library {
	void *real; /* what was called */
		    /* What its library can be asked, or NULL. */
#define TLS_ASK(library, name, result, arguments) result(*name) arguments;
#include "shim/hook/tls_calls.h"
};

/* Not for callers: the places that call, each where its address leads to. */
#define TLS_SITES 256

struct tls_site {
	const void *_Atomic caller; /* NULL: it is not filled in */
	_Atomic bool taken;
	struct tls_library library;
};

extern struct tls_site tls_sites[TLS_SITES];

static inline struct tls_site *tls_site_of(const void *caller)
{
	return &tls_sites[(uintptr_t)caller / 4 % TLS_SITES];
}

const struct tls_library *tls_library_find(enum tls_name name,
					   const void *caller);

/* For a call of that name which returns to `caller`: always the same for one place.
 * Returns NULL if nobody but this library defines it. Stays valid: the library is
 * not unloaded any more. */
static inline const struct tls_library *tls_library_of(enum tls_name name,
						       const void *caller)
{
	const struct tls_site *site = tls_site_of(caller);
	const void *found =
		atomic_load_explicit(&site->caller, memory_order_acquire);

	return __builtin_expect(found == caller, 1)
		       ? &site->library
		       : tls_library_find(name, caller);
}

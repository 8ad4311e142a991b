/* SPDX-License-Identifier: Apache-2.0
 *
 * Modules that the host loads with RTLD_DEEPBIND.
 *
 * They look a name up among themselves first, and in libc before here: their
 * messages would pass by. The flag stays as it is: who gives it keeps two
 * libraries apart that define the same names, and would crash without. Instead
 * those entries of such a module's global offset table that libc's functions
 * stand in are bound to the hooks, as they would be without the flag. All that
 * the module finds elsewhere stays, and so do names that anything but libc
 * defines too: which one a name leads to that is not bound yet cannot be told.
 *
 * This is done when the thread that has loaded the module looks up its first
 * symbol, or loads the next: dlopen(3) must return to its caller directly, by
 * whose address it goes. Calls that a module makes from its constructors are
 * not seen, nor is a namespace of its own, dlmopen(3).
 */
#pragma once

#ifndef __ASSEMBLER__
/* From now on; until then nothing is bound. Whatever else the host loads is looked
 * through in the same way for calls of its TLS library's (tls_library.h). */
void dl_begin(void);

/* Not for callers. Before dlopen with these flags, or with 0 before dlsym: finds
 * the real functions, and binds what this thread has loaded before. */
void dl_attend(int flags);
#endif

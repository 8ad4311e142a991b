/* SPDX-License-Identifier: Apache-2.0
 *
 * The names of DNS's numbers, as CoreDNS prints them. NULL: it has none.
 */
#pragma once

#include <stdint.h>

const char *mnemonic_type(uint16_t type);
const char *mnemonic_class(uint16_t class);
const char *mnemonic_rcode(uint16_t rcode);

/* Of a name in whatever case; -1: nothing is called so. */
int mnemonic_type_number(const char *name);
int mnemonic_rcode_number(const char *name);

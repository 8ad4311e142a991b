/* SPDX-License-Identifier: Apache-2.0
 *
 * Lengths of arrays, and of time.
 */
#pragma once

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#define NS_PER_S  1000000000ull
#define NS_PER_MS 1000000ull

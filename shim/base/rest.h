/* SPDX-License-Identifier: Apache-2.0
 *
 * Short rests, of threads that look again behind them.
 */
#pragma once

#include <stdint.h>

/* By whatever call there is that takes a while: the host's own filter may be against
 * some of them, another kernel may lack them. Where none is to be had, the processor
 * is left to others. Async-signal-safe, and no cancellation point. */
void rest(uint64_t ns);

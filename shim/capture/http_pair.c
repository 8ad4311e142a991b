/* SPDX-License-Identifier: Apache-2.0
 *
 * A word: the upper half of the fd's state, and the name.
 */
#include "shim/capture/http_pair.h"

static http_name name_in(uint64_t word)
{
	return (http_name)word;
}

static uint64_t word_of(uint64_t state, http_name name)
{
	return (state & 0xffffffff00000000) | name;
}

/* Leaves `made` for the other direction. Returns false if that has left another
 * meanwhile. */
static bool leave(struct fd_entry *entry, uint64_t state, http_name made)
{
	uint64_t word = atomic_load(&entry->http);

	do
		if (fd_same_socket(word, state) && name_in(word))
			return false;
	while (!atomic_compare_exchange_weak(&entry->http, &word,
					     word_of(state, made)));
	if (!fd_same_socket(word, state))
		http_close(name_in(word));
	return true;
}

/* Returns what the other direction has left, or 0. */
static http_name take_left(struct fd_entry *entry, uint64_t state)
{
	uint64_t word = atomic_load(&entry->http);

	do
		if (!fd_same_socket(word, state) || !name_in(word))
			return 0;
	while (!atomic_compare_exchange_weak(&entry->http, &word,
					     word_of(state, 0)));
	return name_in(word);
}

http_name http_pair_take(const struct capture_call *call,
			 enum http_version version)
{
	struct fd_entry *entry = fdtable_entry(call->fd);
	http_name name = take_left(entry, call->state);

	if (name)
		return name;
	name = http_open(version);
	if (!name || leave(entry, call->state, name))
		return name;
	http_close(name);
	http_close(name);
	return take_left(entry, call->state);
}

bool http_pair_waits(const struct capture_call *call)
{
	struct fd_entry *entry = fdtable_entry(call->fd);
	uint64_t word = entry ? atomic_load(&entry->http) : 0;

	return fd_same_socket(word, call->state) && name_in(word);
}

void http_pair_drop(struct fd_entry *entry)
{
	uint64_t word = atomic_load(&entry->http);

	if (name_in(word) &&
	    atomic_compare_exchange_strong(&entry->http, &word, 0))
		http_close(name_in(word));
}

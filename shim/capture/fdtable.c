/* SPDX-License-Identifier: Apache-2.0
 *
 * The table: chunks of entries, mapped when an fd in their range first needs
 * one, and a generation in each entry that serves as its sequence lock.
 */
#include "shim/capture/fdtable.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

struct fd_entry *_Atomic fdtable_chunk[FDTABLE_MAX / FDTABLE_CHUNK];

/* Private memory: a forked child goes on with a copy of its own. */
static struct fd_entry *entry_make(int fd)
{
	struct fd_entry *entry = fdtable_entry(fd);
	struct fd_entry *none = NULL;

	if (entry || (unsigned)fd >= FDTABLE_MAX)
		return entry;
	int saved = errno;
	size_t size = FDTABLE_CHUNK * sizeof(struct fd_entry);
	struct fd_entry *chunk = mmap(NULL, size, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	errno = saved;
	if (chunk == MAP_FAILED)
		return NULL;
	if (!atomic_compare_exchange_strong(&fdtable_chunk[fd / FDTABLE_CHUNK],
					    &none, chunk))
		munmap(chunk, size);
	return fdtable_entry(fd);
}

/* The word that follows `word`: more is known of the same socket, or less. */
static uint64_t changed(uint64_t word, enum fd_kind kind)
{
	return (word & 0xffffffff00000000) | ((word + 0x100) & 0xffffff00) |
	       kind;
}

/* The word that follows `word` when the number stands for another socket. */
static uint64_t reborn(uint64_t word, enum fd_kind kind)
{
	return ((word >> 32) + 1) << 32 | kind;
}

/*
 * Only who has made the kind FD_LEARNING writes the facts, and only he ends that:
 * others who forget or unlearn meanwhile change the counts alone, so that what
 * he has written comes to nothing. Two who write at a time would mix theirs.
 */
bool fdtable_learn(int fd, uint64_t word, enum fd_kind kind,
		   const struct fd_facts *facts)
{
	struct fd_entry *entry = entry_make(fd);
	uint64_t learning = changed(word, FD_LEARNING);
	uint64_t copy[6] = { 0 };

	if (!entry || fd_kind(word) == FD_LEARNING ||
	    !atomic_compare_exchange_strong(&entry->word, &word, learning))
		return false;
	/* Whoever reads one of the facts below finds the word changed. */
	atomic_thread_fence(memory_order_release);
	memcpy(copy, facts, sizeof(*facts));
	for (size_t i = 0; i < 6; i++)
		atomic_store_explicit(&entry->fact[i], copy[i],
				      memory_order_relaxed);
	if (atomic_compare_exchange_strong(&entry->word, &learning,
					   changed(learning, kind)))
		return true;
	while (!atomic_compare_exchange_weak(&entry->word, &learning,
					     changed(learning, FD_UNKNOWN)))
		;
	return false;
}

static enum fd_kind unknown_or_learning(uint64_t word)
{
	return fd_kind(word) == FD_LEARNING ? FD_LEARNING : FD_UNKNOWN;
}

static void set_reborn(struct fd_entry *entry)
{
	uint64_t word =
		atomic_load_explicit(&entry->word, memory_order_relaxed);

	while (!atomic_compare_exchange_weak(
		&entry->word, &word, reborn(word, unknown_or_learning(word))))
		;
}

void fdtable_fresh(int fd, enum fd_kind kind)
{
	static const struct fd_facts none;
	struct fd_entry *entry = entry_make(fd);

	if (!entry)
		return;
	set_reborn(entry);
	fdtable_learn(fd, fdtable_word(fd), kind, &none);
}

/* What is left of what is known when an address changes. */
static enum fd_kind less(enum fd_kind kind)
{
	switch (kind) {
	case FD_FRESH_UDP:
	case FD_DATAGRAM:
		return FD_FRESH_UDP;
	case FD_FRESH_TCP:
	case FD_STREAM:
		return FD_FRESH_TCP;
	default:
		return FD_UNKNOWN;
	}
}

void fdtable_connected(int fd, const struct address *remote)
{
	struct fd_facts facts = { .remote = *remote };
	struct fd_entry *entry = fdtable_entry(fd);
	uint64_t word;
	bool done = !entry;

	while (!done) {
		word = fdtable_word(fd);
		/* Who has asked the kernel before is to learn nothing. */
		if (fd_kind(word) == unknown_or_learning(word))
			done = atomic_compare_exchange_weak(
				&entry->word, &word,
				changed(word, fd_kind(word)));
		else
			done = fdtable_learn(fd, word, less(fd_kind(word)),
					     &facts);
	}
}

void fdtable_unlearn(int fd)
{
	static const struct address unknown;

	fdtable_connected(fd, &unknown);
}

/* Gives back what a stream holds. What it knows of the message it is in stays,
 * for a call that is about to return. Where another thread is at it, it is reset
 * when the number's next socket has a stream. */
static void drop_stream(struct fd_stream *stream)
{
	if (!atomic_load_explicit(&stream->held, memory_order_relaxed) &&
	    !atomic_exchange(&stream->held, true)) {
		stream_abandon(&stream->stream);
		atomic_store(&stream->held, false);
	}
}

void fdtable_forget(int fd)
{
	struct fd_entry *entry = fdtable_entry(fd);

	if (!entry)
		return;
	bool streams = fd_kind(fdtable_word(fd)) == FD_STREAM;
	set_reborn(entry);
	if (streams) {
		drop_stream(&entry->stream[0]);
		drop_stream(&entry->stream[1]);
	}
}

void fdtable_forget_range(unsigned first, unsigned last)
{
	if (last >= FDTABLE_MAX)
		last = FDTABLE_MAX - 1;
	for (unsigned fd = first; fd <= last; fd++) {
		if (fdtable_entry(fd))
			fdtable_forget(fd);
		else
			fd |= FDTABLE_CHUNK - 1;
	}
}

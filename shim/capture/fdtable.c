/* SPDX-License-Identifier: Apache-2.0
 *
 * The table: chunks of entries, mapped when an fd in their range first needs
 * one, and a generation in each entry that serves as its sequence lock.
 */
#include "shim/capture/fdtable.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "shim/base/sandbox.h"
#include "shim/capture/http_pair.h"

struct fd_entry *_Atomic fdtable_chunk[FDTABLE_MAX / FDTABLE_CHUNK];

static _Atomic bool distrusts;

void fdtable_distrust(void)
{
	atomic_store(&distrusts, true);
}

static void begin_lost(struct fd_entry *chunk)
{
	static const struct stream lost = { .state = STREAM_LOST };

	for (int i = 0; i < FDTABLE_CHUNK; i++)
		for (int sent = 0; sent < 2; sent++)
			atomic_store_explicit(&chunk[i].stream[sent].state,
					      stream_pack(&lost),
					      memory_order_relaxed);
}

/* Private memory: a forked child goes on with a copy of its own. */
struct fd_entry *fdtable_make(int fd)
{
	struct fd_entry *entry = fdtable_entry(fd);
	struct fd_entry *none = NULL;

	if (entry || (unsigned)fd >= FDTABLE_MAX ||
	    !sandbox_spares(sandbox_mapping))
		return entry;
	int saved = errno;
	size_t size = FDTABLE_CHUNK * sizeof(struct fd_entry);
	struct fd_entry *chunk = mmap(NULL, size, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	errno = saved;
	if (chunk == MAP_FAILED)
		return NULL;
	if (atomic_load(&distrusts))
		begin_lost(chunk);
	if (!atomic_compare_exchange_strong(&fdtable_chunk[fd / FDTABLE_CHUNK],
					    &none, chunk))
		munmap(chunk, size);
	return fdtable_entry(fd);
}

/* The state that follows `state`: more is known of the same socket, or less. */
static uint64_t next_state(uint64_t state, enum fd_kind kind)
{
	return (state & 0xffffffff00000000) | ((state + 0x100) & 0xffffff00) |
	       kind;
}

/* The state that follows `state` when the number stands for another socket. */
static uint64_t next_socket_state(uint64_t state, enum fd_kind kind)
{
	return ((state >> 32) + 1) << 32 | kind;
}

/* `to` and `from` are of `size` octets, a multiple of 8. */
static void store(_Atomic uint64_t *to, const uint8_t *from, size_t size)
{
	for (size_t i = 0; i < size; i += sizeof(*to)) {
		uint64_t part;
		memcpy(&part, from + i, sizeof(part));
		atomic_store_explicit(to++, part, memory_order_relaxed);
	}
}

/*
 * Only who has made the kind FD_LEARNING writes the facts, and only he ends that:
 * others who forget or unlearn meanwhile change the counts alone, so that what
 * he has written comes to nothing. Two who write at a time would mix theirs.
 */
static uint64_t learn(int fd, uint64_t state, enum fd_kind kind,
		      const struct fd_info *info, const uint8_t *introduction)
{
	struct fd_entry *entry = fdtable_make(fd);
	uint64_t learning = next_state(state, FD_LEARNING);

	if (!entry || fd_kind(state) == FD_LEARNING ||
	    !atomic_compare_exchange_strong(&entry->state, &state, learning))
		return 0;
	/* Whoever reads one of the facts below finds the state changed. */
	atomic_thread_fence(memory_order_release);
	store(entry->info, (const uint8_t *)info, sizeof(*info));
	if (introduction)
		store(entry->introduction, introduction, FD_INTRODUCTION_MAX);
	state = next_state(learning, kind);
	if (atomic_compare_exchange_strong(&entry->state, &learning, state))
		return state;
	while (!atomic_compare_exchange_weak(&entry->state, &learning,
					     next_state(learning, FD_UNKNOWN)))
		;
	return 0;
}

uint64_t fdtable_learn(int fd, uint64_t state, enum fd_kind kind,
		       const struct fd_info *info)
{
	return learn(fd, state, kind, info, NULL);
}

uint64_t fdtable_introduce(int fd, uint64_t state, const struct fd_info *info,
			   const uint8_t *octets, size_t size)
{
	struct fd_info introduced = *info;
	uint8_t introduction[FD_INTRODUCTION_MAX] = { size };

	introduced.introduced = true;
	memcpy(introduction + 1, octets, size);
	return learn(fd, state, fd_kind(state), &introduced, introduction);
}

size_t fdtable_introduction(struct fd_entry *entry, uint64_t state,
			    uint8_t octets[FD_INTRODUCTION_MAX])
{
	uint8_t introduction[FD_INTRODUCTION_MAX];

	for (size_t i = 0; i < FD_INTRODUCTION_MAX; i += 8) {
		uint64_t part = atomic_load_explicit(
			&entry->introduction[i / 8], memory_order_relaxed);
		memcpy(introduction + i, &part, sizeof(part));
	}
	/* As in fdtable_read. */
	atomic_thread_fence(memory_order_acquire);
	if (atomic_load_explicit(&entry->state, memory_order_relaxed) !=
		    state ||
	    introduction[0] >= FD_INTRODUCTION_MAX)
		return 0;
	memcpy(octets, introduction + 1, introduction[0]);
	return introduction[0];
}

static enum fd_kind unknown_or_learning(uint64_t state)
{
	return fd_kind(state) == FD_LEARNING ? FD_LEARNING : FD_UNKNOWN;
}

static void begin_next_socket(struct fd_entry *entry)
{
	uint64_t state =
		atomic_load_explicit(&entry->state, memory_order_relaxed);

	while (!atomic_compare_exchange_weak(
		&entry->state, &state,
		next_socket_state(state, unknown_or_learning(state))))
		;
}

void fdtable_fresh(int fd, enum fd_kind kind)
{
	static const struct fd_info none;
	struct fd_entry *entry = fdtable_make(fd);

	if (!entry)
		return;
	begin_next_socket(entry);
	fdtable_learn(fd, fdtable_state(fd), kind, &none);
}

/* What is left of what is known when an address changes. */
static enum fd_kind kind_without_address(enum fd_kind kind)
{
	switch (kind) {
	case FD_FRESH_UDP:
	case FD_DATAGRAM:
		return FD_FRESH_UDP;
	case FD_FRESH_TCP:
	case FD_STREAM:
	case FD_TLS_PORT:
	case FD_TLS:
		return FD_FRESH_TCP;
	default:
		return FD_UNKNOWN;
	}
}

/* Who has asked the kernel before is to learn nothing. */
static bool forestall(struct fd_entry *entry, uint64_t state)
{
	return atomic_compare_exchange_weak(&entry->state, &state,
					    next_state(state, fd_kind(state)));
}

void fdtable_connected(int fd, const struct address *remote)
{
	struct fd_info info = { .remote = *remote }, before;
	struct fd_entry *entry = fdtable_entry(fd);
	uint64_t state;
	bool done = !entry;

	while (!done) {
		state = fdtable_state(fd);
		info.routed =
			fdtable_read(entry, state, &before) && before.routed;
		if (fd_kind(state) == unknown_or_learning(state))
			done = forestall(entry, state);
		else
			done = fdtable_learn(
				fd, state, kind_without_address(fd_kind(state)),
				&info);
	}
}

void fdtable_routed(int fd)
{
	struct fd_entry *entry = fdtable_entry(fd);
	struct fd_info info;
	bool done = !entry;

	while (!done) {
		uint64_t state = fdtable_state(fd);
		enum fd_kind kind = fd_kind(state);

		if (kind == unknown_or_learning(state)) {
			done = forestall(entry, state);
		} else if (kind != FD_FRESH_UDP && kind != FD_DATAGRAM) {
			done = true;
		} else if (fdtable_read(entry, state, &info)) {
			info.routed = true;
			done = fdtable_learn(fd, state, kind, &info);
		}
	}
}

void fdtable_unlearn(int fd)
{
	static const struct address unknown;

	fdtable_connected(fd, &unknown);
}

/* Gives back what a stream holds. What it knows of the message it is in stays,
 * for a call that is about to return. Where another thread is at it, the number's
 * next connection sees to that. */
static void drop_stream(struct fd_stream *side)
{
	uint64_t state =
		atomic_load_explicit(&side->state, memory_order_relaxed);
	struct stream stream =
		stream_unpack((uint32_t)state & ~FD_STREAM_LOCKED);

	if (state & FD_STREAM_LOCKED || !stream.half ||
	    !atomic_compare_exchange_strong(&side->state, &state,
					    state | FD_STREAM_LOCKED))
		return;
	uint64_t locked = state | FD_STREAM_LOCKED;
	stream_abandon(&stream);
	atomic_compare_exchange_strong(&side->state, &locked,
				       (state & 0xffffffff00000000) |
					       stream_pack(&stream));
}

static void drop_streams(struct fd_entry *entry)
{
	drop_stream(&entry->stream[0]);
	drop_stream(&entry->stream[1]);
	http_pair_drop(entry);
}

void fdtable_forget(int fd)
{
	struct fd_entry *entry =
		atomic_load_explicit(&distrusts, memory_order_relaxed)
			? fdtable_make(fd)
			: fdtable_entry(fd);

	if (!entry)
		return;
	begin_next_socket(entry);
	drop_streams(entry);
}

void fdtable_replaced(int fd, uint64_t before)
{
	struct fd_entry *entry = fdtable_entry(fd);
	uint64_t state = fdtable_state(fd);

	if (!entry)
		return;
	do
		if (!fd_same_socket(state, before))
			return;
	while (!atomic_compare_exchange_weak(
		&entry->state, &state,
		next_socket_state(state, unknown_or_learning(state))));
	drop_streams(entry);
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

/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections by their names, and where each has its memory.
 */
#include "shim/capture/http/http.h"

#include "shim/capture/blocks.h"
#include "shim/capture/http/http1.h"
#include "shim/capture/http/http2.h"

/* A connection's state, and behind it what its decoders allocate from: whole pages,
 * touched as they are used. */
#define AREA       131072
#define STATE      8192
#define ARENA_SIZE ((AREA - STATE) / 2)

/* Areas of a slab: 1 << 2. */
#define SLAB 2

struct connection {
	enum http_version version;
	_Atomic unsigned open; /* directions */
	struct http1_asked asked;
	struct noted noted;
	union {
		struct http1 http1[2]; /* by whether they are requests */
		struct http2 http2[2];
	};
};

_Static_assert(sizeof(struct connection) <= STATE, "the state has room");
_Static_assert(HTTP_CONNECTIONS < 1 << POOL_NAME_BITS, "names fit");

static struct blocks areas = BLOCKS(AREA, HTTP_CONNECTIONS, SLAB);

static struct connection *connection_of(http_name name)
{
	return (struct connection *)blocks_memory(&areas, name);
}

static void begin_http1(struct connection *connection)
{
	connection->asked = (struct http1_asked){ 0 };
	for (int side = 0; side < 2; side++)
		http1_begin(&connection->http1[side], side, &connection->asked,
			    &connection->noted);
}

static void begin_http2(struct connection *connection)
{
	uint8_t *arena = (uint8_t *)connection + STATE;

	for (int side = 0; side < 2; side++)
		http2_begin(&connection->http2[side], side,
			    &connection->http2[!side], &connection->noted,
			    arena + side * ARENA_SIZE, ARENA_SIZE);
}

http_name http_open(enum http_version version)
{
	uint32_t name = blocks_take(&areas);

	if (!name)
		return 0;
	struct connection *connection = connection_of(name);
	connection->version = version;
	memset(&connection->noted, 0, sizeof(connection->noted));
	atomic_store(&connection->open, 2);
	if (version == HTTP_1)
		begin_http1(connection);
	else
		begin_http2(connection);
	return name;
}

void http_close(http_name name)
{
	struct connection *connection = name ? connection_of(name) : NULL;

	/* The direction that closes last sees all that the other one has done. */
	if (!connection || atomic_fetch_sub(&connection->open, 1) > 1)
		return;
	for (int side = 0; side < 2; side++) {
		if (connection->version == HTTP_1)
			http1_end(&connection->http1[side]);
		else
			http2_end(&connection->http2[side]);
	}
	blocks_give(&areas, name);
}

/* A request that is handed out, or that its caller counts. */
static bool is_accounted(enum http_cut cut)
{
	return cut == HTTP_MESSAGE || cut == HTTP_SHORT ||
	       cut == HTTP_NO_MEMORY;
}

enum http_cut http_next(http_name name, bool requests, struct octets *octets,
			struct http_found *found)
{
	struct connection *connection = connection_of(name);
	enum http_cut cut;

	if (connection->version == HTTP_1)
		cut = http1_next(&connection->http1[requests], octets, found);
	else
		cut = http2_next(&connection->http2[requests], octets, found);
	if (requests && is_accounted(cut) && found->stream)
		noted_add(&connection->noted, found->stream);
	return cut;
}

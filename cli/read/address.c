/* SPDX-License-Identifier: Apache-2.0
 *
 * Text to socket addresses.
 */
#include "cli/read/address.h"

#include <errno.h>
#include <netdb.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

int address_unix(const char *path, struct address *address)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&address->socket;
	size_t length = strlen(path);

	if (length == 0)
		return -ENOENT;
	if (length >= sizeof(un->sun_path))
		return -ENAMETOOLONG;
	*address = (struct address){ 0 };
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, length);
	address->size = offsetof(struct sockaddr_un, sun_path) + length;
	if (*path == '@')
		*un->sun_path = '\0';
	else
		address->size++;
	return 0;
}

/* Cuts "HOST:PORT" in two. An IPv6 address has to stand in brackets. */
static int split(char *text, char **host, char **port)
{
	char *colon = strrchr(text, ':');
	char *end;

	if (!colon || !colon[1])
		return -EINVAL;
	*colon = '\0';
	*port = colon + 1;
	*host = *text ? text : NULL;
	if (*text == '[') {
		end = strchr(text, ']');
		if (!end || end[1])
			return -EINVAL;
		*end = '\0';
		*host = text + 1;
	} else if (strchr(text, ':')) {
		return -EINVAL;
	}
	return 0;
}

static int resolve(const char *text, int flags, struct addrinfo **list)
{
	const struct addrinfo hints = { .ai_flags = flags,
					.ai_socktype = SOCK_STREAM };
	char *copy = strdup(text);
	char *host, *port;
	int result;

	if (!copy)
		return -ENOMEM;
	result = split(copy, &host, &port);
	if (!result && getaddrinfo(host, port, &hints, list))
		result = -ENOENT;
	free(copy);
	return result;
}

int address_tcp(const char *text, int flags,
		struct address addresses[ADDRESSES_MAX])
{
	struct addrinfo *list, *one;
	int n = 0;
	int error = resolve(text, flags, &list);

	if (error)
		return error;
	for (one = list; one && n < ADDRESSES_MAX; one = one->ai_next) {
		addresses[n].size = one->ai_addrlen;
		memcpy(&addresses[n++].socket, one->ai_addr, one->ai_addrlen);
	}
	freeaddrinfo(list);
	return n;
}

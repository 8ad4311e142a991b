/* SPDX-License-Identifier: Apache-2.0
 *
 * Two addresses that are one, however they are written.
 */
#include "cli/read/loop.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/read/source.h"

bool loop_unix(const char *at, const char *to)
{
	struct stat a, b;

	if (!strcmp(at, to))
		return true;
	return *at != '@' && *to != '@' && !stat(at, &a) && !stat(to, &b) &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static bool reaches4(const struct sockaddr_in *at, const struct sockaddr_in *to)
{
	bool all = at->sin_addr.s_addr == INADDR_ANY;

	return at->sin_port == to->sin_port &&
	       (at->sin_addr.s_addr == to->sin_addr.s_addr ||
		(all && ntohl(to->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET));
}

static bool reaches6(const struct sockaddr_in6 *at,
		     const struct sockaddr_in6 *to)
{
	bool all = IN6_IS_ADDR_UNSPECIFIED(&at->sin6_addr);

	return at->sin6_port == to->sin6_port &&
	       (IN6_ARE_ADDR_EQUAL(&at->sin6_addr, &to->sin6_addr) ||
		(all && IN6_IS_ADDR_LOOPBACK(&to->sin6_addr)));
}

static bool reaches(const struct sockaddr_storage *at,
		    const struct sockaddr_storage *to)
{
	if (at->ss_family != to->ss_family)
		return false;
	if (at->ss_family == AF_INET)
		return reaches4((const struct sockaddr_in *)at,
				(const struct sockaddr_in *)to);
	return at->ss_family == AF_INET6 &&
	       reaches6((const struct sockaddr_in6 *)at,
			(const struct sockaddr_in6 *)to);
}

static bool any_reaches(const struct resolver_answer *at,
			const struct resolver_answer *to)
{
	for (size_t i = 0; i < at->count; i++)
		for (size_t k = 0; k < to->count; k++)
			if (reaches(&at->address[i].name, &to->address[k].name))
				return true;
	return false;
}

bool loop_tcp(const char *at, const char *to)
{
	struct outgoing *a = NULL, *b = NULL;
	/* Without a host it is loopback for both. */
	bool found = !source_find(at, &a) && !source_find(to, &b) &&
		     any_reaches(&a->to, &b->to);

	free(a);
	free(b);
	return found;
}

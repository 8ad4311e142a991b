/* SPDX-License-Identifier: Apache-2.0
 *
 * By the lists of sockets in /proc/PID/net, and the fds of the process.
 */
#include "cli/inspect/ports.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/proc.h"
#include "proto/common.h"

#define PATH_SIZE  64
#define LISTEN     0x0a /* a state of TCP, <netinet/tcp.h> */
#define SHOWN      8
#define PORT_WIDTH 12

struct search {
	const struct config *config;
	unsigned long *inode; /* of its sockets */
	size_t n;
	bool matches;
	unsigned shown;
	char *text;
	size_t used, size;
};

static bool add_socket(struct search *search, const char *target)
{
	unsigned long inode;

	if (sscanf(target, "socket:[%lu]", &inode) != 1)
		return true;
	unsigned long *more =
		realloc(search->inode, (search->n + 1) * sizeof(*more));
	if (!more)
		return false;
	search->inode = more;
	search->inode[search->n++] = inode;
	return true;
}

/* Returns false where they may not be seen. */
static bool find_sockets(struct search *search, pid_t pid)
{
	char path[PATH_SIZE], name[PATH_SIZE];
	const struct dirent *fd;
	bool good = true;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	DIR *fds = opendir(path);
	if (!fds)
		return false;
	while (good && (fd = readdir(fds))) {
		snprintf(name, sizeof(name), "fd/%.20s", fd->d_name);
		char *target = proc_link(pid, name);

		good = !target || add_socket(search, target);
		free(target);
	}
	closedir(fds);
	return good;
}

static bool is_its(const struct search *search, unsigned long inode)
{
	for (size_t i = 0; i < search->n; i++)
		if (search->inode[i] == inode)
			return true;
	return false;
}

static void on_port(struct search *search, unsigned port)
{
	char word[PORT_WIDTH];

	snprintf(word, sizeof(word), "%u", port);
	search->matches |= config_has_port(search->config->ports, port) ||
			   config_has_port(search->config->tls_ports, port);
	if (search->shown == SHOWN || strstr(search->text, word))
		return;
	search->used += snprintf(search->text + search->used,
				 search->size - search->used, "%s%s",
				 search->shown++ ? ", " : "", word);
	if (search->used >= search->size)
		search->used = search->size - 1;
}

/* Of TCP only what listens is of interest, of UDP what is not connected. */
static void on_row(struct search *search, const char *row, bool tcp)
{
	unsigned port, remote, state;
	unsigned long inode;

	if (sscanf(row,
		   " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%x %x %*s %*s %*s "
		   "%*d %*d %lu",
		   &port, &remote, &state, &inode) == 4 &&
	    port && !remote && (!tcp || state == LISTEN) &&
	    is_its(search, inode))
		on_port(search, port);
}

bool ports_match(pid_t pid, const struct config *config, char *text,
		 size_t size)
{
	static const char *const tables[] = { "net/udp", "net/udp6", "net/tcp",
					      "net/tcp6" };
	struct search search = { .config = config, .text = text, .size = size };
	char *line = NULL;
	size_t room = 0;

	*text = '\0';
	bool known = find_sockets(&search, pid);
	for (size_t i = 0; known && i < ARRAY_SIZE(tables); i++) {
		FILE *table = proc_open(pid, tables[i]);

		while (table && getline(&line, &room, table) > 0)
			on_row(&search, line, i >= 2);
		if (table)
			fclose(table);
	}
	free(line);
	free(search.inode);
	return !known || search.matches;
}

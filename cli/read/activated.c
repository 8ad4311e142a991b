/* SPDX-License-Identifier: Apache-2.0
 *
 * The protocol is two variables, so that nothing has to be linked for it.
 */
#include "cli/read/activated.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"

#define ACTIVATED_MAX 64

static uint64_t number(const char *name, uint64_t most)
{
	const char *text = getenv(name);
	uint64_t value;

	return text && cli_number(text, 1, most, &value) ? value : 0;
}

int activated_take(void)
{
	int count = 0;

	if (number("LISTEN_PID", INT32_MAX) == (uint64_t)getpid())
		count = (int)number("LISTEN_FDS", ACTIVATED_MAX);
	for (int fd = ACTIVATED_FIRST; fd < ACTIVATED_FIRST + count; fd++)
		if (fcntl(fd, F_SETFD, FD_CLOEXEC) ||
		    fcntl(fd, F_SETFL, O_NONBLOCK))
			return 0;
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return count;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Serves, and says what the process consists of before and behind it.
 */
#include <dirent.h>
#include <malloc.h>

#include "host.h"

static int entries(const char *path)
{
	DIR *directory = opendir(path);
	int count = 0;

	MUST(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

static void say(void)
{
	struct mallinfo2 heap = mallinfo2();

	printf("%zu octets of heap, %zu mapped, %d threads, %d fds\n",
	       heap.uordblks, heap.hblkhd, entries("/proc/self/task"),
	       entries("/proc/self/fd"));
}

int main(void)
{
	static char buffer[4096];

	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	say();
	host_serve(host_udp(), 40);
	say();
	return 0;
}

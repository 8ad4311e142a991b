/* SPDX-License-Identifier: Apache-2.0
 *
 * What the emulator lacks, found out by doing it: says the name of each thing that it
 * does not do as the kernel does. tests/arm64/run has which tests need it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int mark(void *word)
{
	*(int *)word = 1;
	return 0;
}

/* A vfork child is in its parent's memory. */
static bool shares_memory(void)
{
	static char stack[1 << 16] __attribute__((aligned(16)));
	int word = 0;

	pid_t child = clone(mark, stack + sizeof(stack),
			    CLONE_VM | CLONE_VFORK | SIGCHLD, &word);
	waitpid(child, NULL, 0);
	return word;
}

/* A filter for system calls; this one lets all pass. */
static bool filters(void)
{
	struct sock_filter pass = BPF_STMT(BPF_RET, SECCOMP_RET_ALLOW);
	struct sock_fprog program = { 1, &pass };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* The first octets of what a file says. */
static void read_file(const char *path, char *text, size_t room)
{
	int fd = open(path, O_RDONLY);
	ssize_t size = read(fd, text, room - 1);

	text[size > 0 ? size : 0] = 0;
	close(fd);
}

/* No threads are in a process but its own. */
static bool is_alone(void)
{
	DIR *table = opendir("/proc/self/task");
	int threads = 0;

	for (struct dirent *entry; (entry = readdir(table));)
		threads += *entry->d_name != '.';
	closedir(table);
	return threads == 1;
}

/* What a process waits in has the number that it called by. */
static bool tells_numbers(void)
{
	char path[64], text[256] = "running";
	int nothing[2];

	if (pipe(nothing))
		return false;
	pid_t child = fork();
	if (!child)
		_exit(read(nothing[0], text, 1) > 1);
	snprintf(path, sizeof(path), "/proc/%d/syscall", child);
	while (!strncmp(text, "running", 7) || atoi(text) < 0) {
		sched_yield();
		read_file(path, text, sizeof(text));
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return atoi(text) == SYS_read;
}

/* Memory that is to be in no core dump is marked so. */
static bool keeps_out_of_dumps(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	FILE *maps = fopen("/proc/self/smaps", "r");
	char line[512];
	bool marked = false;

	madvise(page, 4096, MADV_DONTDUMP);
	while (maps && fgets(line, sizeof(line), maps))
		marked |= !strncmp(line, "VmFlags:", 8) && strstr(line, " dd");
	return marked;
}

static void *end(void *id)
{
	*(pid_t *)id = gettid();
	return NULL;
}

/* A thread that has been joined does not exist any more. */
static bool ends_threads(void)
{
	bool gone = true;

	for (int i = 0; i < 300; i++) {
		pthread_t thread;
		pid_t id;

		pthread_create(&thread, NULL, end, &id);
		pthread_join(thread, NULL);
		gone &= syscall(SYS_tgkill, getpid(), id, 0) && errno == ESRCH;
	}
	return gone;
}

/* Memory that is unmapped is given back. */
static bool gives_back(void)
{
	char before[64], after[64];

	ends_threads();
	read_file("/proc/self/statm", before, sizeof(before));
	ends_threads();
	read_file("/proc/self/statm", after, sizeof(after));
	return atoi(after) <= atoi(before);
}

/* Flags of a signal's action that there are not are cleared. */
static bool clears_flags(void)
{
	struct {
		void *handler;
		unsigned long flags;
		void *rest[2];
	} action = { .flags = 1ul << 63 };

	syscall(SYS_rt_sigaction, SIGUSR1, &action, NULL, 8);
	syscall(SYS_rt_sigaction, SIGUSR1, NULL, &action, 8);
	return !(action.flags >> 32);
}

/* A process may be traced. */
static bool traces(void)
{
	pid_t child = fork();

	if (!child) {
		pause();
		_exit(0);
	}
	bool seized = !ptrace(PTRACE_SEIZE, child, 0, 0);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return seized;
}

static int opened; /* in a table of its own */

static void *open_apart(void *unused)
{
	sigset_t set;

	sigemptyset(&set);
	unshare(CLONE_FILES);
	close(opened);
	return signalfd(-1, &set, 0) == opened ? NULL : unused;
}

/* What is done to an fd of a thread's own table is not done to another of that
 * number. */
static bool tells_fds_apart(void)
{
	struct sockaddr_in here = { .sin_family = AF_INET };
	socklen_t size = sizeof(here);
	char sent[128], got[128] = "";
	pthread_t thread;

	memset(sent, 'x', sizeof(sent));
	opened = socket(AF_INET, SOCK_DGRAM, 0);
	bind(opened, (struct sockaddr *)&here, size);
	getsockname(opened, (struct sockaddr *)&here, &size);
	pthread_create(&thread, NULL, open_apart, &opened);
	pthread_join(thread, NULL);
	sendto(opened, sent, sizeof(sent), 0, (struct sockaddr *)&here, size);
	recv(opened, got, sizeof(got), 0);
	return !memcmp(sent, got, sizeof(got));
}

static const struct {
	const char *name;
	bool (*does)(void);
} things[] = {
	{ "vfork", shares_memory },
	{ "seccomp", filters },
	{ "alone", is_alone },
	{ "numbers", tells_numbers },
	{ "dumps", keeps_out_of_dumps },
	{ "fds", tells_fds_apart },
	{ "ends", ends_threads },
	{ "memory", gives_back },
	{ "ptrace", traces },
	{ "flags", clears_flags },
};

int main(void)
{
	for (size_t i = 0; i < sizeof(things) / sizeof(*things); i++) {
		pid_t child = fork();
		int status;

		if (!child)
			_exit(!things[i].does());
		waitpid(child, &status, 0);
		if (status)
			puts(things[i].name);
	}
	return 0;
}

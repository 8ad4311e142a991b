/* SPDX-License-Identifier: Apache-2.0
 *
 * Servers that become another program, or try to, right behind an answer.
 */
#include <spawn.h>

#include "host.h"

#define EACH 40

static char *self, scene_again[] = "again", number[16];
static int fd;

#define ARGUMENTS self, scene_again, number

static char **vector(void)
{
	static char *argv[4];

	argv[0] = self;
	argv[1] = scene_again;
	argv[2] = number;
	return argv;
}

static void play_execve(void)
{
	execve(self, vector(), environ);
}

static void play_execv(void)
{
	execv(self, vector());
}

/* By their names, as the shell finds them. */
static void play_execvp(void)
{
	execvp("exec", vector());
}

static void play_execvpe(void)
{
	execvpe("exec", vector(), environ);
}

static void play_execl(void)
{
	execl(self, ARGUMENTS, NULL);
}

static void play_execlp(void)
{
	execlp("exec", ARGUMENTS, NULL);
}

static void play_execle(void)
{
	execle(self, ARGUMENTS, NULL, environ);
}

static void play_fexecve(void)
{
	fexecve(open(self, O_RDONLY | O_CLOEXEC), vector(), environ);
}

static void play_execveat(void)
{
	execveat(AT_FDCWD, self, vector(), environ, 0);
}

static void play_syscall(void)
{
	syscall(SYS_execve, self, vector(), environ);
}

static void play_syscall_at(void)
{
	syscall(SYS_execveat, AT_FDCWD, self, vector(), environ, 0);
}

static void *serve_and_exec(void *unused)
{
	host_serve(fd, EACH);
	play_execv();
	return unused;
}

/* By another thread than the first. */
static void play_thread(void)
{
	pthread_t thread;

	MUST(!pthread_create(&thread, NULL, serve_and_exec, NULL));
	pthread_join(thread, NULL);
}

static const struct scene becoming[] = {
	{ "execve", play_execve },     { "execv", play_execv },
	{ "execvp", play_execvp },     { "execvpe", play_execvpe },
	{ "execl", play_execl },       { "execlp", play_execlp },
	{ "execle", play_execle },     { "fexecve", play_fexecve },
	{ "execveat", play_execveat }, { "syscall", play_syscall },
	{ "thread", play_thread },     { "syscall_at", play_syscall_at },
};

/* What nobody would expect to succeed. */
static void play_absent(void)
{
	static char *volatile nothing;

	MUST(execl("/nowhere/program", ARGUMENTS, NULL) < 0);
	MUST(errno == ENOENT);
	MUST(execlp("program-of-no-directory", ARGUMENTS, NULL) < 0);
	MUST(errno == ENOENT);
	close(open("plain", O_WRONLY | O_CREAT, 0644));
	MUST(execl("./plain", ARGUMENTS, NULL) < 0);
	MUST(errno == EACCES);
	MUST(execve(nothing, vector(), environ) < 0);
	MUST(errno == EFAULT);
	MUST(syscall(SYS_execve, "/nowhere/program", NULL, NULL) < 0);
}

/* An executable file that is no program. */
static void play_malformed(void)
{
	int file = open("malformed", O_WRONLY | O_CREAT, 0755);

	MUST(write(file, "\177ELF", 4) == 4);
	close(file);
	MUST(execl("./malformed", ARGUMENTS, NULL) < 0);
	MUST(errno == ENOEXEC);
}

static void play_child(void)
{
	pid_t child = vfork();

	if (!child) {
		execlp("true", "true", NULL);
		_exit(7);
	}
	host_await(child, 0);
	child = fork();
	if (!child) {
		execlp("true", "true", NULL);
		_exit(7);
	}
	host_await(child, 0);
}

static void play_libc(void)
{
	char *argv[] = { "true", NULL };
	pid_t child;

	MUST(system("true") == 0);
	FILE *pipe = popen("true", "r");
	MUST(pipe && pclose(pipe) == 0);
	MUST(!posix_spawnp(&child, "true", NULL, NULL, argv, environ));
	host_await(child, 0);
}

static const struct scene staying[] = {
	{ "absent", play_absent },
	{ "malformed", play_malformed },
	{ "child", play_child },
	{ "libc", play_libc },
};

static bool stays(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(staying); i++)
		if (strcmp(staying[i].name, name) == 0)
			return true;
	return false;
}

int main(int argc, char **argv)
{
	MUST(argc > 1);
	self = argv[0];
	if (strcmp(argv[1], scene_again) == 0) {
		host_serve(atoi(argv[2]), EACH);
		return 0;
	}
	fd = host_udp();
	snprintf(number, sizeof(number), "%d", fd);
	host_serve(fd, EACH);
	if (!stays(argv[1])) {
		host_play(becoming, ARRAY_SIZE(becoming), argv[1]);
		MUST(!"another program");
	}
	host_play(staying, ARRAY_SIZE(staying), argv[1]);
	host_serve(fd, EACH);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Set-id bits, file capabilities, AppArmor, SELinux.
 */
#include "cli/inspect/confine.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define APPARMOR_ENABLED  "/sys/module/apparmor/parameters/enabled"
#define APPARMOR_PROFILES "/etc/apparmor.d"
#define SELINUX_ENFORCE   "/sys/fs/selinux/enforce"

/* The loader then runs in secure mode, AT_SECURE. */
static void judge_set_id(struct verdict *verdict, const char *path,
			 bool by_caller)
{
	struct stat file;
	bool user, group;

	if (stat(path, &file))
		return;
	user = file.st_mode & S_ISUID;
	group = (file.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP);
	if (by_caller) {
		user = user && file.st_uid != getuid();
		group = group && file.st_gid != getgid();
	}
	if (user || group)
		verdict_add(verdict, ANSWER_NO,
			    "it is set-%s-id: the loader preloads nothing "
			    "into a program that gains privileges",
			    user ? "user" : "group");
}

/* They count for nobody but root, who has them all the same. */
static void judge_capabilities(struct verdict *verdict, const char *path,
			       bool by_caller)
{
	if (getxattr(path, "security.capability", NULL, 0) <= 0 ||
	    (by_caller && getuid() == 0))
		return;
	verdict_add(verdict, ANSWER_NO,
		    "it has file capabilities (see getcap %s): the loader "
		    "preloads nothing into it unless root starts it; ambient "
		    "capabilities would do",
		    path);
}

/* The first character of a small file; 0 if it cannot be read. */
static int first_character(const char *path)
{
	FILE *file = fopen(path, "re");
	int c = file ? getc(file) : EOF;

	if (file)
		fclose(file);
	return c == EOF ? 0 : c;
}

/* Whether a line opens a profile for this path: "PATH {", "PATH flags=… {" or
 * "profile NAME PATH {". Patterns are left to the eye of the user. */
static bool opens_profile(const char *line, const char *path)
{
	const char *found = strstr(line, path);
	size_t indent = strspn(line, " \t");
	char before, after;

	if (!found || !strchr(line, '{') || line[indent] == '#')
		return false;
	before = found > line ? found[-1] : ' ';
	after = found[strlen(path)];
	return strchr(" \t\"", before) && strchr(" \t\"{", after) &&
	       (found == line + indent || strstr(line, "profile ") ||
		before == '"');
}

static bool has_profile(const char *profile, const char *path)
{
	FILE *file = fopen(profile, "re");
	char *line = NULL;
	size_t room = 0;
	bool has = false;

	if (!file)
		return false;
	while (!has && getline(&line, &room, file) > 0)
		has = opens_profile(line, path);
	free(line);
	fclose(file);
	return has;
}

/* The profile's file for this path (release with free), or NULL. */
static char *find_profile(const char *path)
{
	DIR *directory = opendir(APPARMOR_PROFILES);
	const struct dirent *entry;
	char *profile = NULL, *found = NULL;

	while (directory && !found && (entry = readdir(directory))) {
		if (entry->d_name[0] == '.' ||
		    asprintf(&profile, "%s/%s", APPARMOR_PROFILES,
			     entry->d_name) < 0)
			continue;
		if (has_profile(profile, path))
			found = profile;
		else
			free(profile);
	}
	if (directory)
		closedir(directory);
	return found;
}

static void judge_apparmor(struct verdict *verdict, const char *path)
{
	bool enabled = first_character(APPARMOR_ENABLED) == 'Y';
	char *profile = find_profile(path);

	if (!profile)
		return;
	verdict_add(verdict, enabled ? ANSWER_PARTLY : ANSWER_YES,
		    enabled ? "AppArmor confines it (%s): the library must "
			      "lie in /usr/lib, and the profile must allow "
			      "the collector's socket"
			    : "there is an AppArmor profile for it (%s), but "
			      "AppArmor is off here",
		    profile);
	free(profile);
}

static void judge_selinux(struct verdict *verdict, const char *path)
{
	char label[256];
	ssize_t size;
	int enforce = first_character(SELINUX_ENFORCE);

	if (!enforce)
		return;
	size = getxattr(path, "security.selinux", label, sizeof(label) - 1);
	if (size <= 0)
		return;
	label[size] = '\0';
	if (!strstr(label, "_exec_t"))
		return;
	verdict_add(verdict, enforce == '1' ? ANSWER_PARTLY : ANSWER_YES,
		    "SELinux labels it %s: where that changes the domain, "
		    "nothing is preloaded unless the policy has noatsecure",
		    label);
}

void confine_judge(struct verdict *verdict, const char *path, bool by_caller)
{
	judge_set_id(verdict, path, by_caller);
	judge_capabilities(verdict, path, by_caller);
	judge_apparmor(verdict, path);
	judge_selinux(verdict, path);
}

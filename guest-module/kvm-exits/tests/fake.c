// SPDX-License-Identifier: GPL-2.0-only
/*
 * Another machine for the program: its files, and what CPUID answers there.
 *
 * The linker puts these functions in place of the real ones (--wrap).  All is in
 * the directory $FAKE, which stands for the root directory:
 *
 *	cpuid	lines of LEAF EAX EBX ECX EDX in hexadecimal; others are zero
 *	errors	lines of PATH ERRNO: opening PATH fails
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../program.h"

FILE *__real_fopen(const char *path, const char *mode);
int __real_open(const char *path, int flags, ...);
int __real_access(const char *path, int mode);
DIR *__real_opendir(const char *path);

static const char *fake(void)
{
	return getenv("FAKE") ?: "";
}

static FILE *list(const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", fake(), name);
	return __real_fopen(path, "re");
}

/* The path to use, or NULL with errno. */
static const char *place(const char *path)
{
	static char buf[512];
	char line[256];
	int error;
	FILE *f;

	if (*path != '/' || !strncmp(path, fake(), strlen(fake())))
		return path;
	f = list("errors");
	errno = 0;
	while (f && !errno && fscanf(f, "%255s %d", line, &error) == 2)
		if (!strcmp(line, path))
			errno = error;
	error = errno;
	if (f)
		fclose(f);
	errno = error;
	snprintf(buf, sizeof(buf), "%s%s", fake(), path);
	return error ? NULL : buf;
}

FILE *__wrap_fopen(const char *path, const char *mode)
{
	path = place(path);
	return path ? __real_fopen(path, mode) : NULL;
}

int __wrap_open(const char *path, int flags, ...)
{
	path = place(path);
	return path ? __real_open(path, flags, 0666) : -1;
}

int __wrap_access(const char *path, int mode)
{
	path = place(path);
	return path ? __real_access(path, mode) : -1;
}

DIR *__wrap_opendir(const char *path)
{
	path = place(path);
	return path ? __real_opendir(path) : NULL;
}

bool __wrap_cpuid_enabled(void)
{
	return !getenv("FAKE_NO_CPUID");
}

struct cpuid_regs __wrap_kvm_exits_cpuid(u32 leaf, u32 index)
{
	struct cpuid_regs r, none = {};
	FILE *f = list("cpuid");
	u32 l;

	(void)index;
	while (f && fscanf(f, "%x %x %x %x %x", &l, &r.eax, &r.ebx, &r.ecx,
			   &r.edx) == 5) {
		if (l == leaf) {
			fclose(f);
			return r;
		}
	}
	if (f)
		fclose(f);
	return none;
}

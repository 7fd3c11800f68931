// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names of the code in a call chain.
 *
 * The kernel and its modules: /proc/kallsyms.  Programs and libraries: elfutils'
 * libdwfl, which also finds separate debugging information and the symbols of a
 * stripped library.  Code that was made at run time: /tmp/perf-PID.map.
 */
#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <search.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef HAVE_LIBDW
#include <elfutils/libdwfl.h>
#endif

#include "who.h"

struct symbol {
	u64 address;
	u64 size;		/* 0: until the next one */
	const char *name;
};

struct symbols {
	struct symbol *symbol;
	size_t nr;
	char *text;		/* the memory of the names */
};

static void *checked(void *p)
{
	if (!p)
		errx(failed, "no memory");
	return p;
}

static void add_symbol(struct symbols *s, u64 address, u64 size,
		       const char *name)
{
	if (!(s->nr & (s->nr - 1)))
		s->symbol = checked(reallocarray(s->symbol, s->nr ? 2 * s->nr : 1,
						 sizeof(*s->symbol)));
	s->symbol[s->nr++] = (struct symbol) { address, size, name };
}

static int by_address(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	return (x->address > y->address) - (x->address < y->address);
}

static const struct symbol *find_symbol(const struct symbols *s, u64 address)
{
	size_t low = 0, high = s->nr, mid;
	const struct symbol *x;

	while (low < high) {
		mid = (low + high) / 2;
		if (s->symbol[mid].address <= address)
			low = mid + 1;
		else
			high = mid;
	}
	if (!low)
		return NULL;
	x = &s->symbol[low - 1];
	return !x->size || address - x->address < x->size ? x : NULL;
}

static const char *kernel_symbol(u64 ip)
{
	static struct symbols kernel;
	const struct symbol *x;
	char *line = NULL, type, name[512];
	static bool read;
	size_t size = 0;
	u64 address;
	FILE *f;

	if (!read) {
		read = true;
		f = fopen("/proc/kallsyms", "re");
		while (f && getline(&line, &size, f) > 0)
			if (sscanf(line, "%llx %c %511s", &address, &type,
				   name) == 3 && address && strchr("tTwW", type))
				add_symbol(&kernel, address, 0,
					   checked(strdup(name)));
		if (f)
			fclose(f);
		free(line);
		if (kernel.nr)
			qsort(kernel.symbol, kernel.nr, sizeof(*kernel.symbol),
			      by_address);
	}
	x = find_symbol(&kernel, ip);
	return x ? x->name : "[kernel]";
}

/* A process chooses its files, so it can put a FIFO or a device in their place. */
static int open_regular(const char *path, int flags, struct stat *st)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | flags);

	if (fd < 0 || (!fstat(fd, st) && S_ISREG(st->st_mode)))
		return fd;
	close(fd);
	return -1;
}

/*
 * The names that a JIT compiler has written for its process.  After each change the
 * file is read again, up to MAX_JIT bytes in all, and MAX_JITS for all processes.
 */
struct jit {
	struct jit *next;
	pid_t pid;
	struct symbols symbols;
	struct stat st;		/* of the file when it was read */
	off_t bytes;		/* of all reads */
	u64 looked;		/* the time of the sample that it was read for */
};

#define LOOK		(NSEC / 10)	/* the shortest time between two reads */
#define MAX_JIT		(32 << 20)	/* bytes */
#define MAX_JITS	(128 << 20)	/* bytes */
#define MAX_NAMES	1000000		/* of one process: a line can have 6 bytes */

/*
 * Whether a file is of root or of the user of a process, if this process still exists.
 * In /tmp any user can make a file for any process.
 */
static bool is_of(pid_t pid, const struct stat *st)
{
	struct stat process;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", pid);
	return !st->st_uid || stat(path, &process) ||
	       st->st_uid == process.st_uid;
}

static int open_jit(pid_t pid, struct stat *st)
{
	char path[128], *line = NULL;
	int inner = pid, n;
	size_t size = 0;
	FILE *f;
	int fd;

	/* The name has the number that the process has in its own namespace. */
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	while (f && getline(&line, &size, f) > 0)
		if (!strncmp(line, "NStgid:", 7) &&
		    sscanf(strrchr(line, '\t') ?: line, "%d", &n) == 1)
			inner = n;
	free(line);
	if (f)
		fclose(f);
	snprintf(path, sizeof(path), "/proc/%d/root/tmp/perf-%d.map", pid, inner);
	fd = open_regular(path, O_NOFOLLOW, st);
	if (fd >= 0)
		return fd;
	snprintf(path, sizeof(path), "/tmp/perf-%d.map", pid);
	return open_regular(path, O_NOFOLLOW, st);
}

static void parse_jit(struct symbols *s, char *text)
{
	char *line, *save;
	u64 address, size;
	int at;

	for (line = strtok_r(text, "\n", &save); line && s->nr < MAX_NAMES;
	     line = strtok_r(NULL, "\n", &save)) {
		at = 0;
		if (sscanf(line, "%llx %llx %n", &address, &size, &at) == 2 &&
		    at && line[at])
			add_symbol(s, address, size, checked(strdup(line + at)));
	}
	if (s->nr)
		qsort(s->symbol, s->nr, sizeof(*s->symbol), by_address);
}

static void read_jit(struct jit *j)
{
	static off_t all;
	struct stat st;
	ssize_t n;
	char *text;
	int fd = open_jit(j->pid, &st);

	if (fd < 0)
		return;
	if (is_of(j->pid, &st) && st.st_size <= MAX_JIT - j->bytes &&
	    st.st_size <= MAX_JITS - all &&
	    (st.st_ino != j->st.st_ino || st.st_size != j->st.st_size ||
	     memcmp(&st.st_mtim, &j->st.st_mtim, sizeof(st.st_mtim)))) {
		j->st = st;
		j->bytes += st.st_size;
		all += st.st_size;
		free(j->symbols.symbol);
		j->symbols = (struct symbols) {};
		text = checked(malloc(st.st_size + 1));
		n = read(fd, text, st.st_size);
		text[n > 0 ? n : 0] = '\0';
		parse_jit(&j->symbols, text);
		free(text);
	}
	close(fd);
}

/* A name from what the compiler had written by now, or NULL. */
static const char *jit_symbol(pid_t pid, u64 ip, u64 time)
{
	static struct jit *jits;
	const struct symbol *x;
	struct jit *j;

	for (j = jits; j && j->pid != pid; j = j->next)
		;
	if (!j) {
		j = checked(calloc(1, sizeof(*j)));
		j->pid = pid;
		j->next = jits;
		jits = j;
	}
	x = find_symbol(&j->symbols, ip);
	if (x)
		return x->name;
	/* The compiler may have written more.  To look for it costs much. */
	if (time < j->looked + LOOK)
		return NULL;
	j->looked = time;
	read_jit(j);
	x = find_symbol(&j->symbols, ip);
	return x ? x->name : NULL;
}

/* A program or library. */
struct binary {
	struct binary *next;
	u32 major, minor;
	u64 inode;
	char *path;
	int fd;			/* -1 if no process could open it */
	pid_t tried;		/* the last process that could not */
	unsigned int tries;
	bool loaded;
	u64 spent;		/* time for its names */
#ifdef HAVE_LIBDW
	struct Dwfl *dwfl;
	Dwfl_Module *module;
	Elf *elf;
	GElf_Addr bias;
#endif
};

/*
 * Open the file of a map in the mount namespace of a process.  In the process's own
 * namespace, the numbers can differ on an overlay: then the devices differ, too.
 */
static int open_in(pid_t pid, const struct map *m, bool own)
{
	struct stat st;
	char *path;
	int fd;

	if (asprintf(&path, "/proc/%d/root%s", pid, m->path) < 0)
		errx(failed, "no memory");
	fd = open_regular(path, 0, &st);
	free(path);
	if (fd >= 0 && st.st_ino != m->inode &&
	    (!own || st.st_dev == makedev(m->major, m->minor))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

#define MAX_PARENTS	8
#define MAX_TRIES	64	/* processes that may look for a file */

/*
 * If the process has ended, look in the mount namespaces of its parents, and at last in
 * that of this program.
 */
static int open_file(pid_t pid, const struct map *m)
{
	int fd = open_in(pid, m, true), parents = 0;

	while (fd < 0 && pid != getpid()) {
		pid = parents++ < MAX_PARENTS ? task_parent(pid) : 0;
		pid = pid ?: getpid();
		fd = open_in(pid, m, false);
	}
	return fd;
}

#ifdef HAVE_LIBDW
/*
 * Find debugging information only by build ID, which is below /usr/lib/debug.
 * dwfl_standard_find_debuginfo() would also open files beside a program, which can
 * be FIFOs.
 */
static const Dwfl_Callbacks callbacks = {
	.find_elf = dwfl_build_id_find_elf,
	.find_debuginfo = dwfl_build_id_find_debuginfo,
	.section_address = dwfl_offline_section_address,
};

static void load_file(struct binary *f)
{
	/* Do not ask a server: it would learn the names of programs. */
	unsetenv("DEBUGINFOD_URLS");
	f->dwfl = dwfl_begin(&callbacks);
	if (!f->dwfl)
		return;
	dwfl_report_begin(f->dwfl);
	/* If this succeeds, libdwfl closes the file in the end. */
	f->module = dwfl_report_offline(f->dwfl, f->path, f->path, f->fd);
	dwfl_report_end(f->dwfl, NULL, NULL);
	if (f->module)
		f->elf = dwfl_module_getelf(f->module, &f->bias);
}

/* @offset is in the file. */
static const char *look_up(struct binary *f, u64 offset)
{
	GElf_Off in_symbol;
	GElf_Phdr segment;
	GElf_Sym symbol;
	size_t i, nr;

	if (!f->loaded && f->fd >= 0)
		load_file(f);
	f->loaded = true;
	if (!f->elf || elf_getphdrnum(f->elf, &nr))
		return NULL;
	for (i = 0; i < nr; i++) {
		if (!gelf_getphdr(f->elf, i, &segment) ||
		    segment.p_type != PT_LOAD || offset < segment.p_offset ||
		    offset - segment.p_offset >= segment.p_filesz)
			continue;
		return dwfl_module_addrinfo(f->module, segment.p_vaddr + offset -
					    segment.p_offset + f->bias,
					    &in_symbol, &symbol, NULL, NULL,
					    NULL);
	}
	return NULL;
}

/*
 * A process chooses its files.  In a small file, the symbols can be compressed, or have
 * holes, and be very large.  And a file can become shorter while libdwfl reads it, which
 * ends the reading process by SIGBUS.  So let a child use libdwfl, with limits.
 */
#define MAX_DATA	(512 << 20)	/* bytes of memory, for all files */
#define FILE_TIME	(5 * NSEC)	/* for the names of one file */
#define ALL_TIME	(20 * NSEC)	/* for the names of all files */
#define MAX_NAME	(16 << 10)	/* bytes */

struct question {
	struct binary *file;
	u64 offset;
};

/* The bytes that this process can write to, as RLIMIT_DATA counts them. */
static u64 data_bytes(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	u64 pages = 0;

	if (f && fscanf(f, "%*u %*u %*u %*u %*u %llu", &pages) != 1)
		pages = 0;
	if (f)
		fclose(f);
	return pages * sysconf(_SC_PAGESIZE);
}

static void __attribute__((noreturn)) answer(int fd)
{
	u64 most = data_bytes() + MAX_DATA;
	struct rlimit limit = { most, most };
	struct question q;
	const char *name;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setrlimit(RLIMIT_DATA, &limit);
	while (recv(fd, &q, sizeof(q), 0) == sizeof(q)) {
		name = look_up(q.file, q.offset) ?: "";
		/* With the 0 at the end, an answer is never empty. */
		if (send(fd, name, strnlen(name, MAX_NAME) + 1, MSG_NOSIGNAL) < 0)
			break;
	}
	_exit(EXIT_SUCCESS);
}

static struct {
	pid_t pid;		/* 0: there is no child */
	int fd;
	u64 spent;		/* time for all names */
} helper;

/* This is called when all files are known: the child has them, too. */
static bool start_helper(void)
{
	int fd[2];

	if (helper.pid)
		return true;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd))
		return false;
	helper.pid = fork();
	if (!helper.pid) {
		close(fd[0]);
		answer(fd[1]);
	}
	close(fd[1]);
	helper.fd = fd[0];
	if (helper.pid > 0)
		return true;
	helper.pid = 0;
	close(fd[0]);
	return false;
}

static void stop_helper(void)
{
	kill(helper.pid, SIGKILL);
	waitpid(helper.pid, NULL, 0);
	close(helper.fd);
	helper.pid = 0;
}

/* @offset is in the file. */
static const char *file_symbol(struct binary *f, u64 offset)
{
	struct question q = { f, offset };
	static char name[MAX_NAME + 1];
	struct pollfd poll_fd;
	u64 begin = now_ns();
	ssize_t n = -1;

	if (f->fd < 0 || f->spent >= FILE_TIME || helper.spent >= ALL_TIME ||
	    !start_helper())
		return NULL;
	poll_fd = (struct pollfd) { .fd = helper.fd, .events = POLLIN };
	if (send(helper.fd, &q, sizeof(q), MSG_NOSIGNAL) == sizeof(q) &&
	    poll(&poll_fd, 1, (FILE_TIME - f->spent) * 1000 / NSEC + 1) == 1)
		n = recv(helper.fd, name, sizeof(name), 0);
	f->spent += now_ns() - begin;
	helper.spent += now_ns() - begin;
	if (n <= 0) {
		/* The child has ended, or takes too long. */
		f->spent = FILE_TIME;
		stop_helper();
		return NULL;
	}
	name[n - 1] = '\0';
	return *name ? checked(strdup(name)) : NULL;
}
#else
static const char *file_symbol(struct binary *f, u64 offset)
{
	(void)f;
	(void)offset;
	return NULL;
}
#endif

static struct binary *find_file(pid_t pid, const struct map *m)
{
	static struct binary *files;
	struct binary *f;

	for (f = files; f; f = f->next)
		if (f->inode == m->inode && f->major == m->major &&
		    f->minor == m->minor && !strcmp(f->path, m->path))
			break;
	if (!f) {
		f = checked(calloc(1, sizeof(*f)));
		f->major = m->major;
		f->minor = m->minor;
		f->inode = m->inode;
		f->path = checked(strdup(m->path));
		f->fd = -1;
		f->next = files;
		files = f;
	}
	/* A process that has ended may not find it, but a later one may. */
	if (f->fd < 0 && f->tried != pid && f->tries++ < MAX_TRIES) {
		f->tried = pid;
		f->fd = open_file(pid, m);
	}
	return f;
}

/**
 * frame_find() - find out where the code of a frame is
 * @f: the result
 * @s: the sample
 * @i: the frame: 0 is the code that exited
 *
 * This is quick.  When frame_name() is called, the process may have ended.  The
 * frames behind the first one are return addresses: the call is right before them.
 *
 * Return: false if nothing is there, so that the chain is wrong from here on.
 */
bool frame_find(struct frame *f, const struct sample *s, unsigned int i)
{
	u64 ip = s->ip[i] - (i > 0);
	const struct map *m;

	*f = (struct frame) { .address = ip };
	if (!s->user[i])
		return true;
	m = task_find_map(s->pid, ip);
	if (!m) {
		f->name = "[unknown]";
		return false;
	}
	if (m->path[0] == '/' && strncmp(m->path, "//anon", 6) &&
	    strncmp(m->path, "/memfd:", 7) && strncmp(m->path, "/dev/zero", 9)) {
		f->binary = find_file(s->pid, m);
		f->address = ip - m->start + m->offset;
		return true;
	}
	f->name = jit_symbol(s->pid, ip, s->time);
	if (!f->name)
		f->name = !strcmp(m->path, "[vdso]") ? "[vdso]" :
			  "[made at run time]";
	return true;
}

/* Code without a name gets one with its address, by which it can be found. */
static const char *place_name(const struct frame *f)
{
	const char *slash = strrchr(f->binary->path, '/');
	char *name;

	if (asprintf(&name, "%s+0x%llx", slash ? slash + 1 : f->binary->path,
		     f->address) < 0)
		errx(failed, "no memory");
	return name;
}

static int by_place(const void *a, const void *b)
{
	const struct frame *x = a, *y = b;

	if (x->binary != y->binary)
		return x->binary < y->binary ? -1 : 1;
	return (x->address > y->address) - (x->address < y->address);
}

/**
 * frame_name() - name the code of a frame
 * @f: the frame, which must stay where it is
 *
 * libdwfl looks at all symbols of a file for one address.  So each address is looked up
 * once.
 *
 * Return: the name.
 */
const char *frame_name(struct frame *f)
{
	static void *named;
	struct frame *first;
	const char *name;

	if (f->name)
		return f->name;
	if (!f->binary)
		return kernel_symbol(f->address);
	first = *(struct frame **)checked(tsearch(f, &named, by_place));
	if (!first->name) {
		name = file_symbol(f->binary, f->address);
		first->name = name && *name ? name : place_name(f);
	}
	return first->name;
}

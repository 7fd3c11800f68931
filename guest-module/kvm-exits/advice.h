/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a table means, and what to do about it.
 *
 * advice.c looks at the whole table, remarks.c at the families of reasons, and
 * report.c prints what they found.
 */
#ifndef ADVICE_H
#define ADVICE_H

#include "program.h"
#include "reasons.h"

#define MAX_REMARKS	(FAMILIES + 5)
#define MAX_SENTENCES	8
#define MAX_STOPS	3

#define LONG_STOP	0.001	/* s; KVM handles an exception faster */
#define SHORT_SLEEPS	500	/* in a second of a vCPU; so many are worth a look */

/* KVM's bits in CPUID 0x40000001. */
enum {
	PV_CLOCK	= 1u << 3,
	PV_EOI		= 1u << 6,
	PV_SEND_IPI	= 1u << 11,
};

/* Who does the work of an exit. */
enum where { ANYWHERE, IN_KVM, IN_VMM };

enum verdict {
	UNSURE,		/* the table does not have the rate or the time */
	MUCH,
	MEAN,		/* little, unless one vCPU takes most of it */
	FEW,		/* too few to matter, unless each takes long */
	SINCE,		/* little over a long time, which may hide a storm */
	HANDLED,	/* little, but the VMM's part is unknown */
	WAKEUPS,	/* little, but the sleep is short */
	STOPS,		/* little in all, but some exits take long */
	QUIET,		/* the exits are not the cause */
};

struct sum {
	u64 exits;
	u64 cycles;
	u64 cost;	/* cycles: see row_cost() */
	double wake_ups;	/* s; an estimate for waking from HLT, not in @cost */
};

/* The texts are paragraphs, with newlines between; NULL is an empty text. */
struct remark {
	struct sum sum;
	unsigned int families;	/* a bit for each */
	char *cause;
	char *remedy;
	const char *source;
};

struct stop {
	const struct row *row;
	u64 longest;		/* cycles */
};

/*
 * @vcpu_seconds is the time of all vCPUs together, and @wall that of one.  They are
 * 0 if unknown.  If @timed, the table has the length of its time.  Otherwise they are
 * lower bounds.
 */
struct advice {
	const struct table *t;
	bool has_facts;		/* the table has the guest's facts */
	unsigned int pv;	/* paravirtual features, if @has_facts */
	bool has_time;		/* the cost of the exits is known, in seconds */
	bool one_clock;		/* only the stopped time is known, not KVM's part */
	bool timed;
	double vcpu_seconds;
	double wall;
	unsigned int vcpus;	/* 0 if unknown */
	const struct vcpu *vcpu;	/* the most costly first, or NULL */
	unsigned int nr_vcpus;	/* the entries of @vcpu: vCPUs with exits */
	const char *windows;	/* the reasons that show a Windows guest, or NULL */
	struct sum total;
	struct sum family[FAMILIES];
	unsigned int claimed;	/* families that have a remark */
	unsigned int waits;	/* families in which a vCPU waits for a CPU */
	bool stuck;		/* the guest makes no progress, so it runs no tools */

	enum verdict verdict;
	char *sentence[MAX_SENTENCES];	/* the answer to "Is that much?" */
	unsigned int nr_sentences;
	struct remark remark[MAX_REMARKS];	/* the most costly first */
	unsigned int nr;
	struct stop stop[MAX_STOPS];	/* the longest first */
	unsigned int nr_stops;
	struct remark stops;
	char *in_guest;		/* commands that show the code behind the exits */
	const struct row *host;	/* a reason that the host causes, or NULL */
	char *on_host;		/* a command that shows what causes @host */
	char *on_host_means;
};

/* advice.c */
struct advice *advice_make(struct table *t, const struct vcpu *vcpu,
			   unsigned int nr_vcpus, const regex_t *filter);
void advice_free(struct advice *a);
bool remark_names(const struct advice *a, const struct remark *r,
		  const struct row *row);
bool is_mean(const struct advice *a);
double cost_mean(const struct advice *a, const struct sum *s);
double cost_of_one(const struct advice *a, const struct sum *s);

/* Questions that the rules in remarks.c ask. */
enum family family_of(const struct row *r);
double seconds(const struct advice *a, double cycles);
u64 exits_of(const struct advice *a, const char *name);
struct sum sum_of(const struct advice *a, unsigned int families);
bool earns(const struct advice *a, const struct sum *s);
bool short_sleep(const struct advice *a);
bool sleep_of_one(const struct advice *a);
double average_cost(const struct advice *a, enum family f);
double average_handling(const struct advice *a, enum family f);
enum where where(const struct advice *a, enum family f);
u64 row_cost(const struct advice *a, const struct row *r);

__attribute__((format(printf, 2, 3)))
void add_text(char **to, const char *fmt, ...);

/* remarks.c */
void make_remarks(struct advice *a);
void remark_idle(struct advice *a);
void remark_clock(struct advice *a);

/* advice_json.c */
void print_json_advice(FILE *out, const struct advice *a);

#endif /* ADVICE_H */

/* plan.h - placement: what is wanted and a fleet in, a plan out. Pure; the same seed gives the same
 * plan.
 *
 * filter (resources, ports, attributes, constraints) -> rank (the chain of strategies) -> plan. A
 * plan is a proposal: the caller stages the tasks, and the fleet learns of them through
 * fleet_hold(). Tasks of one plan see each other's claims.
 */
#ifndef BERTH_SCHEDULER_PLAN_H
#define BERTH_SCHEDULER_PLAN_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "scheduler/fleet.h"

enum strategy_kind { STRATEGY_RANDOM, STRATEGY_SPREAD, STRATEGY_BINPACK };
struct placement_strategy {
    enum strategy_kind kind;
    const char *field; /* spread: "instanceId", "attribute:ecs.availability-zone"...; binpack:
                          "cpu", "memory" */
};
enum constraint_kind { CONSTRAINT_DISTINCT_INSTANCE, CONSTRAINT_MEMBER_OF };
struct placement_constraint {
    enum constraint_kind kind;
    const char *expression; /* memberOf: the cluster query language */
};

#define PLAN_CONSTRAINTS_MAX 10 /* SC-032 */
struct demand {
    struct claim claim; /* of each task */
    const char *const
        *required_attributes; /* capability names and name=value built-ins (TD- section 8) */
    size_t required_attribute_count;
    const char *forbidden_attribute; /* hosts with it are out of the question; NULL: none */
    const char *capacity_provider;   /* only its hosts are looked at (CL-107); NULL: all */
    const struct placement_strategy *strategies; /* none: random */
    size_t strategy_count;
    const struct placement_constraint *constraints;
    size_t constraint_count;
    const struct id *only_host; /* StartTask: this one; NULL: any */
    bool is_silent;             /* asks only where: saying why not costs a look at every host */
};

/* Why a host was passed over: ECS's reason in `failures` ("RESOURCE:CPU", "RESOURCE:MEMORY",
 * "RESOURCE:PORTS", "RESOURCE:PORTS_UDP", "RESOURCE:ENI", "RESOURCE:GPU", "ATTRIBUTE", "AGENT",
 * "INACTIVE", "MemberOf placement constraint unsatisfied."...; API-051, SC-025). */
struct refusal {
    struct id host;
    const char *reason; /* a constant */
    const char *detail; /* what is missing: "com.amazonaws.ecs.capability.logging-driver.awslogs",
                           "MiB of memory: 512 wanted, 128 free"; NULL */
};

#define PLAN_TALLIES_MAX    16  /* the other rules are not told apart */
#define PLAN_SAMPLES_MAX    10  /* hosts that are named, of those passed over for one rule */
#define PLAN_RULE_CHARS_MAX 200 /* of an expression */

/* How many hosts were passed over for one rule, and some of them. */
struct refusal_tally {
    const char *reason;     /* as in refusals */
    const char *rule;       /* the attribute, the port, the expression (cut); NULL */
    const char *one, *many; /* "lacks 512 MiB of memory", "lack 512 MiB of memory" */
    /* Of a resource that is counted; `unit` NULL: of none. */
    const char *unit; /* "MiB of memory", "CPU units"... */
    int64_t wanted;   /* by each task */
    int64_t most;     /* free on one of these hosts */
    size_t too_small; /* of these hosts, registered with less than is wanted */
    size_t hosts;
    struct id samples[PLAN_SAMPLES_MAX]; /* the first of them */
    size_t sample_count;
};

struct plan {
    size_t placed_count; /* 0..wanted */
    struct id *hosts;    /* one per placed task; from the arena */
    /* Filled when not all were placed: at most PLAN_REFUSALS_MAX hosts, the closest match first,
     * and how many there were per reason. */
    struct refusal *refusals;
    size_t refusal_count;
    size_t hosts_seen;    /* of the capacity provider, if the demand has one */
    size_t hosts_fitting; /* that would take one more */
    struct refusal_tally tallies[PLAN_TALLIES_MAX];
    size_t tally_count;
};
#define PLAN_REFUSALS_MAX 100

/* Fails only for a demand that cannot be understood: a strategy's field, or a memberOf expression
 * (API_INVALID_PARAMETER). In an expression runningTasksCount is the number of tasks placed on the
 * host and not stopped, those of the same plan included (SC-037). Takes one number of `rng` for its
 * own sequence. */
MUST_USE struct error *plan_place(struct arena *arena, const struct fleet *fleet,
                                  const struct demand *demand, size_t wanted, struct rng *rng,
                                  struct plan *ret);

/* The same look at every host without placing anything: what each lacks now, and how many lack
 * nothing. */
MUST_USE struct error *plan_survey(struct arena *arena, const struct fleet *fleet,
                                   const struct demand *demand, struct plan *ret);

/* One sentence for people, of at most PLAN_TALLIES_MAX parts: "2 of 3 hosts lack 512 MiB of memory;
 * 1 host has port 8080/tcp taken." */
char *plan_explain(struct arena *arena, const struct plan *plan);

#endif

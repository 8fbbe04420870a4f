/* parts.h - what the files of this room share: a question, and the answer being written. */
#ifndef BERTH_EXPLAIN_PARTS_H
#define BERTH_EXPLAIN_PARTS_H

#include "ecs/ecs.h"
#include "gen/ecs_types.h"
#include "net/http_server.h"
#include "scheduler/plan.h"

#define TRY_COUNT_MAX 1000

/* Of the query; texts as they were given, NULL: not given. One of the first four is. */
struct question {
    const char *service, *task, *task_definition;
    const char *name; /* any of the three, to be told apart here */
    const char *cluster;
    /* Of a task definition alone. */
    enum ecs_launch_type launch_type; /* UNSET: not given */
    const char *capacity_provider, *group;
    struct ecs_placement_constraints constraints;
    struct ecs_placement_strategies strategies;
    int64_t count;
};
/* Strings and lists are in the arena. API_INVALID_PARAMETER says what is wrong. */
MUST_USE struct error *question_read(struct arena *arena, const char *query, struct question *ret);

struct answer {
    struct http_exchange *ex;
    struct ecs *ecs;
    const struct scope *scope;
    struct arena arena;
    struct call call; /* for ecs/names.h; its arena is ours */
    struct question question;
    struct buf out; /* the answer, in JSON */
    struct id id;   /* of a task that is looked for in the archive */
    const char *cluster;
};

/* ---- service.c, task.c, try.c: one kind of answer each, appended to answer->out ---- */
MUST_USE struct error *explain_service(struct answer *answer, const struct service *service);
MUST_USE struct error *explain_task(struct answer *answer, const struct task *task);
MUST_USE struct error *explain_try(struct answer *answer, const struct cluster *cluster,
                                   const struct task_definition *definition);

/* ---- task.c ---- */
void add_containers(struct answer *answer, const struct task *task);

/* ---- placement.c ---- */
/* `"placement":{...}`: which hosts lack what. */
void add_placement(struct answer *answer, const char *cluster, const struct plan *plan);

/* ---- answer.c: members of an object; absent ones (NULL, 0) are left out by the _if ---- */
void add_text(struct answer *answer, const char *name, const char *value);
void add_text_if(struct answer *answer, const char *name, const char *value);
void add_number(struct answer *answer, const char *name, int64_t value);
void add_time_if(struct answer *answer, const char *name, int64_t at_ms);
/* `"name":{` or `"name":[`, and their ends. */
void open_object(struct answer *answer, const char *name); /* NULL: an item of a list */
void close_object(struct answer *answer);
void open_list(struct answer *answer, const char *name);
void close_list(struct answer *answer);
void add_item(struct answer *answer, const char *value);

#endif

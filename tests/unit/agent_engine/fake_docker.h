/* fake_docker.h - docker.h over a table in memory, with faults on demand.
 *
 * It keeps what Docker would: containers by name, how often each was started, volumes, images.
 * Calls end one turn after they were made, unless they are held.
 */
#ifndef BERTH_TEST_FAKE_DOCKER_H
#define BERTH_TEST_FAKE_DOCKER_H

#include "agent/docker/docker.h"

enum fake_fault {
    FAKE_REFUSED,     /* 500, and nothing was done */
    FAKE_NOT_FOUND,   /* 404, and nothing was done */
    FAKE_LOST,        /* no answer, and nothing was done */
    FAKE_LOST_ANSWER, /* no answer, but it was done */
    FAKE_TIMEOUT,     /* no answer in time; it was done */
    FAKE_NONSENSE,    /* it was done, and the answer makes no sense */
    FAKE_BREAK,       /* as FAKE_LOST, but a start had got as far as the process */
    FAKE_FAULT_COUNT
};

/* `root` is Docker's root directory: it keeps there what the engine looks at. */
struct docker *fake_docker_new(struct loop *loop, const char *root);
void fake_docker_free(struct docker *docker);

/* The nth call from now on (1 is the next) meets the fault; events and versions do not count. */
void fake_docker_fail(struct docker *docker, unsigned nth, enum fake_fault fault);
bool fake_docker_has_failed(const struct docker *docker);
/* Every call whose path starts with `kind` ("stop", "pull") fails until told otherwise; NULL: none.
 */
void fake_docker_refuse(struct docker *docker, const char *kind, const char *message);
/* Calls of this kind are not answered until released. */
void fake_docker_hold(struct docker *docker, const char *kind);
void fake_docker_release(struct docker *docker);

void fake_docker_down(struct docker *docker); /* the stream ends, calls fail */
void fake_docker_up(struct docker *docker);

void fake_docker_add_image(struct docker *docker, const char *reference);
bool fake_docker_has_volume(const struct docker *docker, const char *prefix);

/* What happens to the container of that name in its task; `tells`: with the events. */
void fake_docker_exit(struct docker *docker, const char *container, int code, bool is_oom,
                      bool tells);
void fake_docker_health(struct docker *docker, const char *container, const char *health);
void fake_docker_oom_event(struct docker *docker, const char *container);
void fake_docker_rm(struct docker *docker, const char *container);

struct fake_container {
    char *name, *id, *task_arn, *container_name, *body;
    enum docker_state state;
    int exit_code;
    bool is_oom;
    const char *health;
    unsigned starts, stops;
    int grace_s; /* of the last stop */
    int64_t started_at_ms, finished_at_ms;
};
/* NULL: none. */
struct fake_container *fake_docker_find(struct docker *docker, const char *container);
size_t fake_docker_count(const struct docker *docker);

/* "create c; start c; ..." since the last time, without version, list and events. Owned by the
 * caller. */
char *fake_docker_calls(struct docker *docker);

#endif

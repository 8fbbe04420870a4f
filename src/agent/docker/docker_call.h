/* docker_call.h - inside of docker: one call to the Engine API, how it is sent and how it ends
 * (docker_call.c). docker.c has containers, volumes and events, docker_image.c images,
 * docker_exec.c further processes; docker_stream.c streams.
 *
 * A call is made by docker_call_new(), gets its `finish` and what that hands on, and is sent off by
 * docker_call_start(). `finish` gives the caller what it waits for; the call is freed after it.
 */
#ifndef BERTH_AGENT_DOCKER_CALL_H
#define BERTH_AGENT_DOCKER_CALL_H

#include <sys/queue.h>

#include "agent/docker/docker.h"
#include "agent/docker/docker_lines.h"
#include "base/arena.h"
#include "base/str.h"
#include "net/http_client.h"

struct docker {
    struct http_client *http;
    struct loop *loop;
    char *base;                         /* "http://localhost" */
    char *unix_socket;                  /* NULL: TCP */
    char api[16];                       /* "/v1.41"; "" until the version is settled */
    const struct docker_engine *engine; /* Docker's until then */
    size_t calls;                       /* under way, streams too */
    LIST_HEAD(, docker_stream) streams;
    bool is_freed;
};

struct docker_call {
    struct docker *docker;
    struct http_call *http;
    struct arena arena; /* of what is decoded from the answer */
    int64_t started_ms, timeout_ms;
    bool is_cancelled, is_silent, is_line_too_long;
    void (*finish)(struct docker_call *call, const struct docker_failure *failure,
                   const struct http_response *response);
    union {
        docker_done_fn *plain;
        docker_version_fn *version;
        docker_info_fn *info;
        docker_created_fn *created;
        docker_container_fn *container;
        docker_list_fn *list;
        docker_image_fn *image;
        docker_images_fn *images;
        docker_volume_fn *volume;
        docker_digest_fn *digest;
        docker_text_fn *text;
        void (*exec)(const struct docker_failure *failure, const struct docker_exec *exec,
                     void *data);
    } done;
    void *data;

    /* streams */
    struct docker_lines lines;
    void (*on_line)(struct docker_call *call, const char *line, size_t len);
    bool collects; /* no lines: one long answer */
    struct buf collected;
    docker_event_fn *on_event;
    unsigned lines_left_out; /* that made no sense */
    char *pull_error, *digest;
    struct timer silence; /* pulls: runs until the next word */
    int64_t silence_ms, inactivity_ms;
    bool has_begun; /* something was heard */
};

struct docker_request {
    const char *method;
    const char *path; /* after the version, with its query */
    const char *body; /* NULL: none */
    size_t body_len;  /* 0: it is text, and JSON; else a tar */
    const char *auth;
    int64_t timeout_ms; /* 0: none */
    bool is_once, is_unversioned;
};

struct docker_call *docker_call_new(struct docker *docker, void *data);
void docker_call_start(struct docker_call *call, const struct docker_request *request);
/* A call of which only success or failure counts. */
struct docker_call *docker_call_plain(struct docker *docker, const struct docker_request *request,
                                      docker_done_fn *done, void *data);
/* Fails the call unless something is heard in time. */
void docker_call_expect_word(struct docker_call *call, int64_t within_ms);
/* The failure of an answer that could not be read; takes `err`. */
const struct docker_failure *docker_call_malformed(struct docker_call *call, struct error *err,
                                                   struct docker_failure *out);

/* The failure that an answer of another status than 2xx is. */
void docker_call_refused(struct arena *arena, const struct http_response *response,
                         struct docker_failure *out);
/* One of docker->calls is over; a docker that was freed goes with the last one. */
void docker_call_ended(struct docker *docker);

void docker_streams_cancel(struct docker *docker); /* docker_stream.c: all of them */

/* Percent-encodes what is not unreserved; '/' stays in paths. */
void docker_call_add_escaped(struct buf *buf, const char *text, bool keeps_slash);
/* "/containers/<id>/start"; the caller's. */
char *docker_call_path(const char *before, const char *id, const char *after);

#endif

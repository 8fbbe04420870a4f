/* docker.h - the Docker Engine API over its socket: one function per call, one stream of events.
 *
 * Nothing here retries or remembers; that is the task engine's. Completions run exactly once, on
 * the loop, after the asking call has returned, on cancel too.
 *
 * Ownership  Everything handed to a callback is lent while it runs. Arguments are copied.
 * Errors     A call fails with a struct docker_failure, whose fault says what may be concluded:
 * only DOCKER_REFUSED, DOCKER_NOT_FOUND and DOCKER_CONFLICT are answers. After the others it is not
 *            known whether Docker did what was asked, and the caller has to look.
 * Units      Durations are milliseconds.
 */
#ifndef BERTH_AGENT_DOCKER_H
#define BERTH_AGENT_DOCKER_H

#include "agent/docker/docker_message.h"
#include "net/loop.h"

/* AP-418 */
#define DOCKER_INSPECT_MS     30000
#define DOCKER_LIST_MS        600000
#define DOCKER_REMOVE_MS      300000
#define DOCKER_IMPORT_MS      120000
#define DOCKER_VOLUME_MS      300000
#define DOCKER_INFO_MS        10000
#define DOCKER_STATS_MS       18000
#define DOCKER_STOP_GRACE_MS  120000             /* on top of the stop time-out */
#define DOCKER_LIST_BYTES_MAX (64 * 1024 * 1024) /* some 50,000 containers */
#define DOCKER_PULL_BEGIN_MS  300000             /* to the first word of a pull */
#define DOCKER_TAG_MS         30000
#define DOCKER_UNTAG_MS       180000 /* removing an image */

#define DOCKER_API_VERSION "1.41" /* what we speak, or the newest that the engine does if older */

enum docker_fault {
    DOCKER_REFUSED,     /* answered: no */
    DOCKER_NOT_FOUND,   /* answered 404 */
    DOCKER_CONFLICT,    /* answered 409: name in use, volume in use, container running */
    DOCKER_UNREACHABLE, /* no answer: socket gone, connection lost */
    DOCKER_TIMEOUT,     /* no answer in time */
    DOCKER_MALFORMED,   /* an answer that makes no sense */
    DOCKER_CANCELLED,   /* docker_cancel() or docker_free() */
};

struct docker_failure {
    enum docker_fault fault;
    const char *message; /* a sentence; Docker's own for answers */
    int64_t timeout_ms;  /* of DOCKER_TIMEOUT: the limit that passed */
    /* Of a pull that timed out: Docker never said a word, or nothing more. Else the whole took too
     * long. */
    enum { DOCKER_NOT_SILENT, DOCKER_NEVER_BEGAN, DOCKER_FELL_SILENT } silence;
};

struct docker;
struct docker_call; /* a call under way; gone when its completion runs */

/* `host` is unix:///path or tcp://host:port. */
MUST_USE struct error *docker_new(struct loop *loop, const char *host, struct docker **ret_docker);
void docker_free(struct docker *docker); /* cancels what is under way */
void docker_cancel(struct docker_call *call);

/* `failure` is NULL on success, and what follows it is set; else that is NULL or 0. */
typedef void docker_done_fn(const struct docker_failure *failure, void *data);
typedef void docker_version_fn(const struct docker_failure *failure,
                               const struct docker_version *version, void *data);
typedef void docker_info_fn(const struct docker_failure *failure, const struct docker_info *info,
                            void *data);
typedef void docker_created_fn(const struct docker_failure *failure, const char *id, void *data);
typedef void docker_container_fn(const struct docker_failure *failure,
                                 const struct docker_container *container, void *data);
typedef void docker_list_fn(const struct docker_failure *failure,
                            const struct docker_container *items, size_t count, void *data);
typedef void docker_image_fn(const struct docker_failure *failure, const struct docker_image *image,
                             void *data);
typedef void docker_images_fn(const struct docker_failure *failure,
                              const struct docker_image *items, size_t count, void *data);
typedef void docker_volume_fn(const struct docker_failure *failure,
                              const struct docker_volume *volume, void *data);
typedef void docker_digest_fn(const struct docker_failure *failure, const char *digest, void *data);
typedef void docker_text_fn(const struct docker_failure *failure, const char *json, size_t len,
                            void *data);

/* Also settles which version of the API is spoken from then on, and with which engine. */
struct docker_call *docker_get_version(struct docker *docker, docker_version_fn *done, void *data);
struct docker_call *docker_get_info(struct docker *docker, docker_info_fn *done, void *data);

/* `body`: what container_create_body() made. */
struct docker_call *docker_create(struct docker *docker, const char *name, const char *body,
                                  int64_t timeout_ms, docker_created_fn *done, void *data);
/* `id` may be a name, here and below. A container that runs already is a success. */
struct docker_call *docker_start(struct docker *docker, const char *id, int64_t timeout_ms,
                                 docker_done_fn *done, void *data);
/* Answers when the container has stopped: the stop signal, and SIGKILL after `grace_s`. One that
 * does not run is a success. */
struct docker_call *docker_stop(struct docker *docker, const char *id, int grace_s,
                                docker_done_fn *done, void *data);
struct docker_call *docker_inspect(struct docker *docker, const char *id, docker_container_fn *done,
                                   void *data);
/* What the container uses now, as Docker's JSON (tcs_stats.h reads it): one answer, not a stream.
 */
struct docker_call *docker_get_stats(struct docker *docker, const char *id, docker_text_fn *done,
                                     void *data);
/* The same every second until it is cancelled or the container goes: `on_text` gets each answer,
 * and at the end a failure. */
struct docker_call *docker_stream_stats(struct docker *docker, const char *id,
                                        docker_text_fn *on_text, void *data);
/* The containers that carry the label of a task: all, or those that have not ended. */
struct docker_call *docker_list(struct docker *docker, bool with_ended, docker_list_fn *done,
                                void *data);
/* With its anonymous volumes; kills it if it runs. */
struct docker_call *docker_remove(struct docker *docker, const char *id, docker_done_fn *done,
                                  void *data);

/* Every container of this Docker, whoever made it. */
struct docker_call *docker_list_all(struct docker *docker, docker_list_fn *done, void *data);

/* Images (docker_image.c). `auth` is the value of X-Registry-Auth, NULL: none. */

/* Asks the registry for the digest of what `reference` names now; NULL if it has none to pull by,
 * or if this engine cannot ask. */
struct docker_call *docker_get_digest(struct docker *docker, const char *reference,
                                      const char *auth, int64_t timeout_ms, docker_digest_fn *done,
                                      void *data);
struct docker_call *docker_pull(struct docker *docker, const char *reference, const char *auth,
                                int64_t timeout_ms, int64_t inactivity_ms, docker_digest_fn *done,
                                void *data);
/* Gives the image `source` the name `reference` ("name:tag") too. */
struct docker_call *docker_tag(struct docker *docker, const char *source, const char *reference,
                               docker_done_fn *done, void *data);
/* Makes the image `name`:`tag` of a tar of its root directory; it runs `program`. */
struct docker_call *docker_import(struct docker *docker, const char *name, const char *tag,
                                  const char *program, const void *tar, size_t len,
                                  docker_done_fn *done, void *data);
struct docker_call *docker_inspect_image(struct docker *docker, const char *reference,
                                         docker_image_fn *done, void *data);
struct docker_call *docker_list_images(struct docker *docker, docker_images_fn *done, void *data);
/* Takes the name away, and the image with its last one. Containers that use it keep it:
 * DOCKER_CONFLICT. */
struct docker_call *docker_remove_image(struct docker *docker, const char *reference,
                                        docker_done_fn *done, void *data);

/* `body`: what volume_create_body() made. Creating one that exists gives the existing one. */
struct docker_call *docker_create_volume(struct docker *docker, const char *body,
                                         docker_volume_fn *done, void *data);
struct docker_call *docker_inspect_volume(struct docker *docker, const char *name,
                                          docker_volume_fn *done, void *data);
struct docker_call *docker_remove_volume(struct docker *docker, const char *name,
                                         docker_done_fn *done, void *data);

/* The events of containers that carry the label of a task, from `since_ms` (wall clock) on. `done`
 * runs when the stream has ended, for whatever reason; `failure` is never NULL then. */
typedef void docker_event_fn(const struct docker_event *event, void *data);
struct docker_call *docker_events(struct docker *docker, int64_t since_ms,
                                  docker_event_fn *on_event, docker_done_fn *done, void *data);

#endif

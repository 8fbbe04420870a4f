#include "agent/session/acs_update.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/dir.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/http_client.h"

#define DISABLED     "Updates are disabled"
#define NOT_THERE    "Cannot perform update; update not downloaded"
#define NAME_BYTES   8
#define DOWNLOAD_MAX (512LL * 1024 * 1024)

/* What a download's callbacks have: they may run once more when it has been given up. */
struct download {
    struct acs_update *update; /* NULL: given up */
};

struct acs_update {
    struct loop *loop;
    const struct agent_config *config;
    acs_update_answer_fn *answer;
    void *data;

    enum { NONE, DOWNLOADING, DOWNLOADED } stage;
    char *cluster, *instance, *message_id; /* of the message to be answered */
    char *signature;                       /* of what is staged */

    struct http_client *http;  /* NULL: nothing was downloaded yet */
    struct download *download; /* NULL: none */
    char *name, *path;         /* of the file being written */
    int fd;                    /* -1: none */
    EVP_MD_CTX *hash;
    int64_t bytes;
    const char *failure; /* constant; of writing */
};

struct acs_update *acs_update_new(struct loop *loop, const struct agent_config *config,
                                  acs_update_answer_fn *answer, void *data)
{
    struct acs_update *update = xcalloc(1, sizeof(*update));

    update->loop = loop;
    update->config = config;
    update->answer = answer;
    update->data = data;
    update->fd = -1;
    return update;
}

static void replace(char **member, const char *value)
{
    char *copy = str_dup(value);

    free(*member);
    *member = copy;
}

static void close_file(struct acs_update *update)
{
    if (update->fd >= 0)
        close(update->fd);
    update->fd = -1;
    EVP_MD_CTX_free(update->hash);
    update->hash = NULL;
}

static void reset(struct acs_update *update)
{
    close_file(update);
    update->stage = NONE;
    replace(&update->signature, NULL);
    replace(&update->name, NULL);
    replace(&update->path, NULL);
}

static void cancel(struct acs_update *update)
{
    unlink(update->path);
    TAKE(update->download)->update = NULL;
    http_client_free(TAKE(update->http));
    reset(update);
}

void acs_update_free(struct acs_update *update)
{
    if (!update)
        return;
    if (update->stage == DOWNLOADING)
        cancel(update);
    reset(update);
    http_client_free(update->http);
    free(update->cluster);
    free(update->instance);
    free(update->message_id);
    free(update);
}

static void answer(struct acs_update *update, const char *reason)
{
    if (reason)
        log_error("update refused", "reason", reason);
    update->answer(update->cluster, update->instance, update->message_id, reason, update->data);
}

/* ---- downloading ---- */

static char *hex_of_hash(struct acs_update *update)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    struct buf hex = {0};

    EVP_DigestFinal_ex(update->hash, digest, &len);
    for (unsigned i = 0; i < len; i++)
        buf_printf(&hex, "%02x", digest[i]);
    return buf_take(&hex);
}

static struct error *write_desired(const struct acs_update *update)
{
    CLEANUP(str_freep)
    char *path = str_printf("%s/" ACS_UPDATE_FILE, update->config->update_download_dir);
    CLEANUP(str_freep) char *line = str_printf("%s\n", update->name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool is_written =
        fd >= 0 && write(fd, line, strlen(line)) == (ssize_t)strlen(line) && fsync(fd) == 0;
    int why = errno;

    if (fd >= 0)
        close(fd);
    return is_written ? NULL : error_errno(why, "%s cannot be written", path);
}

static struct error *check(struct acs_update *update, const struct http_response *response)
{
    CLEANUP(str_freep) char *hash = NULL;

    if (response->status < 200 || response->status > 299)
        return error_new(API_SERVER, "the server answered %d", response->status);
    if (fsync(update->fd) < 0)
        return error_errno(errno, "%s cannot be written", update->path);
    hash = hex_of_hash(update);
    if (!str_eq(hash, update->signature))
        return error_new(API_SERVER, "Hashsum validation failed");
    return write_desired(update);
}

static void finish(struct acs_update *update, struct error *err)
{
    CLEANUP(error_freep) struct error *why = err;
    CLEANUP(str_freep) char *reason = NULL;

    close_file(update);
    if (why) {
        reason =
            str_printf("Unable to download: %s", update->failure ? update->failure : why->message);
        if (update->path)
            unlink(update->path);
        reset(update);
    } else {
        update->stage = DOWNLOADED;
        log_info("update downloaded", "file", update->path);
    }
    answer(update, reason);
}

static void on_downloaded(struct error *err, const struct http_response *response, void *data)
{
    struct download *download = data;
    struct acs_update *update = download->update;

    free(download);
    if (!update) {
        error_free(err); /* nobody waits for it */
        return;
    }
    update->download = NULL;
    finish(update, err ? err : check(update, response));
}

static bool on_chunk(const char *bytes, size_t len, void *data)
{
    struct acs_update *update = ((struct download *)data)->update;

    if (!update)
        return false;
    update->bytes += (int64_t)len;
    if (update->bytes > DOWNLOAD_MAX)
        update->failure = "it is too large";
    else if (write(update->fd, bytes, len) != (ssize_t)len)
        update->failure = "it cannot be written";
    else
        EVP_DigestUpdate(update->hash, bytes, len);
    return !update->failure;
}

static struct error *open_file(struct acs_update *update)
{
    struct rng rng = rng_system();
    const char *dir = update->config->update_download_dir;

    TRY(dir_make(dir));
    update->name = str_printf("%016llx.ecs-update.tar", (unsigned long long)rng_next(&rng));
    update->path = str_printf("%s/%s", dir, update->name);
    update->fd = open(update->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (update->fd < 0)
        return error_errno(errno, "%s cannot be made", update->path);
    update->hash = EVP_MD_CTX_new();
    EVP_DigestInit_ex(update->hash, EVP_sha256(), NULL);
    update->bytes = 0;
    update->failure = NULL;
    return NULL;
}

static struct error *start_download(struct acs_update *update, const char *location)
{
    const struct http_client_options http = {.ca_file = update->config->ca_file,
                                             .is_insecure = update->config->is_insecure};
    struct http_call_options call = {.method = "GET",
                                     .url = location,
                                     .timeout_ms = ACS_UPDATE_DOWNLOAD_MS,
                                     .on_chunk = on_chunk,
                                     .done = on_downloaded};

    TRY(open_file(update));
    if (!update->http)
        TRY(http_client_new(update->loop, &http, &update->http));
    update->download = xcalloc(1, sizeof(*update->download));
    update->download->update = update;
    call.data = update->download;
    http_call_start(update->http, &call);
    return NULL;
}

/* ---- messages ---- */

static void take_ids(struct acs_update *update, const char *cluster, const char *instance,
                     const char *message_id)
{
    replace(&update->cluster, cluster);
    replace(&update->instance, instance);
    replace(&update->message_id, message_id);
}

static const char *what_is_wrong(const struct acs_update_info *info)
{
    if (!info)
        return "Invalid update: No update info given";
    if (str_is_empty(info->location) || (!str_starts_with(info->location, "http://") &&
                                         !str_starts_with(info->location, "https://")))
        return "Invalid update: No location given";
    return str_is_empty(info->signature) ? "Invalid update: No signature given" : NULL;
}

/* True if the message is about what is staged already. */
static bool is_known(struct acs_update *update, const struct acs_stage_update_message *message)
{
    CLEANUP(str_freep) char *reason = NULL;

    if (update->stage == NONE)
        return false;
    if (str_eq(update->signature, message->update_info->signature)) {
        take_ids(update, message->cluster_arn, message->container_instance_arn,
                 message->message_id);
        if (update->stage == DOWNLOADED)
            answer(update, NULL);
        return true;
    }
    reason = str_printf("New update arrived: %s", message->message_id);
    answer(update, reason);
    if (update->stage == DOWNLOADING)
        cancel(update);
    else
        reset(update);
    return false;
}

void acs_update_stage(struct acs_update *update, const struct acs_stage_update_message *message)
{
    const char *wrong =
        update->config->are_updates_enabled ? what_is_wrong(message->update_info) : DISABLED;
    struct error *err;

    if (!wrong && is_known(update, message))
        return;
    take_ids(update, message->cluster_arn, message->container_instance_arn, message->message_id);
    if (wrong) {
        answer(update, wrong);
        return;
    }
    update->stage = DOWNLOADING;
    replace(&update->signature, message->update_info->signature);
    err = start_download(update, message->update_info->location);
    if (err)
        finish(update, err);
}

bool acs_update_perform(struct acs_update *update, const struct acs_perform_update_message *message)
{
    const char *wrong = !update->config->are_updates_enabled ? DISABLED
                        : update->stage != DOWNLOADED        ? NOT_THERE
                                                             : NULL;

    take_ids(update, message->cluster_arn, message->container_instance_arn, message->message_id);
    answer(update, wrong);
    return !wrong;
}

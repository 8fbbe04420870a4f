#include "agent/aws/aws_fetch.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/sigv4_canonical.h"

#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define USER_AGENT   "Amazon ECS Agent - v" BERTH_VERSION " (berth)"

static const struct {
    const char *name, *target; /* the name is signed; no target: REST */
} services[CONFIG_AWS_COUNT] = {
    [CONFIG_AWS_SSM] = {"ssm", "AmazonSSM.GetParameters"},
    [CONFIG_AWS_SECRETS_MANAGER] = {"secretsmanager", "secretsmanager.GetSecretValue"},
    [CONFIG_AWS_S3] = {"s3", NULL},
    [CONFIG_AWS_ECR] = {"ecr", "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken"},
};

struct aws_fetcher {
    struct aws_fetcher_options options;
    struct aws_client *client;
    struct rng rng;
};

struct aws_fetch {
    struct aws_fetcher *fetcher;
    struct arena arena; /* of the request and its URL */
    struct aws_fetch_request request;
    const char *url;
    unsigned tries;
    int64_t ends_mono_ms;
    struct http_call *call; /* NULL: between two */
    struct timer pause;
    bool is_cancelled, is_elsewhere; /* elsewhere: the region has been changed */
    aws_fetched_fn *done;
    void *data;
};

struct error *aws_fetcher_new(const struct aws_fetcher_options *options,
                              struct aws_fetcher **ret_fetcher)
{
    const struct aws_client_options client = {options->loop, options->clock, options->config,
                                              AWS_FETCHES_AT_ONCE};
    struct aws_fetcher *fetcher = xcalloc(1, sizeof(*fetcher));
    struct error *err = aws_client_new(&client, &fetcher->client);

    if (err) {
        free(fetcher);
        return err;
    }
    fetcher->options = *options;
    fetcher->rng = rng_system();
    *ret_fetcher = fetcher;
    return NULL;
}

void aws_fetcher_free(struct aws_fetcher *fetcher)
{
    if (!fetcher)
        return;
    aws_client_free(fetcher->client);
    free(fetcher);
}

static void end(struct aws_fetch *fetch, const struct aws_fault *fault, const char *body,
                size_t len)
{
    timer_stop(&fetch->pause);
    fetch->done(fault, body, len, fetch->data);
    arena_done(&fetch->arena);
    free(fetch);
}

static int64_t left_ms(const struct aws_fetch *fetch)
{
    return fetch->ends_mono_ms - clock_mono_ms(fetch->fetcher->options.clock);
}

static void try_now(void *data);

/* Asks for one more try; false: it has been tried long enough. */
static bool try_again(struct aws_fetch *fetch, const struct aws_fault *fault)
{
    struct aws_fetcher *fetcher = fetch->fetcher;
    int64_t pause_ms = (int64_t)AWS_FETCH_FIRST_MS << (fetch->tries - 1);

    if (fault->region && !fetch->is_elsewhere && !str_eq(fault->region, fetch->request.region)) {
        fetch->is_elsewhere = true;
        fetch->request.region = arena_dup(&fetch->arena, fault->region);
        pause_ms = 0;
    } else if (!fault->is_passing || fetch->tries >= AWS_FETCH_TRIES) {
        return false;
    }
    pause_ms = rng_jitter_ms(&fetcher->rng, pause_ms, AWS_FETCH_JITTER);
    if (pause_ms >= left_ms(fetch))
        return false;
    timer_start(&fetch->pause, fetcher->options.loop, pause_ms, try_now, fetch);
    return true;
}

static void on_answer(struct error *err, const struct http_response *response, void *data)
{
    struct aws_fetch *fetch = data;
    struct arena arena = {0};
    struct aws_fault fault;

    fetch->call = NULL;
    if (!err && response->status >= 200 && response->status < 300) {
        end(fetch, NULL, response->body, response->body_len);
        return;
    }
    fault =
        err ? aws_fault_of_silence(&arena, err->message) : aws_fault_of_answer(&arena, response);
    if (fetch->is_cancelled || !try_again(fetch, &fault))
        end(fetch, &fault, NULL, 0);
    arena_done(&arena);
    error_free(err); /* its words are in the fault */
}

static void try_now(void *data)
{
    struct aws_fetch *fetch = data;
    const struct aws_fetch_request *asked = &fetch->request;
    const char *target = services[asked->service].target;
    const struct http_header json_headers[] = {{"content-type", "application/x-amz-json-1.1"},
                                               {"x-amz-target", target}};
    const struct http_header object_headers[] = {{"x-amz-content-sha256", EMPTY_SHA256}};
    int64_t limit_ms = left_ms(fetch);
    struct aws_request request = {
        .keys = asked->keys,
        .service = services[asked->service].name,
        .region = asked->region,
        .method = target ? "POST" : "GET",
        .url = fetch->url,
        .headers = target ? json_headers : object_headers,
        .header_count = target ? ARRAY_LEN(json_headers) : ARRAY_LEN(object_headers),
        .body = asked->body,
        .body_len = asked->body ? strlen(asked->body) : 0,
        .user_agent = USER_AGENT,
        .timeout_ms = target && limit_ms > AWS_ROUND_TRIP_MS ? AWS_ROUND_TRIP_MS : limit_ms,
        .idle_timeout_ms = AWS_ROUND_TRIP_MS,
        .done = on_answer,
        .data = fetch,
    };

    if (request.timeout_ms < 1)
        request.timeout_ms = 1; /* so that somebody says what is wrong */
    fetch->tries++;
    fetch->call = aws_client_start(fetch->fetcher->client, &request);
}

/* "http://host:4566/bucket/some%20key" (TD-241: path style). */
static const char *url_of(struct aws_fetch *fetch)
{
    const struct aws_fetch_request *request = &fetch->request;
    const char *endpoint = request->endpoint;
    CLEANUP(buf_done) struct buf url = {0};

    if (!endpoint)
        endpoint = fetch->fetcher->options.config->aws_endpoints[request->service];
    buf_add_str(&url, endpoint);
    if (!str_ends_with(endpoint, "/"))
        buf_add_char(&url, '/');
    if (request->bucket) {
        sigv4_uri_encode(&url, request->bucket, strlen(request->bucket), false);
        buf_add_char(&url, '/');
        sigv4_uri_encode(&url, request->key, strlen(request->key), true);
    }
    return arena_dup(&fetch->arena, url.data);
}

struct aws_fetch *aws_fetch_start(struct aws_fetcher *fetcher,
                                  const struct aws_fetch_request *request, aws_fetched_fn *done,
                                  void *data)
{
    struct aws_fetch *fetch = xcalloc(1, sizeof(*fetch));
    struct arena *arena = &fetch->arena;

    fetch->fetcher = fetcher;
    fetch->request = (struct aws_fetch_request){
        .service = request->service,
        .region = arena_dup(arena, request->region),
        .endpoint = arena_dup(arena, request->endpoint),
        .keys = {arena_dup(arena, request->keys.access_key_id),
                 arena_dup(arena, request->keys.secret_access_key),
                 arena_dup(arena, request->keys.session_token)},
        .body = arena_dup(arena, request->body),
        .bucket = arena_dup(arena, request->bucket),
        .key = arena_dup(arena, request->key),
    };
    fetch->url = url_of(fetch);
    fetch->ends_mono_ms = clock_mono_ms(fetcher->options.clock) + AWS_FETCH_MS;
    fetch->done = done;
    fetch->data = data;
    try_now(fetch);
    return fetch;
}

static void on_cancelled(void *data)
{
    struct arena arena = {0};
    struct aws_fault fault = aws_fault_of_silence(&arena, "cancelled");

    end(data, &fault, NULL, 0);
    arena_done(&arena);
}

void aws_fetch_cancel(struct aws_fetch *fetch)
{
    if (fetch->is_cancelled)
        return;
    fetch->is_cancelled = true;
    if (fetch->call)
        http_call_cancel(fetch->call);
    else
        timer_start(&fetch->pause, fetch->fetcher->options.loop, 0, on_cancelled, fetch);
}

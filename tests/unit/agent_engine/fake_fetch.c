#include "fake_fetch.h"

#include <string.h>
#include <sys/queue.h>

#include "base/mem.h"

#define ANSWERS_MAX 16

struct aws_fetch {
    TAILQ_ENTRY(aws_fetch) in_list;
    struct aws_fetcher *fetcher;
    char *asked;
    bool is_cancelled;
    aws_fetched_fn *done;
    void *data;
};

TAILQ_HEAD(fetch_list, aws_fetch);

struct aws_fetcher {
    struct loop *loop;
    struct {
        const char *with, *body, *fault;
    } answers[ANSWERS_MAX];
    size_t answer_count;
    struct fetch_list waiting;
    struct buf calls;
    bool holds;
};

struct aws_fetcher *fake_fetcher_new(struct loop *loop)
{
    struct aws_fetcher *fetcher = xcalloc(1, sizeof(*fetcher));

    fetcher->loop = loop;
    TAILQ_INIT(&fetcher->waiting);
    return fetcher;
}

void fake_fetcher_free(struct aws_fetcher *fetcher)
{
    buf_done(&fetcher->calls);
    free(fetcher);
}

void fake_fetch_answer(struct aws_fetcher *fetcher, const char *with, const char *body,
                       const char *fault)
{
    size_t i = 0;

    while (i < fetcher->answer_count && strcmp(fetcher->answers[i].with, with) != 0)
        i++;
    fetcher->answers[i].with = with;
    fetcher->answers[i].body = body;
    fetcher->answers[i].fault = fault;
    if (i == fetcher->answer_count)
        fetcher->answer_count++;
}

static void answer(struct aws_fetch *fetch)
{
    struct aws_fetcher *fetcher = fetch->fetcher;
    struct aws_fault fault = {"", .text = fetch->is_cancelled ? "cancelled" : "nobody answers"};
    const char *body = NULL;

    for (size_t i = 0; i < fetcher->answer_count && !fetch->is_cancelled; i++) {
        if (!strstr(fetch->asked, fetcher->answers[i].with))
            continue;
        body = fetcher->answers[i].body;
        if (!body)
            fault = (struct aws_fault){"Refused", .text = fetcher->answers[i].fault};
        break;
    }
    TAILQ_REMOVE(&fetcher->waiting, fetch, in_list);
    fetch->done(body ? NULL : &fault, body, body ? strlen(body) : 0, fetch->data);
    free(fetch->asked);
    free(fetch);
}

static void answer_all(void *data)
{
    struct aws_fetcher *fetcher = data;
    struct aws_fetch *fetch, *next;

    for (fetch = TAILQ_FIRST(&fetcher->waiting); fetch; fetch = next) {
        next = TAILQ_NEXT(fetch, in_list);
        if (!fetcher->holds || fetch->is_cancelled)
            answer(fetch);
    }
}

void fake_fetch_hold(struct aws_fetcher *fetcher, bool holds)
{
    fetcher->holds = holds;
    loop_defer(fetcher->loop, answer_all, fetcher);
}

char *fake_fetch_calls(struct aws_fetcher *fetcher)
{
    return buf_take(&fetcher->calls);
}

struct aws_fetch *aws_fetch_start(struct aws_fetcher *fetcher,
                                  const struct aws_fetch_request *request, aws_fetched_fn *done,
                                  void *data)
{
    static const char *const names[CONFIG_AWS_COUNT] = {"ssm", "secretsmanager", "s3", "ecr"};
    struct aws_fetch *fetch = xcalloc(1, sizeof(*fetch));

    fetch->fetcher = fetcher;
    fetch->done = done;
    fetch->data = data;
    fetch->asked = request->bucket ? str_printf("%s/%s", request->bucket, request->key)
                                   : str_dup(request->body);
    buf_printf(&fetcher->calls, "%s %s %s %s; ", names[request->service], request->region,
               request->keys.access_key_id, fetch->asked);
    TAILQ_INSERT_TAIL(&fetcher->waiting, fetch, in_list);
    loop_defer(fetcher->loop, answer_all, fetcher);
    return fetch;
}

void aws_fetch_cancel(struct aws_fetch *fetch)
{
    fetch->is_cancelled = true;
    loop_defer(fetch->fetcher->loop, answer_all, fetch->fetcher);
}

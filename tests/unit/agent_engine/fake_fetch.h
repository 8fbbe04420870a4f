/* fake_fetch.h - aws_fetch.h over answers that a test gives. */
#ifndef BERTH_TEST_FAKE_FETCH_H
#define BERTH_TEST_FAKE_FETCH_H

#include "agent/aws/aws_fetch.h"

struct aws_fetcher *fake_fetcher_new(struct loop *loop);
void fake_fetcher_free(struct aws_fetcher *fetcher);

/* What is asked with a text in its JSON, or the object of that key, is answered so: with `body`, or
 * if that is NULL with a fault. Texts are lent. */
void fake_fetch_answer(struct aws_fetcher *fetcher, const char *with, const char *body,
                       const char *fault);
/* Nothing is answered until released. */
void fake_fetch_hold(struct aws_fetcher *fetcher, bool holds);

/* "ssm us-east-1 AK {...}; s3 us-east-1 AK b/k; " since the last time. Owned by the caller. */
char *fake_fetch_calls(struct aws_fetcher *fetcher);

#endif

/* flow.h - an operation that has to wait: for bulk data, a call out, the thread pool.
 *
 * The handler checks what it can refuse at once, then makes a struct that embeds a flow and returns
 * it; or none, if this call has nothing to wait for and its answer is filled. From then on
 * advance() is the whole story of the operation, read top to bottom: it starts a step and returns,
 * and the step's completion calls it again. flow_end() ends it, exactly once:
 *
 *     struct backup {
 *         struct flow flow;
 *         enum { COPY, FINISH } next;
 *         ...
 *     };
 *     static void advance(struct flow *flow)
 *     {
 *         struct backup *backup = CONTAINER_OF(flow, struct backup, flow);
 *
 *         switch (backup->next) {
 *         case COPY:
 *             backup->next = FINISH;
 *             state_backup(backup->state, backup->file, on_copied, backup);
 *             return;
 *         case FINISH:
 *             flow_end(flow, TAKE(backup->err));
 *             return;
 *         }
 *     }
 *
 * Cancellation  When the caller is gone, the deadline passes or the server shuts down, cancel()
 * runs once (it may be NULL): it hurries the step under way. The flow still ends with flow_end();
 * until then its call and answer stay valid. At the deadline the caller gets its answer
 * (ServiceUnavailableException) at once, whatever the flow does.
 *
 * Ownership  flow_end() runs free() before it returns: the flow is gone then.
 */
#ifndef BERTH_WIRE_FLOW_H
#define BERTH_WIRE_FLOW_H

#include "wire/call.h"

struct flow;

struct flow_methods {
    void (*advance)(struct flow *flow);
    void (*cancel)(struct flow *flow); /* NULL: nothing to hurry */
    void (*free)(struct flow *flow);
};

/* Why a flow is asked to hurry. */
enum flow_cancel { FLOW_RUNS, FLOW_CALLER_GONE, FLOW_LATE, FLOW_SHUTDOWN };

struct flow {
    const struct flow_methods *methods;
    struct call *call;             /* set by the dispatcher before the first advance() */
    enum flow_cancel is_cancelled; /* other than FLOW_RUNS: cancel() ran or is running */
    void *dispatch;                /* the dispatcher's own */
};

/* Ends the flow: NULL answers with what `out` holds, an error is answered as such. Takes `err`. Not
 * from inside the handler that makes the flow. */
void flow_end(struct flow *flow, struct error *err);

#endif

/* submit_report.h - the text of one report: a task's view as SubmitTaskStateChange's body. Pure. */
#ifndef BERTH_AGENT_SUBMIT_REPORT_H
#define BERTH_AGENT_SUBMIT_REPORT_H

#include "agent/config/config.h"
#include "agent/engine/engine.h"
#include "base/str.h"

enum submit_report {
    SUBMIT_REPORT_NONE,    /* nothing the control plane wants to know yet */
    SUBMIT_REPORT_RUNNING, /* that it ran; that it ended is told next */
    SUBMIT_REPORT_NEWEST
};

/* RUNNING, STOPPED, and PENDING for what comes before. */
const char *submit_report_status(enum engine_status status);

/* Which report comes next. A task that ended before anyone was told it ran is told in two steps, so
 * that it has a start in the API (AP-124). */
enum submit_report submit_report_next(const struct engine_task_view *task, bool told_running);

void submit_report_write(struct buf *body, const struct agent_config *config, const char *cluster,
                         const struct engine_task_view *task, enum submit_report report);

#endif

/* event_names.h - which occurrences of services are told as events, and as what (MS-098, MS-099,
 * MS-104). The others are lines of Service.events only. */
#ifndef BERTH_CORE_EVENT_NAMES_H
#define BERTH_CORE_EVENT_NAMES_H

#include "gen/records.h"

struct event_facts {
    const char *type;   /* INFO, WARN or ERROR; NULL: not told */
    bool is_deployment; /* "ECS Deployment State Change", else "ECS Service Action" */
};
struct event_facts event_facts(enum event_name name);

#endif

/* host_attribute.h - an attribute of a container instance as the scheduler reads it. */
#ifndef BERTH_SCHEDULER_HOST_ATTRIBUTE_H
#define BERTH_SCHEDULER_HOST_ATTRIBUTE_H

struct host_attribute {
    const char *name;  /* in a fleet: interned */
    const char *value; /* in a fleet: interned; NULL: name only */
};

#endif

#include "agent/endpoints/port_rule.h"

#include <stdlib.h>

#include "base/mem.h"

#define RULE                                                                                       \
    "-d 169.254.170.2/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 169.254.170.2:51679"
#define NAT "iptables -w 10 -t nat"
#define IN_EACH_CHAIN(run)                                                                         \
    "PATH=$PATH:/usr/sbin:/sbin\n"                                                                 \
    "for chain in PREROUTING OUTPUT; do " run "; done 2>/dev/null"

static const char add_script[] =
    IN_EACH_CHAIN(NAT " -C $chain " RULE " || " NAT " -I $chain " RULE " || exit 1");
static const char remove_script[] = IN_EACH_CHAIN(NAT " -D $chain " RULE);

struct asked {
    port_rule_fn *done;
    void *data;
};

static void on_exited(int exit_status, int term_signal, void *data)
{
    struct asked asked = *(struct asked *)data;

    free(data);
    asked.done(exit_status == 0 && term_signal == 0, asked.data);
}

static struct error *run(struct loop *loop, const char *script, port_rule_fn *done, void *data)
{
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    struct asked *asked = xmalloc(sizeof(*asked));
    struct error *err;

    *asked = (struct asked){done, data};
    err = loop_spawn(loop, argv, NULL, on_exited, asked, NULL);
    if (err)
        free(asked);
    return err;
}

struct error *port_rule_add(struct loop *loop, port_rule_fn *done, void *data)
{
    return run(loop, add_script, done, data);
}

struct error *port_rule_remove(struct loop *loop, port_rule_fn *done, void *data)
{
    return run(loop, remove_script, done, data);
}

#include "agent/endpoints/port_rule.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"

#define RULE                                                                                       \
    "-d 169.254.170.2/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 169.254.170.2:51679"
#define BLOCK                                                                                      \
    "-i docker+ -d 169.254.169.254/32 -p tcp -m tcp --dport 80 -j REJECT --reject-with tcp-reset"
#define FILTER "iptables -w 10 -t filter"
#define NAT    "iptables -w 10 -t nat"
#define IN_EACH_CHAIN(run)                                                                         \
    "PATH=$PATH:/usr/sbin:/sbin\n"                                                                 \
    "for chain in PREROUTING OUTPUT; do " run "; done 2>/dev/null\n"
#define UNBLOCK                                                                                    \
    "for chain in DOCKER-USER FORWARD; do " FILTER " -D $chain " BLOCK "; done 2>/dev/null\n"
#define UNBLOCKED_EXIT 3

#define LEAD IN_EACH_CHAIN(NAT " -C $chain " RULE " || " NAT " -I $chain " RULE " || exit 1")

static const char add_script[] = LEAD UNBLOCK "exit 0";
static const char block_script[] =
    LEAD "for chain in DOCKER-USER FORWARD; do\n"
         "    { " FILTER " -C $chain " BLOCK " || " FILTER " -I $chain 1 " BLOCK "; } && exit 0\n"
         "done 2>/dev/null\nexit 3";
static const char remove_script[] = IN_EACH_CHAIN(NAT " -D $chain " RULE) UNBLOCK "exit 0";

struct asked {
    port_rule_fn *done;
    void *data;
};

static void on_exited(int exit_status, int term_signal, void *data)
{
    struct asked asked = *(struct asked *)data;

    free(data);
    if (exit_status == UNBLOCKED_EXIT)
        log_warning("containers may reach 169.254.169.254: no rule against it could be made", NULL);
    asked.done((exit_status == 0 || exit_status == UNBLOCKED_EXIT) && term_signal == 0, asked.data);
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

struct error *port_rule_add(struct loop *loop, bool blocks_metadata, port_rule_fn *done, void *data)
{
    return run(loop, blocks_metadata ? block_script : add_script, done, data);
}

struct error *port_rule_remove(struct loop *loop, port_rule_fn *done, void *data)
{
    return run(loop, remove_script, done, data);
}

/* up.c - `berth up`: the parent of a server and an agent on this machine.
 *
 * start server -> keys of the user and the agent -> start agent -> wait for signals and children
 * end: drain the local instance -> end agent -> end server
 *
 * A child that dies is started again with back-off; containers live on meanwhile. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/dir.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/child.h"
#include "cli/commands.h"
#include "cli/data_dir.h"
#include "cli/endpoint.h"
#include "cli/options.h"
#include "server/server.h"

#define READY_TIMEOUT_MS 120000 /* loading a large store takes its time */
#define CALL_TIMEOUT_MS  30000
#define DRAIN_TIMEOUT_MS 180000 /* stopTimeout is at most 120 s */
#define END_TIMEOUT_MS   30000
#define RESTART_MAX_MS   15000
#define STEADY_MS        60000 /* having run so long, a child starts again at once */
#define AGENT_EXIT_FINAL 5     /* AP-011: starting again cannot help */

struct up {
    const char *listen, *data, *docker, *cluster, *region, *account, *log_level, *log_format;
    bool keep;
    struct option_texts quotas;
    char *agent_dir;
    char *agent_env[3];
    struct child server, agent;
    struct endpoint admin, user, agent_key;
    sigset_t signals;
};

static struct error *admin_call(struct up *up, const char *operation, json_t *body,
                                int64_t timeout_ms, json_t **ret_answer)
{
    CLEANUP(json_freep) json_t *owned = body;
    CLEANUP(str_freep) char *target = str_printf("Berth_20261120.%s", operation);

    return endpoint_call(&up->admin, "berth", target, owned, timeout_ms, ret_answer);
}

static struct error *ecs_call(struct up *up, const char *operation, json_t *body,
                              json_t **ret_answer)
{
    CLEANUP(json_freep) json_t *owned = body;
    CLEANUP(str_freep)
    char *target = str_printf("AmazonEC2ContainerServiceV20141113.%s", operation);

    return endpoint_call(&up->user, "ecs", target, owned, CALL_TIMEOUT_MS, ret_answer);
}

/* The key in DIR/`file` if the server still knows it, else a new one, kept there. */
static struct error *ensure_key(struct up *up, const char *file, const char *agent_cluster,
                                const char *name, struct endpoint *ret)
{
    CLEANUP(json_freep) json_t *keys = NULL;
    CLEANUP(json_freep) json_t *answer = NULL;
    CLEANUP(endpoint_done) struct endpoint known = {0};
    CLEANUP(str_freep) char *text = NULL;
    const json_t *key;
    size_t i;

    TRY(admin_call(up, "ListKeys", json_object(), CALL_TIMEOUT_MS, &keys));
    struct error *err = data_dir_read(up->data, file, &text);
    if (!err) {
        CLEANUP(json_freep) json_t *json = json_loads(text, 0, NULL);

        known.access_key_id = str_dup(json_string_value(json_object_get(json, "accessKeyId")));
        known.secret_access_key =
            str_dup(json_string_value(json_object_get(json, "secretAccessKey")));
    }
    error_free(err); /* no file: the first start */
    *ret = (struct endpoint){.url = str_dup(up->admin.url), .region = str_dup(up->region)};
    json_array_foreach (json_object_get(keys, "keys"), i, key) {
        if (known.secret_access_key &&
            str_eq(json_string_value(json_object_get(key, "accessKeyId")), known.access_key_id)) {
            ret->access_key_id = TAKE(known.access_key_id);
            ret->secret_access_key = TAKE(known.secret_access_key);
            ret->account = str_dup(json_string_value(json_object_get(key, "account")));
            break;
        }
    }
    if (!ret->access_key_id) {
        TRY(admin_call(up, "CreateKey",
                       json_pack("{s:s*, s:s}", "agentCluster", agent_cluster, "name", name),
                       CALL_TIMEOUT_MS, &answer));
        key = json_object_get(answer, "key");
        ret->access_key_id = str_dup(json_string_value(json_object_get(key, "accessKeyId")));
        ret->account = str_dup(json_string_value(json_object_get(key, "account")));
        ret->secret_access_key =
            str_dup(json_string_value(json_object_get(answer, "secretAccessKey")));
    }
    return endpoint_write(up->data, file, ret);
}

/* An agent that lost its state registers anew, which its old key may not. */
static struct error *ensure_agent_key(struct up *up)
{
    CLEANUP(str_freep) char *file = str_printf("%s/agent-key.json", up->data);
    struct stat st;

    if (stat(up->agent_dir, &st) < 0 && unlink(file) < 0 && errno != ENOENT)
        return error_errno(errno, "cannot remove %s", file);
    TRY(dir_make(up->agent_dir));
    return ensure_key(up, "agent-key.json", up->cluster, "agent of berth up", &up->agent_key);
}

/* The last Ctrl-C left the instance DRAINING; tasks may come again. */
static struct error *activate_instance(struct up *up)
{
    CLEANUP(json_freep) json_t *keys = NULL;
    CLEANUP(json_freep) json_t *answer = NULL;
    const json_t *key;
    size_t i;

    TRY(admin_call(up, "ListKeys", json_object(), CALL_TIMEOUT_MS, &keys));
    json_array_foreach (json_object_get(keys, "keys"), i, key) {
        const char *instance = json_string_value(json_object_get(key, "agentInstance"));

        if (!instance || !str_eq(json_string_value(json_object_get(key, "accessKeyId")),
                                 up->agent_key.access_key_id))
            continue;
        return ecs_call(up, "UpdateContainerInstancesState",
                        json_pack("{s:s, s:[s], s:s}", "cluster", up->cluster, "containerInstances",
                                  instance, "status", "ACTIVE"),
                        &answer);
    }
    return NULL;
}

static void prepare_children(struct up *up)
{
    const char *server[] = {"server",       "--listen",    up->listen,    "--data",
                            up->data,       "--region",    up->region,    "--account",
                            up->account,    "--log-level", up->log_level, "--log-format",
                            up->log_format, "--under-up"};

    up->server = (struct child){.name = "server"};
    memcpy(up->server.args, server, sizeof(server));
    for (size_t i = 0; i < up->quotas.count; i++) {
        up->server.args[ARRAY_LEN(server) + 2 * i] = "--quota";
        up->server.args[ARRAY_LEN(server) + 2 * i + 1] = up->quotas.items[i];
    }
    up->agent = (struct child){.name = "agent"};
}

/* What was built on this machine is what its owner means to run, where the agent's own default asks
 * a registry; and roles of tasks are on, as on ECS's own images (AG-156, AG-157). */
static void add_defaults(struct up *up)
{
    static const char *const defaults[][2] = {
        {"ECS_IMAGE_PULL_BEHAVIOR", "ECS_IMAGE_PULL_BEHAVIOR=prefer-cached"},
        {"ECS_ENABLE_TASK_IAM_ROLE", "ECS_ENABLE_TASK_IAM_ROLE=true"},
        {"ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST", "ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST=true"},
    };
    size_t count = ARRAY_LEN(up->agent_env);

    for (size_t i = 0; i < ARRAY_LEN(defaults); i++)
        if (!getenv(defaults[i][0]))
            up->agent.env[count++] = defaults[i][1];
}

static void prepare_agent(struct up *up)
{
    const char *agent[] = {"agent",        "--server",    up->admin.url, "--cluster",
                           up->cluster,    "--data",      up->agent_dir, "--docker",
                           up->docker,     "--log-level", up->log_level, "--log-format",
                           up->log_format, "--under-up"};

    memcpy(up->agent.args, agent, sizeof(agent));
    up->agent_env[0] = str_printf("AWS_ACCESS_KEY_ID=%s", up->agent_key.access_key_id);
    up->agent_env[1] = str_printf("AWS_SECRET_ACCESS_KEY=%s", up->agent_key.secret_access_key);
    up->agent_env[2] = str_printf("AWS_DEFAULT_REGION=%s", up->region);
    for (size_t i = 0; i < ARRAY_LEN(up->agent_env); i++)
        up->agent.env[i] = up->agent_env[i];
    add_defaults(up);
}

static struct error *start(struct up *up)
{
    CLEANUP(json_freep) json_t *cluster = NULL;

    prepare_children(up);
    TRY(child_start(&up->server, READY_TIMEOUT_MS));
    TRY(endpoint_read_server(up->data, &up->admin));
    TRY(ensure_key(up, "up.json", NULL, "user of berth up", &up->user));
    TRY(ensure_agent_key(up));
    TRY(ecs_call(up, "CreateCluster", json_pack("{s:s}", "clusterName", up->cluster), &cluster));
    TRY(activate_instance(up));
    prepare_agent(up);
    return child_start(&up->agent, 0);
}

/* ---- running ---- */

static struct child *child_of(struct up *up, pid_t pid)
{
    if (pid == up->server.pid)
        return &up->server;
    return pid == up->agent.pid ? &up->agent : NULL;
}

/* How long to wait before `child` starts again: nothing after a steady run, then doubling. */
static int64_t restart_delay_ms(struct child *child)
{
    int64_t delay;

    if (clock_mono_ms(&clock_system) - child->started_ms > STEADY_MS)
        child->restarts = 0;
    delay = child->restarts ? 500LL << (child->restarts < 6 ? child->restarts - 1 : 5) : 0;
    child->restarts++;
    return delay < RESTART_MAX_MS ? delay : RESTART_MAX_MS;
}

/* Waits for one of our signals; 0 when `timeout_ms` (-1: none) is over. */
static int wait_signal(struct up *up, int64_t timeout_ms)
{
    struct timespec timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000000};
    int signum;

    do {
        signum = timeout_ms < 0 ? sigwaitinfo(&up->signals, NULL)
                                : sigtimedwait(&up->signals, NULL, &timeout);
    } while (signum < 0 && errno == EINTR);
    return signum < 0 ? 0 : signum;
}

/* Notes which children ended. Fails if the agent says that starting it again cannot help. */
static struct error *reap(struct up *up)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct child *child = child_of(up, pid);
        CLEANUP(str_freep)
        char *how = WIFEXITED(status) ? str_printf("exit code %d", WEXITSTATUS(status))
                                      : str_printf("signal %d", WTERMSIG(status));

        if (!child)
            continue;
        child->pid = 0;
        if (child == &up->agent && WIFEXITED(status) && WEXITSTATUS(status) == AGENT_EXIT_FINAL)
            return error_new(API_CLIENT, "the agent gave up (its message is above)");
        log_warning("child ended, starting it again", "child", child->name, "how", how);
    }
    return NULL;
}

/* Until a signal asks for the end. */
static struct error *supervise(struct up *up)
{
    for (;;) {
        struct child *down = !up->server.pid ? &up->server : !up->agent.pid ? &up->agent : NULL;
        int signum = wait_signal(up, down ? restart_delay_ms(down) : -1);

        if (signum == SIGINT || signum == SIGTERM)
            return NULL;
        if (signum == SIGHUP && up->server.pid)
            kill(up->server.pid, SIGHUP);
        TRY(reap(up));
        if (signum == 0 && down) {
            struct error *err = child_start(down, down == &up->server ? READY_TIMEOUT_MS : 0);

            if (!err && down == &up->server) {
                endpoint_done(&up->admin); /* the administrator's key is new with each start */
                err = endpoint_read_server(up->data, &up->admin);
            }
            if (err)
                log_warning("child did not start", "child", down->name, "error", err->message);
            error_free(err); /* tried again after the next, longer wait */
        }
    }
}

/* ---- ending ---- */

static void drain(struct up *up)
{
    CLEANUP(json_freep) json_t *answer = NULL;
    struct error *err;

    log_info("stopping the tasks on this machine");
    err =
        admin_call(up, "DrainInstance", json_pack("{s:s}", "agentKey", up->agent_key.access_key_id),
                   DRAIN_TIMEOUT_MS, &answer);
    if (err)
        log_warning("some tasks may still be running", "reason", err->message);
    error_free(err); /* the end comes all the same; the next start finds what is left */
}

static void end_child(struct up *up, struct child *child)
{
    int64_t deadline = clock_mono_ms(&clock_system) + END_TIMEOUT_MS;

    if (!child->pid)
        return;
    kill(child->pid, SIGTERM);
    while (child->pid) {
        int64_t left = deadline - clock_mono_ms(&clock_system);
        int signum = left > 0 ? wait_signal(up, left) : 0;

        /* A second Ctrl-C, or no end in time. */
        if (signum != SIGCHLD)
            kill(child->pid, SIGKILL);
        if (waitpid(child->pid, NULL, signum == SIGCHLD ? WNOHANG : 0) != 0)
            child->pid = 0;
    }
}

/* The draining call blocks; a signal that comes meanwhile kills outright: the user asked twice. */
static void end(struct up *up)
{
    pid_t drainer;

    if (!up->keep && up->server.pid && up->agent.pid && up->agent_key.access_key_id) {
        drainer = fork();
        if (drainer == 0) {
            drain(up);
            fflush(NULL);
            _exit(EXIT_SUCCESS);
        }
        while (drainer > 0) {
            int signum = wait_signal(up, DRAIN_TIMEOUT_MS);

            if (signum == SIGCHLD && waitpid(drainer, NULL, WNOHANG) == drainer)
                break;
            if (signum == SIGCHLD && up->server.pid &&
                waitpid(up->server.pid, NULL, WNOHANG) == up->server.pid)
                up->server.pid = 0;
            if (signum == SIGCHLD)
                continue;
            kill(drainer, SIGKILL);
            waitpid(drainer, NULL, 0);
            break;
        }
    }
    end_child(up, &up->agent);
    end_child(up, &up->server);
}

static void up_done(struct up *up)
{
    endpoint_done(&up->admin);
    endpoint_done(&up->user);
    endpoint_done(&up->agent_key);
    for (size_t i = 0; i < ARRAY_LEN(up->agent_env); i++)
        free(up->agent_env[i]);
    free(up->agent_dir);
}

static struct error *run(struct up *up)
{
    CLEANUP(str_freep) char *what = str_printf("berth up on %s", up->listen);
    struct error *err;

    TRY(dir_make(up->data));
    TRY(data_dir_lock(up->data, "up.lock", what));
    signal(SIGINT, SIG_DFL); /* a shell's background job comes with it ignored */
    sigemptyset(&up->signals);
    sigaddset(&up->signals, SIGINT);
    sigaddset(&up->signals, SIGTERM);
    sigaddset(&up->signals, SIGHUP);
    sigaddset(&up->signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, &up->signals, NULL);
    up->agent_dir = str_printf("%s/agent", up->data);
    err = start(up);
    if (!err) {
        log_info("berth is up", "endpoint", up->admin.url, "data", up->data);
        err = supervise(up);
    }
    end(up);
    return err;
}

int command_up(int argc, char **argv)
{
    CLEANUP(str_freep) char *default_dir = data_dir_default();
    struct up up = {
        .listen = "127.0.0.1:4566",
        .data = default_dir,
        .docker = "unix:///var/run/docker.sock",
        .cluster = "default",
        .region = "us-east-1",
        .account = "000000000000",
        .log_level = "info",
        .log_format = "text",
    };
    const struct option_spec options[] = {
        {"listen", OPTION_TEXT, "ADDR:PORT", "where the API answers (127.0.0.1:4566)", &up.listen},
        {"data", OPTION_TEXT, "DIR",
         "where state is kept ($XDG_STATE_HOME/berth; root: /var/lib/berth)", &up.data},
        {"docker", OPTION_TEXT, "SOCK", "Docker's socket (unix:///var/run/docker.sock)",
         &up.docker},
        {"cluster", OPTION_TEXT, "NAME", "the cluster this machine joins (default)", &up.cluster},
        {"region", OPTION_TEXT, "NAME", "the region served (us-east-1)", &up.region},
        {"account", OPTION_TEXT, "ID", "the account of the keys made here (000000000000)",
         &up.account},
        {"keep", OPTION_FLAG, NULL, "leave tasks running at the end", &up.keep},
        {"quota", OPTION_TEXTS, "NAME=VALUE",
         "how much there may be (docs/quotas.md); may be repeated", &up.quotas},
        {"log-level", OPTION_TEXT, "LEVEL", "debug, info, warning or error (info)", &up.log_level},
        {"log-format", OPTION_TEXT, "FORMAT", "text or json (text)", &up.log_format},
    };
    const struct command command = {
        .usage = "berth up [options]",
        .about = "Runs a server and an agent on this machine until Ctrl-C, which stops this\n"
                 "machine's tasks; services stay and start again at the next `berth up`.",
        .options = options,
        .option_count = ARRAY_LEN(options),
    };
    enum log_level level = LOG_LEVEL_INFO;
    enum log_format format = LOG_FORMAT_TEXT;
    struct server_options checked = {0};
    int operands = 0, code;
    struct error *err = NULL;

    if (!command_begin(&command, argc, argv, &operands, &code))
        return code;
    if (!log_level_parse(up.log_level, &level) || !log_format_parse(up.log_format, &format))
        err =
            error_new(API_INVALID_PARAMETER,
                      "--log-level is debug, info, warning or error; --log-format is text or json");
    for (size_t i = 0; i < up.quotas.count && !err; i++) /* refused before the server starts */
        err = server_set_quota(&checked, up.quotas.items[i]);
    if (!err) {
        log_configure(level, format);
        err = run(&up);
    }
    up_done(&up);
    return command_end(err);
}

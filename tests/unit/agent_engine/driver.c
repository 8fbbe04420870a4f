/* Drives the task engine alone against a real Docker Engine: a task object of the agent protocol a
 * line on stdin, one JSON line on stdout for each thing the engine says. Reports are taken at once
 * unless
 * --no-ack. Ends at the end of stdin; containers keep running.
 *
 *   engine_driver FILE DOCKER_HOST [--no-ack] [NAME=VALUE of the agent's environment]...
 *
 * The credentials of a task are kept, as the agent keeps them, and what it refers to is fetched with them.
 * TEST_IMAGE_CLEANUP_MS is how often images are cleaned up, below the least that the settings allow.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "agent/aws/aws_fetch.h"
#include "agent/config/config.h"
#include "agent/docker/docker.h"
#include "agent/engine/engine.h"
#include "agent/engine/store.h"
#include "agent/session/acs_credentials.h"
#include "base/json_text.h"
#include "base/mem.h"

struct driver {
    struct loop *loop;
    struct agent_config *config;
    struct agent_store *store;
    struct docker *docker;
    struct engine *engine;
    struct aws_fetcher *fetcher;
    struct acs_credentials *credentials;
    bool takes_reports;
};

static const char *const status_names[] = {"NONE", "PULLED", "CREATED", "RUNNING", "STOPPED"};

static void print(struct buf *line)
{
    printf("%s\n", line->data);
    fflush(stdout);
    buf_done(line);
}

static void add_text(struct buf *buf, const char *name, const char *value)
{
    if (!value)
        return;
    json_text_add_name(buf, name);
    json_text_add_string(buf, value);
}

static void add_container(struct buf *buf, const struct engine_container_view *view)
{
    buf_add_char(buf, '{');
    add_text(buf, "name", view->name);
    add_text(buf, "known", status_names[view->known]);
    add_text(buf, "id", view->docker_id);
    add_text(buf, "imageId", view->image_id);
    add_text(buf, "imageDigest", view->image_digest);
    add_text(buf, "reason", view->reason);
    add_text(buf, "health", view->health);
    json_text_add_name(buf, "changed");
    json_text_add_bool(buf, view->is_changed);
    json_text_add_name(buf, "restarts");
    json_text_add_int(buf, view->restarts);
    if (view->has_exit_code) {
        json_text_add_name(buf, "exitCode");
        json_text_add_int(buf, view->exit_code);
    }
    json_text_add_name(buf, "bindings");
    buf_add_char(buf, '[');
    for (size_t i = 0; i < view->binding_count; i++) {
        const struct engine_binding *binding = &view->bindings[i];

        json_text_add_comma(buf);
        buf_add_char(buf, '{');
        add_text(buf, "bindIP", binding->bind_ip);
        add_text(buf, "protocol", binding->protocol);
        add_text(buf, "containerPortRange", binding->container_port_range);
        add_text(buf, "hostPortRange", binding->host_port_range);
        json_text_add_name(buf, "containerPort");
        json_text_add_int(buf, binding->container_port);
        json_text_add_name(buf, "hostPort");
        json_text_add_int(buf, binding->host_port);
        buf_add_char(buf, '}');
    }
    buf_add_str(buf, "]}");
}

static void on_report(const struct engine_task_view *view, void *data)
{
    struct driver *driver = data;
    struct buf line = {0};
    CLEANUP(str_freep) char *arn = str_dup(view->arn);
    uint64_t revision = view->revision;

    buf_add_char(&line, '{');
    add_text(&line, "report", view->arn);
    add_text(&line, "known", status_names[view->known]);
    add_text(&line, "reason", view->reason);
    json_text_add_name(&line, "revision");
    json_text_add_int(&line, (int64_t)view->revision);
    json_text_add_name(&line, "containers");
    buf_add_char(&line, '[');
    for (size_t i = 0; i < view->container_count; i++) {
        json_text_add_comma(&line);
        add_container(&line, &view->containers[i]);
    }
    buf_add_str(&line, "]}");
    print(&line);
    if (driver->takes_reports)
        engine_reported(driver->engine, arn, revision);
}

static void on_ready(struct error *err, void *data)
{
    (void)data;
    printf("{\"ready\":%s}\n", err ? "false" : "true");
    fflush(stdout);
    if (err) {
        fprintf(stderr, "%s\n", err->message);
        exit(1);
    }
}

static void on_closed(void *data)
{
    struct driver *driver = data;

    loop_stop(driver->loop);
}

struct line {
    struct driver *driver;
    char *text; /* NULL: end of input */
};

static void on_line(void *data)
{
    struct line *line = data;
    struct driver *driver = line->driver;
    struct arena arena = {0};
    struct acs_task task = {0};
    struct error *err = NULL;
    struct buf said = {0};
    json_t *json;

    if (!line->text) {
        engine_close(driver->engine, on_closed, driver);
        free(line);
        return;
    }
    json = json_loads(line->text, 0, NULL);
    err = acs_decode_task(&arena, json, &task);
    if (!err && task.execution_role_credentials &&
        acs_credentials_put(driver->credentials, task.arn, ROLE_EXECUTION,
                            task.execution_role_credentials))
        engine_credentials_came(driver->engine, task.arn);
    if (!err)
        err = engine_want(driver->engine, &task);
    buf_add_char(&said, '{');
    add_text(&said, "wanted", task.arn ? task.arn : "");
    add_text(&said, "error", err ? err->message : NULL);
    buf_add_char(&said, '}');
    print(&said);
    error_free(err); /* said */
    json_decref(json);
    arena_done(&arena);
    free(line->text);
    free(line);
}

/* A thread reads, the loop acts. */
static void *read_stdin(void *data)
{
    struct driver *driver = data;
    char *text = NULL;
    size_t size = 0;

    while (getline(&text, &size, stdin) > 0) {
        struct line *line = xcalloc(1, sizeof(*line));

        line->driver = driver;
        line->text = str_dup(text);
        loop_post(driver->loop, on_line, line);
    }
    free(text);
    struct line *end = xcalloc(1, sizeof(*end));
    end->driver = driver;
    loop_post(driver->loop, on_line, end);
    return NULL;
}

static bool get_keys(const char *credentials_id, struct sigv4_keys *ret, void *data)
{
    const struct driver *driver = data;
    struct role_credentials role = {.access_key_id = driver->config->access_key_id,
                                    .secret_access_key = driver->config->secret_access_key};

    if (credentials_id && !acs_credentials_find(driver->credentials, credentials_id, &role))
        return false;
    *ret = (struct sigv4_keys){role.access_key_id, role.secret_access_key, role.session_token};
    return ret->access_key_id && ret->secret_access_key;
}

static void must(struct error *err)
{
    if (!err)
        return;
    fprintf(stderr, "%s\n", err->message);
    exit(1);
}

int main(int argc, char **argv)
{
    struct driver driver = {.takes_reports = true, .credentials = acs_credentials_new()};
    struct aws_fetcher_options fetcher = {.clock = &clock_system};
    struct config_flags flags = {.server_url = "http://127.0.0.1:1"}; /* never asked */
    const char **env = xcalloc((size_t)argc + 1, sizeof(*env));
    pthread_t reader;
    int first = 3;

    if (argc < 3) {
        fprintf(stderr, "usage: engine_driver FILE DOCKER_HOST [--no-ack] [NAME=VALUE]...\n");
        return 2;
    }
    if (argc > 3 && strcmp(argv[3], "--no-ack") == 0) {
        driver.takes_reports = false;
        first = 4;
    }
    for (int i = first; i < argc; i++)
        env[i - first] = argv[i];
    must(config_load(&flags, env, NULL, &driver.config));
    for (int i = first; i < argc; i++)
        if (str_starts_with(argv[i], "TEST_IMAGE_CLEANUP_MS="))
            driver.config->image_cleanup_interval_ms = atoll(strchr(argv[i], '=') + 1);
    must(loop_new(&driver.loop));
    must(agent_store_open(argv[1], &driver.store));
    must(docker_new(driver.loop, argv[2], &driver.docker));
    must(engine_new(driver.loop, driver.config, driver.store, driver.docker, on_report, &driver,
                    &driver.engine));
    fetcher.loop = driver.loop;
    fetcher.config = driver.config;
    must(aws_fetcher_new(&fetcher, &driver.fetcher));
    engine_set_aws(driver.engine, driver.fetcher, get_keys, &driver);
    engine_start(driver.engine, on_ready, &driver);
    pthread_create(&reader, NULL, read_stdin, &driver);
    loop_run(driver.loop);
    pthread_join(reader, NULL);
    docker_free(driver.docker);
    aws_fetcher_free(driver.fetcher);
    agent_store_close(driver.store);
    loop_free(driver.loop);
    acs_credentials_free(driver.credentials);
    config_free(driver.config);
    free(env);
    return 0;
}

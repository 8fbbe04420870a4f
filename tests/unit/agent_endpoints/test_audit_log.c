/* Who fetched credentials: AG-309, AG-370, AG-371, AG-908. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/endpoints/audit_log.h"
#include "base/str.h"

#define NOON_MS 1468411200000LL /* 2016-07-13T12:00:00Z */

static char dir[] = "/tmp/berth-audit-XXXXXX";

static char *path_of(const char *name)
{
    return str_printf("%s/%s", dir, name);
}

static void expect_file(const char *name, const char *text)
{
    CLEANUP(str_freep) char *path = path_of(name);
    char got[2048] = "";
    FILE *file = fopen(path, "r");

    if (!file)
        fail_msg("%s is not there", path);
    got[fread(got, 1, sizeof(got) - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(got, text);
}

static const struct audit_entry fetched = {
    .at_ms = NOON_MS,
    .status = 200,
    .peer = "172.17.0.5",
    .peer_port = 52444,
    .path = "/v2/credentials",
    .user_agent = "python-requests/2.7.0 CPython/2.7.6",
    .task_arn = "arn:task",
    .event = "GetCredentials",
};

static void test_lines(void **state)
{
    CLEANUP(str_freep) char *path = path_of("lines.log");
    const struct log_file_options file = {.path = path, .rollover = LOG_ROLLOVER_NONE};
    struct audit_log *log = audit_log_new(&file, "web", "arn:instance");
    struct audit_entry entry = fetched;

    (void)state;
    audit_log_write(log, &entry);
    entry = (struct audit_entry){.at_ms = NOON_MS + 999,
                                 .status = 429,
                                 .peer = "10.0.0.1",
                                 .peer_port = 1,
                                 .path = "/v4",
                                 .user_agent = "a\"\nb"};
    audit_log_write(log, &entry);
    entry.user_agent = NULL;
    entry.event = "GetCredentialsExecutionRole";
    entry.status = 400;
    audit_log_write(log, &entry);
    audit_log_free(log);
    expect_file("lines.log",
                "2016-07-13T12:00:00Z 200 172.17.0.5:52444 \"/v2/credentials\" "
                "\"python-requests/2.7.0 CPython/2.7.6\" arn:task GetCredentials 2 web "
                "arn:instance\n"
                "2016-07-13T12:00:00Z 429 10.0.0.1:1 \"/v4\" \"a??b\" - \n"
                "2016-07-13T12:00:00Z 400 10.0.0.1:1 \"/v4\" \"\" - GetCredentialsExecutionRole 2 "
                "web arn:instance\n");
}

static void test_a_file_that_cannot_be(void **state)
{
    const struct log_file_options file = {.path = "/dev/null/place.log"};
    struct audit_log *log = audit_log_new(&file, "web", "arn:instance");

    (void)state;
    audit_log_write(log, &fetched);
    audit_log_write(log, &fetched);
    audit_log_free(log);
    log = audit_log_new(NULL, "web", "arn:instance"); /* disabled */
    audit_log_write(log, &fetched);
    audit_log_free(log);
    audit_log_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_a_file_that_cannot_be),
    };
    CLEANUP(str_freep) char *clean = NULL;
    int failed;

    if (!mkdtemp(dir))
        return 1;
    failed = cmocka_run_group_tests_name("agent_audit_log", tests, NULL, NULL);
    clean = str_printf("rm -r %s", dir);
    return system(clean) != 0 || failed;
}

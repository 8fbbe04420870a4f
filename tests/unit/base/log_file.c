/* The file of the log: what is put aside, under which name, and how much of it is kept (AG-118 to
 * AG-121, AG-368, AG-369). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/log_file.h"
#include "base/str.h"

#define HOUR_MS 3600000LL
#define BEGIN   (1574000000000LL / HOUR_MS * HOUR_MS) /* 2019-11-17T14 */

struct place {
    char dir[64];
    char *path;
};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    strcpy(place->dir, "/tmp/berth-log-XXXXXX");
    assert_non_null(mkdtemp(place->dir));
    place->path = str_printf("%s/deep/ecs-agent.log", place->dir);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    CLEANUP(str_freep) char *command = str_printf("rm -r %s", place->dir);

    assert_int_equal(system(command), 0);
    free(place->path);
    free(place);
    return 0;
}

static char *read_it(const struct place *place, const char *suffix)
{
    CLEANUP(str_freep) char *path = str_printf("%s%s", place->path, suffix);
    FILE *file = fopen(path, "r");
    char text[4096];
    size_t len;

    if (!file)
        return NULL;
    len = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[len] = '\0';
    return str_dup(text);
}

static void expect(const struct place *place, const char *suffix, const char *text)
{
    CLEANUP(str_freep) char *found = read_it(place, suffix);

    if (!str_eq(found, text))
        fail_msg("'%s' holds '%s', not '%s'", suffix, found ? found : "(none)", text ? text : "");
}

static struct log_file *open_file(const struct place *place, enum log_rollover rollover,
                                  int64_t max_bytes, unsigned kept)
{
    const struct log_file_options options = {place->path, rollover, max_bytes, kept};
    struct log_file *file = NULL;

    assert_null(log_file_open(&options, &file));
    return file;
}

static void hours_pass(void **state)
{
    struct place *place = *state;
    struct log_file *file = open_file(place, LOG_ROLLOVER_HOURLY, 0, 2);
    int64_t now_ms = time(NULL) * 1000LL;
    char hour[32];

    for (int i = 0; i < 5; i++) {
        log_file_add(file, now_ms + i * HOUR_MS, "a\n", 2);
        log_file_add(file, now_ms + i * HOUR_MS, "b\n", 2);
    }
    log_file_close(file);
    expect(place, "", "a\nb\n");
    for (int i = 0; i < 4; i++) {
        time_t at = (time_t)((now_ms + i * HOUR_MS) / 1000);
        struct tm tm;

        gmtime_r(&at, &tm);
        strftime(hour, sizeof(hour), ".%Y-%m-%d-%H", &tm);
        expect(place, hour, i < 2 ? NULL : "a\nb\n"); /* two are kept */
    }
}

static void size(void **state)
{
    struct place *place = *state;
    struct log_file *file = open_file(place, LOG_ROLLOVER_SIZE, 8, 2);

    for (int i = 0; i < 5; i++) {
        CLEANUP(str_freep) char *line = str_printf("%d23456\n", i);

        log_file_add(file, BEGIN, line, strlen(line));
    }
    log_file_close(file);
    expect(place, "", "423456\n");
    expect(place, ".4", "323456\n");
    expect(place, ".3", "223456\n");
    expect(place, ".2", NULL);
    file = open_file(place, LOG_ROLLOVER_SIZE, 8, 2); /* goes on after a restart */
    log_file_add(file, BEGIN, "523456\n", 7);
    log_file_close(file);
    expect(place, "", "523456\n");
    expect(place, ".5", "423456\n");
}

static void all_are_kept(void **state)
{
    struct place *place = *state;
    struct log_file *file = open_file(place, LOG_ROLLOVER_SIZE, 1, 0);

    for (int i = 0; i < 40; i++)
        log_file_add(file, BEGIN, "x\n", 2);
    log_file_close(file);
    expect(place, ".39", "x\n");
    expect(place, ".1", "x\n");
}

static void none(void **state)
{
    struct place *place = *state;
    struct log_file *file = open_file(place, LOG_ROLLOVER_NONE, 1, 1);

    log_file_add(file, BEGIN, "a\n", 2);
    log_file_add(file, BEGIN + 9 * HOUR_MS, "b\n", 2);
    log_file_close(file);
    expect(place, "", "a\nb\n");
}

static void a_file_that_cannot_be(void **state)
{
    struct place *place = *state;
    CLEANUP(str_freep) char *path = str_printf("%s/deep", place->dir);
    const struct log_file_options options = {path, LOG_ROLLOVER_NONE, 0, 0};
    struct log_file *file = NULL;
    CLEANUP(error_freep) struct error *err = NULL;

    assert_int_equal(mkdir(path, 0700), 0);
    err = log_file_open(&options, &file);
    assert_non_null(err);
    assert_null(file);
}

/* AG-369, and the level of the file is its own (ECS_LOGLEVEL_ON_INSTANCE). */
static void lines(void **state)
{
    struct place *place = *state;
    struct log_file *file = open_file(place, LOG_ROLLOVER_NONE, 0, 0);
    CLEANUP(str_freep) char *text = NULL;
    char *json;

    log_configure(LOG_LEVEL_NONE, LOG_FORMAT_ECS_TEXT);
    log_to_file(file, LOG_LEVEL_WARNING);
    log_info("quiet");
    log_warning("said \"so\"", "task", "arn:t/1", "why", "no room", "none", NULL);
    log_configure(LOG_LEVEL_NONE, LOG_FORMAT_ECS_JSON);
    log_error("bad", "n", "1");
    log_to_file(NULL, LOG_LEVEL_NONE);
    log_configure(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    log_file_close(file);

    text = read_it(place, "");
    json = strchr(text, '\n') + 1;
    assert_true(str_starts_with(text, "level=warn time=20"));
    assert_string_equal(strchr(text, 'Z') + 0,
                        strstr(text, "Z msg=\"said \\\"so\\\"\" task=arn:t/1 why=\"no room\" "
                                     "module=log_file.c\n"));
    assert_true(str_starts_with(json, "{\"level\":\"error\",\"time\":\"20"));
    assert_non_null(strstr(json, "Z\",\"msg\":\"bad\",\"n\":\"1\",\"module\":\"log_file.c\"}\n"));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(hours_pass), TEST(size), TEST(none), TEST(all_are_kept), TEST(a_file_that_cannot_be),
        TEST(lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

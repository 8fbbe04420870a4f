/* Directories are made with their parents, for their user only, and nothing else is taken for one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/dir.h"
#include "base/str.h"

struct place {
    char root[32];
    char *parent, *path;
};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    snprintf(place->root, sizeof(place->root), "/tmp/berth-dir-XXXXXX");
    assert_non_null(mkdtemp(place->root));
    place->parent = str_printf("%s/a", place->root);
    place->path = str_printf("%s/b", place->parent);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    rmdir(place->path);
    rmdir(place->parent);
    unlink(place->parent);
    rmdir(place->root);
    free(place->path);
    free(place->parent);
    free(place);
    return 0;
}

static void parents_are_made_and_a_second_time_is_fine(void **state)
{
    const struct place *place = *state;
    struct stat st;

    assert_null(dir_make(place->path));
    assert_null(dir_make(place->path));
    assert_int_equal(stat(place->path, &st), 0);
    assert_int_equal(st.st_mode & 077, 0);
}

static void a_file_in_the_way_is_named(void **state)
{
    const struct place *place = *state;
    CLEANUP(error_freep) struct error *as_parent = NULL;
    CLEANUP(error_freep) struct error *as_itself = NULL;

    assert_int_equal(symlink("/dev/null", place->parent), 0);
    as_parent = dir_make(place->path);
    assert_non_null(as_parent);
    as_itself = dir_make(place->parent);
    assert_non_null(as_itself);
    assert_int_equal(as_itself->code, API_CLIENT);
    assert_true(str_starts_with(as_itself->message, place->parent));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(parents_are_made_and_a_second_time_is_fine, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_file_in_the_way_is_named, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

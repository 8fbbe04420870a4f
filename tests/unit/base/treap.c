/* The trees under the tables, against a sorted array on generated operations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/attributes.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/treap.h"

#define ITEMS 400

struct item {
    struct treap_node node;
    int number;
};

static int cmp(const void *key, const struct treap_node *node)
{
    int wanted = *(const int *)key;
    int found = CONTAINER_OF(node, const struct item, node)->number;

    return (wanted > found) - (wanted < found);
}

static int number_of(const struct treap_node *node)
{
    return node ? CONTAINER_OF(node, const struct item, node)->number : -1;
}

/* What the tree must say of each number, from which are in it. */
static void expect(const struct treap *treap, const bool *is_in)
{
    int last = -1;

    for (int n = 0; n < ITEMS; n++) {
        int after = -1;
        for (int m = n + 1; m < ITEMS && after < 0; m++)
            after = is_in[m] ? m : -1;
        assert_int_equal(number_of(treap_find(treap, &n, cmp)), is_in[n] ? n : -1);
        assert_int_equal(number_of(treap_before(treap, &n, cmp)), last);
        assert_int_equal(number_of(treap_after(treap, &n, cmp)), after);
        if (is_in[n])
            last = n;
    }
    assert_int_equal(number_of(treap_last(treap)), last);
    int before_all = -1;
    assert_int_equal(number_of(treap_first(treap)),
                     number_of(treap_after(treap, &before_all, cmp)));
}

static void it_keeps_order_through_any_operations(void **data)
{
    struct treap treap = {0};
    struct item *items = xcalloc(ITEMS, sizeof(*items));
    bool is_in[ITEMS] = {0};
    uint64_t seed = rng_next(&(struct rng){0});
    struct rng rng = rng_seeded(seed);

    (void)data;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (int i = 0; i < ITEMS; i++)
        items[i].number = i;
    for (int round = 0; round < 20000; round++) {
        int n = (int)rng_below(&rng, ITEMS);
        if (rng_below(&rng, 2)) {
            assert_int_equal(treap_insert(&treap, &n, &items[n].node, cmp), !is_in[n]);
            is_in[n] = true;
        } else {
            assert_int_equal(number_of(treap_remove(&treap, &n, cmp)), is_in[n] ? n : -1);
            is_in[n] = false;
        }
        if (round % 1000 == 0)
            expect(&treap, is_in);
    }
    expect(&treap, is_in);
    free(items);
}

static void another_of_the_same_key_is_refused(void **data)
{
    struct treap treap = {0};
    struct item items[50] = {0};
    struct item other = {.number = 25};

    (void)data;
    for (int i = 0; i < 50; i++) {
        items[i].number = i;
        treap_insert(&treap, &items[i].number, &items[i].node, cmp);
    }
    assert_false(treap_insert(&treap, &other.number, &other.node, cmp));
    assert_ptr_equal(treap_find(&treap, &other.number, cmp), &items[25].node);
}

static int depth(const struct treap_node *node)
{
    int left, right;

    if (!node)
        return 0;
    left = depth(node->child[0]);
    right = depth(node->child[1]);
    return 1 + (left > right ? left : right);
}

/* Ids grow with time, so this is how tables are filled. */
static void it_stays_shallow_when_filled_in_order(void **data)
{
    enum { COUNT = 100000 };
    struct treap treap = {0};
    struct item *items = xcalloc(COUNT, sizeof(*items));

    (void)data;
    for (int i = 0; i < COUNT; i++) {
        items[i].number = i;
        treap_insert(&treap, &items[i].number, &items[i].node, cmp);
    }
    assert_true(depth(treap.root) < 60); /* expected 38, log2 of it 17 */
    free(items);
}

static void count_and_free(struct treap_node *node, void *data)
{
    ++*(int *)data;
    free(CONTAINER_OF(node, struct item, node));
}

static void draining_hands_over_each_node_once(void **data)
{
    struct treap treap = {0};
    int count = 0;

    (void)data;
    for (int i = 0; i < 1000; i++) {
        struct item *item = xcalloc(1, sizeof(*item));
        item->number = (i * 7919) % 1000;
        treap_insert(&treap, &item->number, &item->node, cmp);
    }
    treap_drain(&treap, count_and_free, &count);
    assert_int_equal(count, 1000);
    assert_null(treap.root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_keeps_order_through_any_operations),
        cmocka_unit_test(another_of_the_same_key_is_refused),
        cmocka_unit_test(it_stays_shallow_when_filled_in_order),
        cmocka_unit_test(draining_hands_over_each_node_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* paging.h - pages of a list: how many, from where, and the token of the next (API-057 to API-061).
 *
 * Lists are ordered walks, so a page starts behind the last item of the page before it: what is
 * made or deleted between two pages never repeats an item or loses one that stayed. A token is the
 * key of that last item with a fingerprint of operation, scope and filters; it outlives the server
 * and costs it nothing.
 *
 *     struct page page;
 *     TRY(page_open(call, "ListClusters", NULL, PAGE_ASKED(in), 100, 100, &page));
 *     for (item = first_after(page.after); item; item = next) {
 *         if (page_is_full(&page)) { out->next_token = page_token(&page, key_of(last)); break; }
 *         page.count++ ...
 */
#ifndef BERTH_ECS_PAGING_H
#define BERTH_ECS_PAGING_H

#include "ecs/ecs.h"

struct page {
    size_t limit;      /* items of this page */
    size_t count;      /* put on it so far; page_is_full() compares */
    const char *after; /* key of the last item of the page before; NULL: from the start */
    struct arena *arena;
    uint64_t fingerprint;
};

/* Three arguments of page_open() from a request that pages. */
#define PAGE_ASKED(in) (in)->has_max_results, (in)->max_results, (in)->next_token

/* `filters` is any text that tells the list asked for from others of the operation (arena_printf it
 * from the resolved filters); NULL: none. Refuses sizes outside 1..size_max and tokens that are not
 * of this list. */
MUST_USE struct error *page_open(struct call *call, const char *operation, const char *filters,
                                 bool has_size, int32_t size, const char *token,
                                 int32_t size_default, int32_t size_max, struct page *ret_page);

static inline bool page_is_full(const struct page *page)
{
    return page->count >= page->limit;
}

/* The nextToken that goes on behind `last_key`, in the call's arena. */
const char *page_token(const struct page *page, const char *last_key);

/* For walks by id: `*ret_after` is NULL on the first page, else `id`. Refuses a token whose key is
 * none. */
MUST_USE struct error *page_after_id(const struct page *page, struct id *id,
                                     const struct id **ret_after);
const char *page_token_id(const struct page *page, const struct id *last_id);

#endif

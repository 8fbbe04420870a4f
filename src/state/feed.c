#include "state/feed.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/event_names.h"
#include "core/service.h"
#include "state/txn.h"

/* ---- the ring ---- */

static uint32_t place_before(uint32_t place)
{
    return (place ? place : FEED_ROWS_MAX) - 1;
}

/* NULL: no row was there yet. */
static struct feed_place *find_place(const struct feed *feed, uint32_t place)
{
    struct feed_place *piece = feed->pieces[place / FEED_PIECE_PLACES];

    return piece && piece[place % FEED_PIECE_PLACES].first ? &piece[place % FEED_PIECE_PLACES]
                                                           : NULL;
}

static struct feed_place *place_at(struct feed *feed, uint32_t place)
{
    struct feed_place **piece = &feed->pieces[place / FEED_PIECE_PLACES];

    if (!*piece)
        *piece = xcalloc(FEED_PIECE_PLACES, sizeof(**piece));
    return &(*piece)[place % FEED_PIECE_PLACES];
}

static void fill(struct feed_place *place, const struct feed_row *row, const void *bytes,
                 size_t len)
{
    free(place->bytes);
    *place = (struct feed_place){
        .first = row->first,
        .count = row->entries_count,
        .len = (uint32_t)len,
        .bytes = xmemdup(bytes, len),
    };
}

bool feed_load(struct feed *feed, const struct feed_row *row, const void *bytes, size_t len)
{
    struct feed_place *place;

    if (row->place < 0 || row->place >= FEED_ROWS_MAX)
        return true; /* of a program with a longer ring */
    place = place_at(feed, (uint32_t)row->place);
    if (place->first)
        return false;
    fill(place, row, bytes, len);
    if (row->first + row->entries_count > feed->last + 1) {
        feed->last = row->first + row->entries_count - 1;
        feed->next_place = ((uint32_t)row->place + 1) % FEED_ROWS_MAX;
    }
    return true;
}

void feed_loaded(struct feed *feed)
{
    uint32_t place = place_before(feed->next_place);
    const struct feed_place *found = find_place(feed, place);
    int64_t end = feed->last + 1;

    for (feed->row_count = 0;
         feed->row_count < FEED_ROWS_MAX && found && found->first + found->count == end;
         found = find_place(feed, place)) {
        end = found->first;
        feed->row_count++;
        place = place_before(place);
    }
    feed->last_durable = feed->last;
}

void feed_drop(struct feed *feed)
{
    for (uint32_t i = 0; i < FEED_PIECES; i++) {
        for (uint32_t j = 0; feed->pieces[i] && j < FEED_PIECE_PLACES; j++)
            free(feed->pieces[i][j].bytes);
        free(feed->pieces[i]);
    }
    *feed = (struct feed){0};
}

void feed_durable(struct feed *feed, int64_t last)
{
    if (last > feed->last_durable)
        feed->last_durable = last;
}

/* ---- what a transaction tells ---- */

static struct feed_entry *add(struct feed_row *row, enum feed_kind kind, const char *cluster)
{
    struct feed_entry *entry = feed_row_append_entries(row);

    entry->kind = kind;
    feed_entry_set_cluster(entry, cluster);
    return entry;
}

char feed_container_letter(enum task_status status, enum health_status health)
{
    return (char)('A' + status * HEALTH_COUNT + health);
}

static void add_task(struct feed_row *row, const struct task *task)
{
    struct feed_entry *entry = add(row, FEED_TASK, task->cluster);
    char letters[FEED_CONTAINERS_MAX + 1];
    uint32_t count = 0;

    entry->id = task->id;
    entry->version = task->version;
    entry->has_old_arn = task->has_old_arn;
    entry->last_status = task->last_status;
    entry->desired_status = task->desired_status;
    for (; !id_is_zero(&task->instance) && count < task->containers_count &&
           count < FEED_CONTAINERS_MAX;
         count++)
        letters[count] = feed_container_letter(task->containers[count].last_status,
                                               task->containers[count].health);
    letters[count] = '\0';
    feed_entry_set_containers(entry, letters);
}

/* MS-067 to MS-074: its record changed, or its tasks did, with which what remains of it. */
static void add_instance(struct feed_row *row, const struct container_instance *instance)
{
    struct instance_home *home = instance->home;
    int64_t version = state_instance_version(instance);
    struct feed_entry *entry;

    if (version == home->told_version)
        return;
    home->told_version = version;
    entry = add(row, FEED_INSTANCE, instance->cluster);
    entry->id = instance->id;
    entry->version = version;
    entry->has_old_arn = instance->has_old_arn;
    entry->instance_status = instance->status;
    entry->is_connected = home->is_connected;
    entry->cpu = instance->cpu - home->counts.cpu_held;
    entry->memory = instance->memory - home->counts.memory_held;
    entry->tasks_running = home->counts.tasks_running;
    entry->tasks_pending = home->counts.tasks_pending;
}

static void add_instance_of(struct feed_row *row, const struct task *task)
{
    const struct container_instance *instance =
        id_is_zero(&task->instance) ? NULL : instance_find(task->home, &task->instance);

    if (instance)
        add_instance(row, instance);
}

static struct feed_entry *add_service(struct feed_row *row, const struct service *service,
                                      enum event_name name)
{
    struct feed_entry *entry = add(row, FEED_SERVICE, service->cluster);

    feed_entry_set_service(entry, service->name);
    entry->has_old_arn = service->has_old_arn;
    entry->name = name;
    return entry;
}

/* MS-104: a deployment begins when it is the PRIMARY one and IN_PROGRESS. */
static void add_begun_deployment(struct feed_row *row, const struct txn_entry *changed)
{
    const struct service *service = changed->record;
    const struct deployment *primary = service_primary(service);
    struct before now = {0};
    struct feed_entry *entry;

    service_table.look(service, &now);
    if (!now.rolling || (changed->before.is_counted && changed->before.rolling == now.rolling))
        return;
    entry = add_service(row, service, EVENT_SERVICE_DEPLOYMENT_IN_PROGRESS);
    feed_entry_set_deployment(entry, primary->id);
    feed_entry_set_reason(entry, primary->rollout_state_reason);
}

/* MS-099: what the scheduler works out, not what somebody asks for: how many hosts a DAEMON has,
 * and a task set's share of a service that was scaled. */
static void add_worked_out_count(struct feed_row *row, const struct txn_entry *changed)
{
    const struct service *service = changed->record;

    if (service->strategy == STRATEGY_DAEMON && service->status == SERVICE_ACTIVE &&
        changed->before.is_counted && changed->before.desired_count != service->desired_count)
        add_service(row, service, EVENT_SERVICE_DESIRED_COUNT_UPDATED);
}

static void add_worked_out_share(struct feed_row *row, const struct txn_entry *changed)
{
    const struct task_set *set = changed->record;
    const struct service_home *home = set->home;
    struct before now = {0};

    task_set_table.look(set, &now);
    if (home->service && set->status != TASK_SET_DRAINING && changed->before.is_counted &&
        changed->before.desired_count != now.desired_count && changed->before.scale == now.scale)
        add_service(row, home->service, EVENT_SERVICE_DESIRED_COUNT_UPDATED);
}

static void add_occurrence(struct feed_row *row, const struct service_event *event)
{
    const struct service_home *home = event->home;
    struct feed_entry *entry;

    if (!home->service || !event_facts(event->name).type ||
        event->name == EVENT_SERVICE_DEPLOYMENT_IN_PROGRESS) /* that is seen on the service */
        return;
    entry = add_service(row, home->service, event->name);
    feed_entry_set_deployment(entry, event->deployment);
    feed_entry_set_reason(entry, event->reason);
    if (event->name != EVENT_SERVICE_STEADY_STATE || !home->counted_provider_count)
        return;
    entry = add_service(row, home->service, EVENT_CAPACITY_PROVIDER_STEADY_STATE);
    feed_entry_set_providers(entry, home->counted_providers, home->counted_provider_count);
}

static void add_entry(struct feed_row *row, const struct txn_entry *changed)
{
    if (changed->is_removed)
        return;
    switch (changed->table->kind) {
    case RECORD_TASK: {
        const struct task *task = changed->record;

        if (!changed->before.is_counted || changed->before.version != task->version)
            add_task(row, task);
        add_instance_of(row, task);
        break;
    }
    case RECORD_CONTAINER_INSTANCE:
        add_instance(row, changed->record);
        break;
    case RECORD_SERVICE:
        add_worked_out_count(row, changed);
        add_begun_deployment(row, changed);
        break;
    case RECORD_TASK_SET:
        add_worked_out_share(row, changed);
        break;
    case RECORD_SERVICE_EVENT:
        add_occurrence(row, changed->record);
        break;
    default:
        break;
    }
}

/* A deployment that begins comes after what ended the one before it. */
static void add_entries(struct feed_row *row, const struct txn *txn)
{
    for (size_t i = 0; i < txn->count; i++)
        if (txn->entries[i].table->kind != RECORD_SERVICE)
            add_entry(row, &txn->entries[i]);
    for (size_t i = 0; i < txn->count; i++)
        if (txn->entries[i].table->kind == RECORD_SERVICE)
            add_entry(row, &txn->entries[i]);
}

int64_t feed_put(const struct txn *txn, struct buf *key, struct buf *value)
{
    struct feed_row *row;
    struct feed *feed;

    if (!txn->scope)
        return 0;
    feed = &txn->scope->feed;
    row = feed_row_new();
    add_entries(row, txn);
    if (row->entries_count == 0) {
        feed_row_free(row);
        return 0;
    }
    row->place = (int32_t)feed->next_place;
    row->first = feed->last + 1;
    row->at_ms = clock_wall_ms(txn->state->clock);
    buf_clear(key);
    feed_row_key(row, &txn->scope->scope, key);
    buf_clear(value);
    feed_row_encode(row, value);
    journal_put(txn->state->journal, key, value);
    fill(place_at(feed, feed->next_place), row, value->data, value->len);
    feed->next_place = (feed->next_place + 1) % FEED_ROWS_MAX;
    feed->last += row->entries_count;
    if (feed->row_count < FEED_ROWS_MAX)
        feed->row_count++;
    feed_row_free(row);
    return feed->last;
}

/* ---- reading ---- */

static struct feed *feed_of(const struct scope *scope)
{
    return &scope_home_of(scope)->feed;
}

/* The `nth` row, the oldest being 0. */
static const struct feed_place *row_at(const struct feed *feed, uint32_t nth)
{
    return find_place(feed,
                      (feed->next_place + FEED_ROWS_MAX - feed->row_count + nth) % FEED_ROWS_MAX);
}

int64_t state_feed_first(struct state *state, const struct scope *scope)
{
    const struct feed *feed = feed_of(scope);

    (void)state;
    return feed->row_count ? row_at(feed, 0)->first : feed->last + 1;
}

int64_t state_feed_last(struct state *state, const struct scope *scope)
{
    (void)state;
    return feed_of(scope)->last_durable;
}

struct feed_row *state_feed_row(struct state *state, const struct scope *scope, int64_t number)
{
    const struct feed *feed = feed_of(scope);
    uint32_t low = 0, high = feed->row_count;
    struct feed_row *row = NULL;
    struct error *err;

    if (number < state_feed_first(state, scope) || number > feed->last_durable)
        return NULL;
    while (high - low > 1) { /* the last row that does not begin behind it */
        uint32_t mid = low + (high - low) / 2;

        if (row_at(feed, mid)->first <= number)
            low = mid;
        else
            high = mid;
    }
    err = feed_row_decode(row_at(feed, low)->bytes, row_at(feed, low)->len, &row);
    assert(!err); /* we wrote it, or read it once before */
    return row;
}

/* ---- the table: rows are only loaded by it ---- */

static bool attach(struct state *state, struct scope_home *scope, void *record)
{
    CLEANUP(buf_done) struct buf bytes = {0};

    (void)state;
    feed_row_encode(record, &bytes);
    if (!feed_load(&scope->feed, record, bytes.data, bytes.len))
        return false;
    feed_row_free(record);
    return true;
}

static void detach(struct state *state, void *record, const struct before *before)
{
    (void)state;
    (void)record;
    (void)before;
    assert(!"rows are replaced, not deleted");
}

static void release(void *record)
{
    feed_row_free(record);
}

const struct table feed_row_table = {
    .kind = RECORD_FEED_ROW,
    .change = CHANGE_KIND_COUNT,
    .attach = attach,
    .look = look_at_nothing,
    .follow = follow_nothing,
    .detach = detach,
    .release = release,
};

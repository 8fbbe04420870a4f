#include "core/capacity.h"

#include <assert.h>
#include <string.h>

#include "base/attributes.h"
#include "base/id.h"

static const unsigned next_statuses[CLUSTER_COUNT] = {
    [CLUSTER_PROVISIONING] = BIT(CLUSTER_ACTIVE) | BIT(CLUSTER_FAILED),
    [CLUSTER_ACTIVE] = BIT(CLUSTER_DEPROVISIONING) | BIT(CLUSTER_INACTIVE),
    [CLUSTER_FAILED] = BIT(CLUSTER_ACTIVE) | BIT(CLUSTER_DEPROVISIONING) | BIT(CLUSTER_INACTIVE),
    [CLUSTER_DEPROVISIONING] = BIT(CLUSTER_INACTIVE),
    [CLUSTER_INACTIVE] = BIT(CLUSTER_ACTIVE) | BIT(CLUSTER_PROVISIONING),
};

bool cluster_status_may_follow(enum cluster_status from, enum cluster_status to)
{
    return from == to || (next_statuses[from] & BIT(to));
}

void cluster_move(struct cluster *cluster, enum cluster_status to)
{
    assert(cluster_status_may_follow(cluster->status, to));
    cluster->status = to;
}

/* A new record is ACTIVE, which is where enums begin; it has been nothing yet. */
void cluster_begin(struct cluster *cluster)
{
    cluster->status = CLUSTER_INACTIVE;
    cluster_move(cluster, cluster_is_changing(cluster) ? CLUSTER_PROVISIONING : CLUSTER_ACTIVE);
}

void cluster_end(struct cluster *cluster)
{
    cluster_move(cluster, cluster_is_changing(cluster) ? CLUSTER_DEPROVISIONING : CLUSTER_INACTIVE);
}

bool cluster_is_open(const struct cluster *cluster)
{
    return cluster->status != CLUSTER_INACTIVE && cluster->status != CLUSTER_DEPROVISIONING;
}

bool cluster_is_changing(const struct cluster *cluster)
{
    return cluster->attachments_status == ATTACHMENTS_UPDATE_IN_PROGRESS;
}

/* ---- attachments ---- */

static bool is_among(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static bool has_attachment(const struct cluster *cluster, const char *provider)
{
    for (uint32_t i = 0; i < cluster->attachments_count; i++)
        if (strcmp(cluster->attachments[i].provider, provider) == 0 &&
            cluster->attachments[i].status != ATTACHMENT_DELETING)
            return true;
    return false;
}

bool cluster_want_attachments(struct cluster *cluster, const char *const *managed, size_t count,
                              struct rng *rng, int64_t now_ms)
{
    bool is_change = false;

    for (uint32_t i = 0; i < cluster->attachments_count; i++) {
        struct cluster_attachment *attachment = &cluster->attachments[i];

        if (attachment->status != ATTACHMENT_DELETING &&
            !is_among(managed, count, attachment->provider)) {
            attachment->status = ATTACHMENT_DELETING;
            is_change = true;
        }
    }
    for (size_t i = 0; i < count; i++) {
        struct cluster_attachment *attachment;

        if (has_attachment(cluster, managed[i]))
            continue;
        attachment = cluster_append_attachments(cluster);
        attachment->id = id_new(rng, now_ms);
        attachment->plan = id_new(rng, now_ms);
        attachment->status = ATTACHMENT_PRECREATED;
        cluster_attachment_set_provider(attachment, managed[i]);
        is_change = true;
    }
    if (is_change)
        cluster->attachments_status = ATTACHMENTS_UPDATE_IN_PROGRESS;
    return is_change;
}

bool cluster_needs_settling(const struct cluster *cluster)
{
    return cluster_is_changing(cluster) || cluster->status == CLUSTER_PROVISIONING ||
           cluster->status == CLUSTER_DEPROVISIONING;
}

void cluster_settle(struct cluster *cluster)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < cluster->attachments_count; i++) {
        struct cluster_attachment *attachment = &cluster->attachments[i];

        if (attachment->status == ATTACHMENT_DELETING)
            continue;
        attachment->status = ATTACHMENT_CREATED;
        if (kept != i) {
            struct cluster_attachment gone = cluster->attachments[kept];

            cluster->attachments[kept] = *attachment;
            *attachment = gone; /* freed with the others behind the last that is kept */
        }
        kept++;
    }
    cluster_resize_attachments(cluster, kept);
    if (cluster_is_changing(cluster))
        cluster->attachments_status = ATTACHMENTS_UPDATE_COMPLETE;
    if (cluster->status == CLUSTER_PROVISIONING)
        cluster_move(cluster, CLUSTER_ACTIVE);
    if (cluster->status == CLUSTER_DEPROVISIONING)
        cluster_move(cluster, CLUSTER_INACTIVE);
}

/* ---- providers ---- */

bool provider_needs_settling(const struct capacity_provider *provider)
{
    return provider->update == PROVIDER_UPDATE_UPDATE_IN_PROGRESS ||
           provider->update == PROVIDER_UPDATE_DELETE_IN_PROGRESS;
}

void provider_settle(struct capacity_provider *provider, int64_t now_ms)
{
    if (provider->update == PROVIDER_UPDATE_UPDATE_IN_PROGRESS) {
        provider->update = PROVIDER_UPDATE_UPDATE_COMPLETE;
    } else if (provider->update == PROVIDER_UPDATE_DELETE_IN_PROGRESS) {
        provider->update = PROVIDER_UPDATE_DELETE_COMPLETE;
        provider->status = PROVIDER_INACTIVE;
        provider->deleted_at_ms = now_ms;
        capacity_provider_resize_tags(provider, 0); /* API-041 */
    }
}

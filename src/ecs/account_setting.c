#include "ecs/account_setting.h"

#include <string.h>

#include "core/payload.h"
#include "ecs/auth.h"
#include "ecs/names.h"
#include "ecs/paging.h"
#include "gen/ecs_handlers.h"

#define SETTINGS_PER_PAGE 10 /* API-058 */

/* ---- the settings there are ---- */

static const char *const on_off[] = {"enabled", "disabled", NULL};
static const char *const insights[] = {"enabled", "disabled", "enhanced", NULL};
static const char *const authorization[] = {"on", "off", NULL};
static const char *const days[] = {"0", "7", "14", NULL};
static const char *const log_modes[] = {LOG_MODE_BLOCKING, LOG_MODE_NON_BLOCKING, NULL};

/* In the order of their names, in which they are listed. */
static const struct spec {
    enum ecs_setting_name name;
    const char *const *values; /* NULL: ECS's own, to be read only */
    const char *built_in;      /* CL-236 */
} specs[] = {
    {ECS_SETTING_NAME_AWSVPC_TRUNKING, on_off, "disabled"},
    {ECS_SETTING_NAME_CONTAINER_INSIGHTS, insights, "disabled"},
    {ECS_SETTING_NAME_CONTAINER_INSTANCE_LONG_ARN_FORMAT, on_off, "enabled"},
    {ECS_SETTING_NAME_DEFAULT_LOG_DRIVER_MODE, log_modes, LOG_MODE_NON_BLOCKING},
    {ECS_SETTING_NAME_FARGATE_EVENT_WINDOWS, on_off, "disabled"},
    {ECS_SETTING_NAME_FARGATE_FIPS_MODE, on_off, "disabled"},
    {ECS_SETTING_NAME_FARGATE_TASK_RETIREMENT_WAIT_PERIOD, days, "7"},
    {ECS_SETTING_NAME_GUARD_DUTY_ACTIVATE, NULL, "off"},
    {ECS_SETTING_NAME_SERVICE_LONG_ARN_FORMAT, on_off, "enabled"},
    {ECS_SETTING_NAME_TAG_RESOURCE_AUTHORIZATION, authorization, "on"},
    {ECS_SETTING_NAME_TASK_LONG_ARN_FORMAT, on_off, "enabled"},
};

static const struct spec *spec_of(enum ecs_setting_name name)
{
    for (size_t i = 0; i < ARRAY_LEN(specs); i++)
        if (specs[i].name == name)
            return &specs[i];
    return NULL;
}

/* ---- values in force ---- */

static const char *root_arn(struct call *call)
{
    return arena_printf(call->arena, "arn:aws:iam::%s:root", call->account);
}

/* NULL: the principal has none of its own. */
static const char *own_value(struct call *call, const char *principal, enum ecs_setting_name name)
{
    const struct account_setting *setting = state_account_setting(
        ecs_of(call)->state, call_scope(call), principal, ecs_setting_name_name(name));

    return setting ? setting->value : NULL;
}

static const char *value_for(struct call *call, const char *principal, const struct spec *spec)
{
    const char *value = own_value(call, principal, spec->name);

    if (!value)
        value = own_value(call, root_arn(call), spec->name);
    return value ? value : spec->built_in;
}

const char *account_setting_for_caller(struct call *call, enum ecs_setting_name name)
{
    return value_for(call, call_principal_arn(call), spec_of(name));
}

struct error *account_setting_arn_format(struct call *call, enum ecs_setting_name name,
                                         const char *what, const struct ecs_tags *tags,
                                         bool *ret_is_short)
{
    *ret_is_short = strcmp(account_setting_for_caller(call, name), "disabled") == 0;
    if (*ret_is_short && tags->count > 0)
        return error_new(API_INVALID_PARAMETER,
                         "The new ARN and resource ID format must be enabled to add tags to the "
                         "%s. Opt in to the new format and try again.",
                         what);
    return NULL;
}

struct error *account_setting_check_tagging(bool has_old_arn, enum ecs_propagate_tags propagates,
                                            bool wants_managed_tags)
{
    bool is_propagating =
        propagates != ECS_PROPAGATE_TAGS_UNSET && propagates != ECS_PROPAGATE_TAGS_NONE;

    if (has_old_arn && (is_propagating || wants_managed_tags))
        return error_new(API_INVALID_PARAMETER,
                         "The new ARN and resource ID format must be enabled to %s. Opt in to the "
                         "new format and try again.",
                         is_propagating ? "propagate tags" : "work with ECS managed tags");
    return NULL;
}

/* ---- what requests say ---- */

/* CL-227: a user, a role or the root of the account; who calls if none is named. */
static struct error *read_principal(struct call *call, const char *text, const char **ret_principal)
{
    struct arn arn;

    *ret_principal = call_principal_arn(call);
    if (str_is_empty(text))
        return NULL;
    if (!arn_parse(call->arena, text, &arn) || strcmp(arn.service, "iam") != 0 ||
        (strcmp(arn.resource, "root") != 0 &&
         ((strcmp(arn.type, "user") != 0 && strcmp(arn.type, "role") != 0) || !*arn.rest)))
        return error_new(API_INVALID_PARAMETER,
                         "principalArn must be the ARN of a user, a role or the root user of the "
                         "account, but was %.256s",
                         text);
    if (strcmp(arn.account, call->account) != 0)
        return error_new(API_INVALID_PARAMETER, "Identifier is for %.64s. Your accountId is %s",
                         arn.account, call->account);
    *ret_principal = text;
    return NULL;
}

static struct error *check_value(enum ecs_setting_name name, const char *value)
{
    CLEANUP(buf_done) struct buf allowed = {0};
    const struct spec *spec = spec_of(name);

    if (!spec->values)
        return error_new(API_INVALID_PARAMETER, "The account setting %s cannot be changed.",
                         ecs_setting_name_name(name));
    for (size_t i = 0; spec->values[i]; i++) {
        if (str_eq(spec->values[i], value))
            return NULL;
        buf_printf(&allowed, "%s%s", i ? ", " : "", spec->values[i]);
    }
    return error_new(API_INVALID_PARAMETER,
                     "The value %.64s of the account setting %s is invalid. Valid values: %s.",
                     value ? value : "", ecs_setting_name_name(name), allowed.data);
}

static void answer(const struct spec *spec, const char *principal, const char *value,
                   struct ecs_setting *ret)
{
    *ret = (struct ecs_setting){
        .name = spec->name,
        .value = value,
        .principal_arn = principal,
        .type = spec->values ? ECS_SETTING_TYPE_USER : ECS_SETTING_TYPE_AWS_MANAGED,
    };
}

/* ---- PutAccountSetting, PutAccountSettingDefault, DeleteAccountSetting ---- */

static struct ecs_setting *put(struct call *call, const char *principal, enum ecs_setting_name name,
                               const char *value)
{
    struct ecs_setting *shown = ARENA_NEW(call->arena, struct ecs_setting);
    struct account_setting *setting = account_setting_new();

    account_setting_set_principal(setting, principal);
    account_setting_set_name(setting, ecs_setting_name_name(name));
    account_setting_set_value(setting, value);
    txn_put_account_setting(call->txn, setting);
    answer(spec_of(name), principal, value, shown);
    return shown;
}

struct error *api_put_account_setting(struct call *call,
                                      const struct ecs_put_account_setting_request *in,
                                      struct ecs_put_account_setting_response *out)
{
    const char *principal;

    TRY(call_authorize(call, "ecs:PutAccountSetting", "*"));
    TRY(read_principal(call, in->principal_arn, &principal));
    TRY(check_value(in->name, in->value));
    out->setting = put(call, principal, in->name, in->value);
    return NULL;
}

struct error *
api_put_account_setting_default(struct call *call,
                                const struct ecs_put_account_setting_default_request *in,
                                struct ecs_put_account_setting_default_response *out)
{
    TRY(call_authorize(call, "ecs:PutAccountSettingDefault", "*"));
    TRY(check_value(in->name, in->value));
    out->setting = put(call, root_arn(call), in->name, in->value);
    return NULL;
}

/* DeleteAccountSetting: the default applies again (CL-228); without a value of the principal's own
 * it did all along. */
struct error *api_delete_account_setting(struct call *call,
                                         const struct ecs_delete_account_setting_request *in,
                                         struct ecs_delete_account_setting_response *out)
{
    const struct account_setting *setting;
    const char *principal;

    TRY(call_authorize(call, "ecs:DeleteAccountSetting", "*"));
    TRY(read_principal(call, in->principal_arn, &principal));
    setting = state_account_setting(ecs_of(call)->state, call_scope(call), principal,
                                    ecs_setting_name_name(in->name));
    out->setting = ARENA_NEW(call->arena, struct ecs_setting);
    answer(spec_of(in->name), principal,
           arena_dup(call->arena, value_for(call, principal, spec_of(in->name))), out->setting);
    if (setting)
        txn_delete_account_setting(call->txn, setting);
    return NULL;
}

/* ---- ListAccountSettings ---- */

static struct error *check_list(const struct ecs_list_account_settings_request *in)
{
    if (in->value && in->name == ECS_SETTING_NAME_UNSET)
        return error_new(API_INVALID_PARAMETER,
                         "A setting name must be specified when a value is.");
    return NULL;
}

/* ListAccountSettings: the principal's own values, or with effectiveSettings those in force for it
 * (CL-226). */
struct error *api_list_account_settings(struct call *call,
                                        const struct ecs_list_account_settings_request *in,
                                        struct ecs_list_account_settings_response *out)
{
    const char *principal = NULL;
    const char *last = NULL;
    struct page page;

    TRY(call_authorize(call, "ecs:ListAccountSettings", "*"));
    TRY(read_principal(call, in->principal_arn, &principal));
    TRY(check_list(in));
    TRY(page_open(call, "ListAccountSettings",
                  arena_printf(call->arena, "%s/%d/%d/%s", principal, (int)in->name,
                               (int)in->effective_settings, in->value ? in->value : ""),
                  PAGE_ASKED(in), SETTINGS_PER_PAGE, SETTINGS_PER_PAGE, &page));
    SET_LIST(call->arena, &out->settings, page.limit);
    out->settings.count = 0;
    for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
        const char *name = ecs_setting_name_name(specs[i].name);
        const char *value = in->effective_settings ? value_for(call, principal, &specs[i])
                                                   : own_value(call, principal, specs[i].name);

        if (!value || (in->name && in->name != specs[i].name) ||
            (in->value && strcmp(in->value, value) != 0) ||
            (page.after && strcmp(name, page.after) <= 0))
            continue;
        if (page_is_full(&page)) {
            out->next_token = page_token(&page, last);
            return NULL;
        }
        answer(&specs[i], principal, value, &out->settings.items[page.count++]);
        out->settings.count = page.count;
        last = name;
    }
    return NULL;
}

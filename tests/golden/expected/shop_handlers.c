/* Made by tools/gen_api.py from api/shop.json. */
#include "gen/shop_handlers.h"

#include "gen/shop_shapes.h"

static struct error *run_order(struct call *call, const void *in, void *out)
{
    return shop_api_order(call, in, out);
}

static struct error *run_take_stock(struct call *call, const void *in, void *out, struct flow **ret_flow)
{
    return shop_api_take_stock(call, in, out, ret_flow);
}

static const enum api_error errors_order[] = {
    API_CLIENT,
    API_OUT_OF_STOCK,
    API_SERVER,
};

static const enum api_error errors_take_stock[] = {
    API_SERVER,
};

static const struct operation operations[] = {
    {
        .name = "Order",
        .in = &shop_shapes[SHOP_SHAPE_ORDER_REQUEST],
        .out = &shop_shapes[SHOP_SHAPE_ORDER_RESPONSE],
        .now = run_order,
        .errors = errors_order,
        .error_count = 3,
        .action = "shop:Order",
        .resource_type = "shelf",
    },
    {
        .name = "Refund",
        .in = &shop_shapes[SHOP_SHAPE_ORDER_REQUEST],
        .out = &shop_shapes[SHOP_SHAPE_ORDER_RESPONSE],
        .errors = errors_order,
        .error_count = 3,
        .action = "shop:Refund",
        .is_agent_only = true,
    },
    {
        .name = "TakeStock",
        .in = &shop_shapes[SHOP_SHAPE_TAKE_STOCK_REQUEST],
        .out = &shop_shapes[SHOP_SHAPE_ORDER_RESPONSE],
        .flow = run_take_stock,
        .deadline_ms = 5000,
        .errors = errors_take_stock,
        .error_count = 1,
        .action = "shop:TakeStock",
    },
};

const struct operation_table shop_operations = {
    .target = "Shop_20261120",
    .signing_name = "shop",
    .operations = operations,
    .count = 3,
};

/* Made by tools/gen_api.py from api/shop.json. What handlers may do: wire/call.h. */
#ifndef BERTH_GEN_SHOP_HANDLERS_H
#define BERTH_GEN_SHOP_HANDLERS_H

#include "gen/shop_types.h"
#include "wire/dispatch.h"

extern const struct operation_table shop_operations;

struct error *shop_api_order(struct call *call, const struct shop_order_request *in,
        struct shop_order_response *out);
/* Refund is not built yet. */
struct error *shop_api_refund(struct call *call, const struct shop_order_request *in,
        struct shop_order_response *out);
struct error *shop_api_take_stock(struct call *call, const struct shop_take_stock_request *in,
        struct shop_order_response *out, struct flow **ret_flow);

#endif

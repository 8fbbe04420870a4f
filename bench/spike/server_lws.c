/* server_lws.c - libwebsockets on libuv for everything, on one port. server_lws PORT [CERT KEY] */
#include <stdio.h>
#include <stdlib.h>

#include "lws_common.h"

int main(int argc, char **argv)
{
    uv_loop_t *loop = uv_default_loop();

    spike_raise_limits();
    cache = sigv4_cache_new();
    commits_init(&commits, loop, release_lws);
    if (!make_lws(loop, argc > 1 ? atoi(argv[1]) : 7901, argc > 3 ? argv[2] : NULL,
                  argc > 3 ? argv[3] : NULL))
        return 1;
    return uv_run(loop, UV_RUN_DEFAULT);
}

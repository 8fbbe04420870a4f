/* ws_frame.h - WebSocket frames (RFC 6455): reading them into whole messages, and writing them.
 * Pure.
 *
 * Serves both sides: a server reads masked frames and writes plain ones, a client the other way
 * round.
 */
#ifndef BERTH_NET_WS_FRAME_H
#define BERTH_NET_WS_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum ws_opcode {
    WS_OP_CONTINUATION = 0,
    WS_OP_TEXT = 1,
    WS_OP_BINARY = 2,
    WS_OP_CLOSE = 8,
    WS_OP_PING = 9,
    WS_OP_PONG = 10,
};

enum ws_close_code {
    WS_CLOSE_NORMAL = 1000,
    WS_CLOSE_GOING_AWAY = 1001,
    WS_CLOSE_PROTOCOL = 1002,
    WS_CLOSE_UNSUPPORTED = 1003,
    WS_CLOSE_NO_CODE = 1005,  /* never sent: the peer's close frame had none */
    WS_CLOSE_ABNORMAL = 1006, /* never sent: there was no close frame */
    WS_CLOSE_NOT_UTF8 = 1007,
    WS_CLOSE_TOO_BIG = 1009,
    WS_CLOSE_TRY_LATER = 1013,
};

/* Appends one final frame. `mask` NULL: not masked. */
void ws_frame_add(struct buf *out, enum ws_opcode opcode, const uint8_t mask[4], const char *bytes,
                  size_t len);
/* Appends a close frame. `reason` is cut to the 123 bytes that fit; NULL: none. */
void ws_frame_add_close(struct buf *out, const uint8_t mask[4], int code, const char *reason);

enum ws_event {
    WS_EVENT_NONE,    /* wants more bytes */
    WS_EVENT_MESSAGE, /* a whole text message */
    WS_EVENT_PING,    /* to be answered with a pong of the same bytes */
    WS_EVENT_PONG,
    WS_EVENT_CLOSE, /* close_code and bytes: the reason */
    WS_EVENT_ERROR, /* close_code to fail the connection with; nothing can be read after it */
};

/* Turns bytes into events. A zeroed struct but for its settings is at the start. */
struct ws_reader {
    bool wants_masked; /* setting: true in a server */
    size_t bytes_max;  /* setting: of one message */

    char *in; /* what is being read: the caller's bytes or `pending` */
    size_t in_len, in_used;
    struct buf pending; /* the start of a frame that is not all there */
    struct buf message; /* fragments so far */
    bool is_in_message, is_message_done;

    const char *bytes; /* of the event; lent until the next call */
    size_t len;
    int close_code;
};

/* Takes in bytes, which are unmasked in place; read the events until NONE before the next feed. */
void ws_reader_feed(struct ws_reader *reader, char *bytes, size_t len);
enum ws_event ws_reader_next(struct ws_reader *reader);
void ws_reader_done(struct ws_reader *reader);

/* Sec-WebSocket-Accept for a Sec-WebSocket-Key. */
#define WS_ACCEPT_SIZE 29
void ws_accept_key(const char *key, size_t len, char ret[WS_ACCEPT_SIZE]);

bool utf8_is_valid(const char *text, size_t len);

#endif

/* Docker's answers and streams, whatever they are: the first byte picks the reader. */
#include <stdint.h>
#include <string.h>

#include "agent/docker/docker_lines.h"
#include "agent/docker/docker_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_line(const char *line, size_t len, void *data)
{
    struct docker_event event;
    struct docker_pull_line pull;

    error_free(docker_read_event(data, line, len, &event));
    error_free(docker_read_pull_line(data, line, len, &pull));
}

static void read_stream(struct arena *arena, const char *text, size_t len)
{
    struct docker_lines lines = {0};
    size_t half = len / 2;

    if (docker_lines_feed(&lines, text, half, read_line, arena))
        (void)docker_lines_feed(&lines, text + half, len - half, read_line, arena);
    docker_lines_done(&lines);
}

static struct error *read_answer(struct arena *arena, uint8_t which, const char *text, size_t len)
{
    union {
        struct docker_container container;
        struct docker_image image;
        struct docker_volume volume;
        struct docker_version version;
        struct docker_info info;
        struct docker_exec exec;
        const char *id;
    } out;
    struct docker_container *items;
    struct docker_image *images;
    size_t count;
    bool is_name_taken;

    switch (which) {
    case 'c':
        return docker_read_container(arena, text, len, &out.container);
    case 'l':
        return docker_read_list(arena, text, len, &items, &count);
    case 'i':
        return docker_read_image(arena, text, len, &out.image);
    case 'I':
        return docker_read_images(arena, text, len, &images, &count);
    case 'D':
        return docker_read_digest(arena, text, len, &out.id);
    case 'v':
        return docker_read_volume(arena, text, len, &out.volume);
    case 'n':
        return docker_read_version(arena, text, len, &out.version);
    case 'o':
        return docker_read_info(arena, text, len, &out.info);
    case 'd':
        return docker_read_created(arena, text, len, &out.id);
    case 'x':
        return docker_read_exec(text, len, &out.exec);
    case 'r':
        (void)docker_read_refusal(arena, text, len, &is_name_taken);
        return NULL;
    default:
        read_stream(arena, text, len);
        return NULL;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};

    if (size > 0)
        error_free(read_answer(&arena, data[0], (const char *)data + 1, size - 1));
    arena_done(&arena);
    return 0;
}

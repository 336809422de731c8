/* Messages of the terminal protocol to the terminal: unpacking is bounded, and what was unpacked
 * packs into bytes that unpack and pack into the same bytes again. */
#include "base/base.h"
#include "wire/wire.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct buf first, again;
    pb_to_terminal *m = NULL;
    const char *why = NULL;
    size_t head = 0, len = 0;
    if (frame_peek(data, size, &head, &len) == 0)
        CHECK(head >= 1 && head <= FRAME_HEAD_MAX && len >= 1 && len <= size - head);
    arena_init(&a, 0);
    buf_init(&first, 2 * FRAME_MAX);
    buf_init(&again, 2 * FRAME_MAX);
    int err = frame_get_to_terminal(data, size, &a, &m, &why);
    CHECK(err == 0 || (err == OC_EPARSE && why) || (err == OC_ENOTSUP && why));
    CHECK(a.used <= FRAME_MEMORY_MAX);
    if (err == 0) {
        CHECK(frame_to_terminal_name(m)[0] != '\0');
        frame_put_to_terminal(&first, m);
    }
    /* Packed numbers may have come unpacked or in longer varints: the first packing is the measure.
     */
    if (err == 0 && !first.err && frame_peek(first.data, first.len, &head, &len) == 0) {
        CHECK(head + len == first.len);
        err = frame_get_to_terminal(first.data + head, len, &a, &m, NULL);
        CHECK(err == 0);
        frame_put_to_terminal(&again, m);
        CHECK(again.len == first.len && memcmp(again.data, first.data, first.len) == 0);
    }
    buf_fini(&again);
    buf_fini(&first);
    arena_fini(&a);
    return 0;
}

/* Frames in: bytes of a stream become whole messages, one at a time. An idle connection keeps a
 * small buffer; a large message gets room for as long as it is there. Messages may carry a PIN or a
 * token: each is wiped when its reader has done with it, and so is every place bytes were moved
 * from. */
#include "serve/session.h"

#include <stdlib.h>
#include <string.h>

#define IN_KEPT 1024 /* bytes of an idle connection's buffer */

static int inflow_room(struct inflow *in, size_t need)
{
    if (in->at > 0) {
        memmove(in->data, in->data + in->at, in->len - in->at);
        in->len -= in->at;
        secret_wipe(in->data + in->len, in->at);
        in->at = 0;
    }
    size_t cap = need > IN_KEPT ? need : IN_KEPT;
    if (in->cap >= need && (in->cap == cap || in->len > IN_KEPT))
        return 0;
    uint8_t *data = malloc(cap);
    if (!data)
        return OC_ENOMEM;
    if (in->data) {
        memcpy(data, in->data, in->len);
        secret_wipe(in->data, in->len);
        free(in->data);
    }
    in->data = data;
    in->cap = cap;
    return 0;
}

int inflow_co_next(struct inflow *in, const uint8_t **ret, size_t *ret_len, int64_t deadline_ns)
{
    if (in->given > 0)
        secret_wipe(in->data + in->at - in->given, in->given);
    in->given = 0;
    for (;;) {
        size_t head = 0, len = 0, got = 0;
        int rc = OC_EBUSY;
        if (in->len > in->at)
            rc = frame_peek(in->data + in->at, in->len - in->at, &head, &len);
        if (rc == 0) {
            *ret = in->data + in->at + head;
            *ret_len = len;
            in->at += head + len;
            in->given = len;
            return 0;
        }
        if (rc != OC_EBUSY)
            return rc;
        rc = inflow_room(in, len > 0 ? len + FRAME_HEAD_MAX : in->len - in->at + 1);
        if (rc == 0)
            rc = stream_co_read(in->stream, in->data + in->len, in->cap - in->len, &got,
                                deadline_ns);
        if (rc != 0)
            return rc;
        in->len += got;
    }
}

void inflow_fini(struct inflow *in)
{
    if (in->data)
        secret_wipe(in->data, in->cap);
    free(in->data);
    in->data = NULL;
    in->len = in->at = in->cap = in->given = 0;
}

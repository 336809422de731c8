/* Files 0015, 0016 and 0018 of a purse application (facts §6.1). Offsets stand here once. */
#include "wire/ep_file.h"

#include "base/base.h"
#include <string.h>

enum { PLATE_AT = 28, HOLDER_NAME_LEN = 20, HOLDER_ID_LEN = 16, HOLDER_ID_MOHURD_LEN = 32 };

int ep_app_parse(const uint8_t *data, size_t len, struct ep_app *ret)
{
    struct ep_app a = {0};
    if (len != EP_APP_LEN && len != EP_APP_ETC_LEN)
        return OC_ECARD_DATA;
    memcpy(a.issuer, data, sizeof a.issuer);
    a.type_flag = data[8];
    a.version = data[9];
    memcpy(a.serial, data + 10, sizeof a.serial);
    memcpy(a.start, data + 20, sizeof a.start);
    memcpy(a.expiry, data + 24, sizeof a.expiry);
    if (len == EP_APP_LEN)
        memcpy(a.fci, data + PLATE_AT, sizeof a.fci);
    else
        memcpy(a.plate, data + PLATE_AT, sizeof a.plate);
    *ret = a;
    return 0;
}

void ep_app_build(const struct ep_app *app, uint8_t ret[EP_APP_LEN])
{
    memcpy(ret, app->issuer, sizeof app->issuer);
    ret[8] = app->type_flag;
    ret[9] = app->version;
    memcpy(ret + 10, app->serial, sizeof app->serial);
    memcpy(ret + 20, app->start, sizeof app->start);
    memcpy(ret + 24, app->expiry, sizeof app->expiry);
    memcpy(ret + 28, app->fci, sizeof app->fci);
}

/** Text of `len` bytes without its trailing filling; `out` holds len + 1. */
static void text_get(const uint8_t *src, size_t len, char *out)
{
    while (len && (src[len - 1] == 0x00 || src[len - 1] == 0xFF || src[len - 1] == ' '))
        len--;
    memcpy(out, src, len);
    out[len] = '\0';
}

int ep_holder_parse(const uint8_t *data, size_t len, struct ep_holder *ret)
{
    struct ep_holder h = {0};
    if (len != EP_HOLDER_LEN && len != EP_HOLDER_MOHURD_LEN)
        return OC_ECARD_DATA;
    h.type = data[0];
    h.staff = data[1];
    text_get(data + 2, HOLDER_NAME_LEN, h.name);
    text_get(data + 2 + HOLDER_NAME_LEN,
             len == EP_HOLDER_LEN ? HOLDER_ID_LEN : HOLDER_ID_MOHURD_LEN, h.id);
    h.id_type = data[len - 1];
    *ret = h;
    return 0;
}

int ep_holder_build(const struct ep_holder *holder, uint8_t *ret, size_t len)
{
    if (len != EP_HOLDER_LEN && len != EP_HOLDER_MOHURD_LEN)
        return OC_EINVAL;
    size_t name_len = strnlen(holder->name, sizeof holder->name);
    size_t id_len = strnlen(holder->id, sizeof holder->id);
    size_t id_room = len == EP_HOLDER_LEN ? HOLDER_ID_LEN : HOLDER_ID_MOHURD_LEN;
    if (name_len > HOLDER_NAME_LEN || id_len > id_room)
        return OC_EINVAL;
    memset(ret, 0, len);
    ret[0] = holder->type;
    ret[1] = holder->staff;
    memcpy(ret + 2, holder->name, name_len);
    memcpy(ret + 2 + HOLDER_NAME_LEN, holder->id, id_len);
    ret[len - 1] = holder->id_type;
    return 0;
}

static bool all_bytes(const uint8_t *data, size_t len, uint8_t v)
{
    for (size_t i = 0; i < len; i++) {
        if (data[i] != v)
            return false;
    }
    return true;
}

int ep_log_parse(const uint8_t *data, size_t len, struct ep_log *ret)
{
    if (len != EP_LOG_LEN)
        return OC_ECARD_DATA;
    if (all_bytes(data, len, 0x00) || all_bytes(data, len, 0xFF))
        return OC_ENOENT;
    struct ep_log l = {.counter = be16(data),
                       .overdraft = be32(data + 1) & 0xFFFFFF,
                       .amount = be32(data + 5),
                       .type = data[9]};
    memcpy(l.sam, data + 10, sizeof l.sam);
    memcpy(l.date, data + 16, sizeof l.date);
    memcpy(l.time, data + 20, sizeof l.time);
    *ret = l;
    return 0;
}

int ep_log_build(const struct ep_log *log, uint8_t ret[EP_LOG_LEN])
{
    if (log->amount < 0 || log->amount > UINT32_MAX || log->overdraft > 0xFFFFFF)
        return OC_EINVAL;
    put_be32(ret + 1, log->overdraft); /* its top byte is the counter's low byte, written next */
    put_be16(ret, log->counter);
    put_be32(ret + 5, (uint32_t)log->amount);
    ret[9] = log->type;
    memcpy(ret + 10, log->sam, sizeof log->sam);
    memcpy(ret + 16, log->date, sizeof log->date);
    memcpy(ret + 20, log->time, sizeof log->time);
    return 0;
}

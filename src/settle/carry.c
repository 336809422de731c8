/* Doubts carried over from the day before, so that a run need not read the whole history for the
 * few old ones: yesterday's doubts.csv names all that were open at its close. It is believed only
 * where the ledger vouches for it: the ledger holds the hash of the manifest, the manifest holds
 * the hash of the file. */
#include "settle/internal.h"

#include <stdlib.h>
#include <string.h>

static int co_manifest(struct run *r, const struct day_row *day, struct buf *ret) CO_FN;
static int co_manifest(struct run *r, const struct day_row *day, struct buf *ret)
{
    uint8_t hash[SHA256_LEN];
    int rc = folder_co_read(r->env, day->date, "manifest.json", ret);
    if (!rc)
        rc = hash_sha256(r->env->crypto, (struct bytes){ret->data, ret->len}, hash);
    return rc ? rc : memcmp(hash, day->manifest_sha256, sizeof hash) == 0 ? 0 : OC_ENOENT;
}

static int co_doubts(struct run *r, date_t date, struct buf *manifest, struct buf *ret) CO_FN;
static int co_doubts(struct run *r, date_t date, struct buf *manifest, struct buf *ret)
{
    uint8_t hash[SHA256_LEN], line_mem[256];
    struct buf line;
    int rc = folder_co_read(r->env, date, "doubts.csv", ret);
    if (!rc)
        rc = hash_sha256(r->env->crypto, (struct bytes){ret->data, ret->len}, hash);
    if (rc)
        return rc;
    buf_over(&line, line_mem, sizeof line_mem);
    manifest_file(&line, "doubts.csv", (int64_t)ret->len, hash);
    const char *vouched = buf_cstr(&line);
    return *vouched && strstr(buf_cstr(manifest), vouched) ? 0 : OC_ENOENT;
}

int carry_parse(struct buf *csv, int64_t **ret_ids, unsigned *ret_n)
{
    const char *at = strstr(buf_cstr(csv), "\r\n");
    size_t lines = 0;
    for (const char *p = at; p; p = strstr(p + 2, "\r\n"))
        lines++;
    int64_t *ids = calloc(lines + 1, sizeof *ids);
    if (!ids)
        return OC_ENOMEM;
    unsigned n = 0;
    int rc = at ? 0 : OC_ENOENT;
    while (!rc && at[2]) {
        char id[IDENT_TEXT] = "";
        size_t len = strcspn(at + 2, ",");
        if (len < sizeof id)
            memcpy(id, at + 2, len);
        rc = ident_parse(id, &ids[n]) ? OC_ENOENT : 0;
        n++;
        at = strstr(at + 2, "\r\n");
        if (!rc && !at)
            rc = OC_ENOENT;
    }
    if (rc) {
        free(ids);
        return rc;
    }
    *ret_ids = ids;
    *ret_n = n;
    return 0;
}

int carry_co_read(struct run *r, int64_t **ret_ids, unsigned *ret_n, int64_t *ret_since_ms)
{
    struct day_row day;
    int rc = ledger_co_day(r->env->ledger, date_add(r->day.date, -1), &day);
    if (rc || day.state != 3)
        return rc ? rc : OC_ENOENT;
    struct buf manifest, csv;
    buf_init(&manifest, 0);
    buf_init(&csv, 0);
    rc = co_manifest(r, &day, &manifest);
    if (!rc)
        rc = co_doubts(r, day.date, &manifest, &csv);
    if (!rc)
        rc = carry_parse(&csv, ret_ids, ret_n);
    buf_fini(&csv);
    buf_fini(&manifest);
    if (!rc)
        *ret_since_ms = day.closed_ms;
    return rc == OC_ELIMIT || rc == OC_EIO ? OC_ENOENT : rc;
}

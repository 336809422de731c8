/* The manifest and its signature: what was published, so that nothing can be changed, left out or
 * added unseen. */
#include "settle/internal.h"

#include <stdlib.h>
#include <string.h>

#define FORMAT "onecard-settlement-1"

void manifest_file(struct buf *b, const char *name, int64_t size, const uint8_t sha256[SHA256_LEN])
{
    char hex[2 * SHA256_LEN + 1];
    buf_printf(b, "    {\"name\": \"%s\", \"size\": %lld, \"sha256\": \"%s\"}", name,
               (long long)size, hex_encode(sha256, SHA256_LEN, hex));
}

static int by_name(const void *a, const void *b)
{
    const struct folder_file *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

/* File names hold only characters that JSON takes as they are (tally_file_name). */
void manifest_files(struct buf *b, const struct folder *f)
{
    const struct folder_file **sorted = calloc(f->n, sizeof *sorted);
    if (!sorted) {
        b->err = OC_ENOMEM;
        return;
    }
    unsigned n = 0;
    for (unsigned i = 0; i < f->n; i++)
        if (f->files[i]->size) /* not the manifest itself */
            sorted[n++] = f->files[i];
    qsort(sorted, n, sizeof *sorted, by_name);
    for (unsigned i = 0; i < n; i++) {
        buf_puts(b, i ? ",\n" : "\n");
        manifest_file(b, sorted[i]->name, sorted[i]->size, sorted[i]->sha256);
    }
    free(sorted);
}

static void figures(struct buf *b, const struct run *r)
{
    const struct tally_sum *s = &r->tally.all;
    const struct day_row *d = &r->day;
    buf_printf(b, "  \"counts\": {\"participants\": %u, \"postings\": %lld, \"doubts\": %u},\n",
               r->tally.n, (long long)r->rep->postings, r->doubts.n);
    buf_printf(
        b,
        "  \"sums_fen\": {\"gross\": %lld, \"borne\": %lld, \"net\": %lld, \"merchant\": %lld, "
        "\"load_receivable\": %lld},\n",
        (long long)s->gross, (long long)s->borne, (long long)s->net, (long long)s->merchant,
        (long long)s->receivable);
    buf_printf(b,
               "  \"float_fen\": {\"opening\": %lld, \"loads\": %lld, \"purchases\": %lld, "
               "\"adjustments\": %lld, "
               "\"closing\": %lld, \"doubts\": %lld},\n",
               (long long)d->float_opening, (long long)d->loads, (long long)d->purchases,
               (long long)d->adjustments,
               (long long)(d->float_opening + d->loads - d->purchases + d->adjustments),
               (long long)r->rep->doubts_amount);
}

void manifest_text(struct buf *b, const struct run *r)
{
    char date[11], head[2 * sizeof r->day.chain_head + 1];
    bool closed = r->day.state != 1;
    buf_puts(b, "{\n  \"format\": \"" FORMAT "\",\n");
    buf_printf(b, "  \"date\": \"%s\",\n  \"preview\": %s,\n", date_text(r->day.date, date),
               r->want == FOLDER_PREVIEW ? "true" : "false");
    buf_printf(b, "  \"opened_ms\": %lld,\n  \"closed_ms\": %lld,\n  \"city_offset_min\": %d,\n",
               (long long)r->day.opened_ms, closed ? (long long)r->day.closed_ms : 0LL,
               r->env->city_offset_min);
    figures(b, r);
    buf_printf(b, "  \"journal\": {\"seq\": %lld, \"head\": \"%s\"},\n",
               (long long)r->day.journal_seq,
               hex_encode(r->day.chain_head, sizeof r->day.chain_head, head));
    buf_puts(b, "  \"files\": [");
    manifest_files(b, r->folder);
    buf_puts(b, "\n  ]\n}\n");
}

int manifest_sign(const struct settle_env *env, const uint8_t sha256[SHA256_LEN], struct buf *ret)
{
    static const char label[] = "onecard settlement key id";
    uint8_t id[SHA256_LEN], signature[SHA256_LEN];
    char id_hex[17], hex[2 * SHA256_LEN + 1];
    int rc = mac_hmac_sha256(env->crypto, (struct bytes){env->key, sizeof env->key},
                             (struct bytes){label, sizeof label - 1}, id);
    if (!rc)
        rc = sign_hmac(env->crypto, env->key, sha256, signature);
    if (rc)
        return rc;
    buf_printf(ret, FORMAT " hmac-sha256 key=%s %s\n", hex_encode(id, 8, id_hex),
               hex_encode(signature, sizeof signature, hex));
    return ret->err;
}

int manifest_co_add(struct run *r, void (*text)(struct buf *b, const void *arg), const void *arg)
{
    unsigned manifest = 0, signature = 0;
    int rc = folder_add(r->folder, "manifest.json", &manifest);
    if (rc)
        return rc;
    text(folder_out(r->folder, manifest), arg);
    rc = folder_co_flush(r->folder, true);
    if (!rc)
        rc = folder_seal(r->folder, manifest);
    if (rc)
        return rc;
    memcpy(r->rep->manifest_sha256, r->folder->files[manifest]->sha256, SHA256_LEN);
    rc = folder_add(r->folder, "manifest.sig", &signature);
    if (!rc)
        rc = manifest_sign(r->env, r->rep->manifest_sha256, folder_out(r->folder, signature));
    return rc ? rc : folder_co_flush(r->folder, true);
}

/* Citizens' rows: who somebody is stands sealed under a key of that citizen's own, and is found by
 * a keyed hash of the personal number. The id follows from the number by the same key, so that it
 * tells nothing and one person is one citizen; who gives no number is new each time. Who was erased
 * and comes again gets the next id that the number leads to: the old one stays nobody's. */
#include "serve/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_TRIES 16 /* how often one person may have been erased */

int vault_search(struct serve *s, const char *number, uint8_t ret[SEAL_HASH_LEN])
{
    return seal_search(s->crypto, s->search_key, "citizen.id",
                       (struct bytes){number, strlen(number)}, ret);
}

static void id_text(uint64_t number, char ret[LEDGER_ID])
{
    (void)snprintf(ret, LEDGER_ID, "c%015llu",
                   (unsigned long long)(number % UINT64_C(1000000000000000)));
}

/* The n-th id of a number. */
static int id_of(struct serve *s, const char *number, unsigned n, char ret[LEDGER_ID])
{
    char domain[24] = "citizen.id";
    uint8_t hash[SEAL_HASH_LEN];
    if (n > 0)
        (void)snprintf(domain, sizeof domain, "citizen.id.%u", n);
    int rc =
        seal_search(s->crypto, s->search_key, domain, (struct bytes){number, strlen(number)}, hash);
    if (rc == 0)
        id_text(((uint64_t)be32(hash) << 32) | be32(hash + 4), ret);
    return rc;
}

static int random_id(struct serve *s, char ret[LEDGER_ID])
{
    uint64_t number = 0;
    int rc = crypto_random(s->crypto, &number, sizeof number);
    if (rc == 0)
        id_text(number, ret);
    return rc;
}

/* Whom that number means: the known one (0), or the id of a new one (OC_ENOENT). */
static CO_FN int find(struct serve *s, const struct holder *h, const uint8_t search[SEAL_HASH_LEN],
                      struct citizen_row *row, char ret_id[LEDGER_ID])
{
    if (h->id[0] == '\0') {
        int rc = random_id(s, ret_id);
        return rc != 0 ? rc : OC_ENOENT;
    }
    int rc = ledger_co_citizen_search(s->ledger, search, row);
    if (rc == 0)
        memcpy(ret_id, row->c.id, LEDGER_ID);
    for (unsigned n = 0; rc == OC_ENOENT && n < ID_TRIES; n++) {
        int err = id_of(s, h->id, n, ret_id);
        if (err == 0)
            err = ledger_co_citizen(s->ledger, ret_id, row);
        if (err == OC_ENOENT)
            return OC_ENOENT;
        if (err != 0)
            return err;
        if ((row->erased & ERASE_PERSONAL) == 0)
            return 0;
    }
    return rc == OC_ENOENT ? OC_ELIMIT : rc;
}

/* ---- the row's text ---- */

static struct bytes place_of(const char *id, char out[64])
{
    int n = snprintf(out, 64, "citizen:%s", id);
    return (struct bytes){out, n > 0 ? (size_t)n : 0};
}

static void put(struct buf *b, const char *name, const char *value)
{
    if (value[0] == '\0')
        return;
    buf_printf(b, ",\"%s\":", name);
    plan_json_text(b, value);
}

/* `number` is what modules look for; `id` is the older name of the same. */
static void put_holder(struct buf *b, const struct holder *h)
{
    buf_puts(b, "{\"name\":");
    plan_json_text(b, h->name);
    put(b, "id", h->id);
    put(b, "number", h->id);
    put(b, "phone", h->phone);
    put(b, "sex", h->sex);
    put(b, "address", h->address);
    put(b, "resident", h->resident);
    if (h->born != 0)
        buf_printf(b, ",\"born\":%d", (int)h->born);
    buf_puts(b, "}");
}

static CO_FN int seal_row(struct serve *s, const struct holder *h, struct op_citizen *c)
{
    char place[64];
    struct buf plain, out;
    buf_init(&plain, 4096);
    put_holder(&plain, h);
    buf_over(&out, c->sealed, sizeof c->sealed);
    int rc = plain.err;
    if (rc == 0)
        rc = vault_co_seal_for(s, c->id, VAULT_PERSON, place_of(c->id, place),
                               (struct bytes){plain.data, plain.len}, &out);
    if (plain.data)
        secret_wipe(plain.data, plain.len);
    buf_fini(&plain);
    c->sealed_len = (uint16_t)out.len;
    return rc;
}

static void take(const json_t *j, const char *name, char *to, size_t size)
{
    const char *text = json_string_value(json_object_get(j, name));
    if (text && strlen(text) < size)
        memcpy(to, text, strlen(text) + 1);
}

int vault_co_person(struct serve *s, const struct citizen_row *row, struct holder *ret)
{
    char place[64];
    struct buf b;
    if ((row->erased & ERASE_PERSONAL) != 0)
        return OC_ESTATE;
    buf_init(&b, 4096);
    int rc = vault_co_unseal_for(s, row->c.id, VAULT_PERSON, place_of(row->c.id, place),
                                 (struct bytes){row->c.sealed, row->c.sealed_len}, &b);
    json_t *j = rc == 0 ? json_loadb((const char *)b.data, b.len, 0, NULL) : NULL;
    if (rc == 0 && !json_is_object(j))
        rc = OC_ESEAL;
    if (rc == 0) {
        memset(ret, 0, sizeof *ret);
        take(j, "name", ret->name, sizeof ret->name);
        take(j, "id", ret->id, sizeof ret->id);
        take(j, "phone", ret->phone, sizeof ret->phone);
        take(j, "sex", ret->sex, sizeof ret->sex);
        take(j, "address", ret->address, sizeof ret->address);
        take(j, "resident", ret->resident, sizeof ret->resident);
        ret->born = (date_t)json_integer_value(json_object_get(j, "born"));
    }
    json_decref(j);
    if (b.data)
        secret_wipe(b.data, b.len);
    buf_fini(&b);
    return rc;
}

/* ---- writing ---- */

static void begin(struct ledger_op *op, const char *who)
{
    memset(op, 0, sizeof *op);
    op->type = LOP_CITIZEN;
    (void)snprintf(op->who, sizeof op->who, "%s", who);
}

int vault_co_citizen(struct serve *s, const struct holder *h, const char *who, struct ledger_op *op,
                     char ret_id[LEDGER_ID])
{
    char id[LEDGER_ID] = "";
    struct citizen_row *known = arena_alloc(flow_arena(), sizeof *known);
    if (!known)
        return OC_ENOMEM;
    begin(op, who);
    int rc = h->id[0] != '\0' ? vault_search(s, h->id, op->citizen.search) : 0;
    if (rc == 0)
        rc = find(s, h, op->citizen.search, known, id);
    if (rc == OC_ENOENT) {
        memcpy(op->citizen.id, id, sizeof op->citizen.id);
        rc = seal_row(s, h, &op->citizen);
        if (rc == 0)
            rc = ledger_co_submit(s->ledger, op);
    }
    if (rc == 0)
        memcpy(ret_id, id, sizeof id);
    return rc;
}

static void overlay(char *to, const char *from, size_t size)
{
    if (from[0] != '\0')
        memcpy(to, from, size);
}

int vault_co_citizen_change(struct serve *s, const char *id, const struct holder *h,
                            const char *who, struct ledger_op *op)
{
    struct citizen_row *row = arena_alloc(flow_arena(), sizeof *row);
    struct holder *is = arena_alloc(flow_arena(), sizeof *is);
    if (!row || !is)
        return OC_ENOMEM;
    begin(op, who);
    int rc = ledger_co_citizen(s->ledger, id, row);
    if (rc == 0)
        rc = vault_co_person(s, row, is);
    if (rc != 0)
        return rc;
    overlay(is->name, h->name, sizeof is->name);
    overlay(is->phone, h->phone, sizeof is->phone);
    overlay(is->sex, h->sex, sizeof is->sex);
    overlay(is->address, h->address, sizeof is->address);
    overlay(is->resident, h->resident, sizeof is->resident);
    is->born = h->born != 0 ? h->born : is->born;
    memcpy(op->citizen.id, row->c.id, sizeof op->citizen.id);
    memcpy(op->citizen.search, row->c.search, sizeof op->citizen.search);
    rc = seal_row(s, is, &op->citizen);
    return rc == 0 ? ledger_co_submit(s->ledger, op) : rc;
}

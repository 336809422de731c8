/* Founds a benchmark site: its ledger gets keys, one participant, terminals with a pinned key and
 * cards by the million, through the ledger's own writer, many at a time. */
#include "site.h"

#include "flow/flow.h"
#include "ledger/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WRITERS 2048
#define BATCH   2048

struct found {
    struct site site;
    struct loop *loop;
    struct ledger *ledger;
    struct crypto *crypto;
    struct seal_key seal;
    uint8_t token[32];
    uint64_t next, done, count;
    int rc;
    int64_t begun_ns, told_ns;
    const char *what;
    int (*fill)(struct found *f, uint64_t i, struct ledger_op *op);
};

/* ---- operations ---- */

static int fill_key(struct found *f, uint64_t i, struct ledger_op *op)
{
    static const enum key_purpose purposes[] = {KEY_PURCHASE, KEY_LOAD,        KEY_TAC,
                                                KEY_INTERNAL, KEY_MAINTENANCE, KEY_MAIN};
    struct op_key *k = &op->key;
    uint8_t key[16];
    char place[64], hex[17];
    struct pboc_key check;
    struct buf b;
    op->type = LOP_KEY;
    k->purpose = (uint8_t)purposes[i];
    k->version = 1;
    site_key(purposes[i], key);
    int rc = pboc_key_set(&check, PBOC_3DES, key, sizeof key);
    if (rc == 0)
        rc = pboc_kcv(f->crypto, &check, k->kcv);
    /* bound to its row, as the daemon's vault has it */
    int n = snprintf(place, sizeof place, "key:%u:%u:%u:%s", k->purpose, k->alg, k->version,
                     hex_encode(k->issuer, sizeof k->issuer, hex));
    buf_over(&b, k->sealed, sizeof k->sealed);
    if (rc == 0)
        rc = seal_wrap(f->crypto, &f->seal, (struct bytes){(const uint8_t *)place, (size_t)n},
                       (struct bytes){key, sizeof key}, &b);
    k->sealed_len = (uint8_t)b.len;
    return rc;
}

static int fill_participant(struct found *f, uint64_t i, struct ledger_op *op)
{
    (void)f;
    (void)i;
    op->type = LOP_PARTICIPANT;
    snprintf(op->participant.id, sizeof op->participant.id, "bench");
    snprintf(op->participant.name, sizeof op->participant.name, "Bench");
    op->participant.load_quota = INT64_C(1000000000000);
    return 0;
}

static enum place terminal_name(const struct found *f, uint64_t i, char ret[16])
{
    enum place p = PLACE_DESK;
    for (; p < PLACE_EXIT && i >= site_places(&f->site, p); p++)
        i -= site_places(&f->site, p);
    site_terminal(p, (unsigned)i, ret);
    return p;
}

static int fill_terminal(struct found *f, uint64_t i, struct ledger_op *op)
{
    static const struct {
        const char *kind, *gate, *params;
    } places[PLACE_COUNT] = {
        [PLACE_DESK] = {"pos", "", "{}"},
        [PLACE_GATE] = {"bus", "transit.ride",
                        "{\"fare\":\"" SITE_FARE "\",\"line\":\"1\",\"same_card_seconds\":\"0\"}"},
        [PLACE_ENTRY] = {"metro", "transit.gate",
                         "{\"table\":\"bench\",\"station\":\"101\",\"line\":\"1\","
                         "\"direction\":\"entry\"}"},
        [PLACE_EXIT] = {"metro", "transit.gate",
                        "{\"table\":\"bench\",\"station\":\"301\",\"line\":\"1\","
                        "\"direction\":\"exit\"}"}};
    struct op_terminal *t = &op->terminal;
    enum place p = terminal_name(f, i, t->id);
    op->type = LOP_TERMINAL;
    snprintf(t->kind, sizeof t->kind, "%s", places[p].kind);
    snprintf(t->participant, sizeof t->participant, "bench");
    t->sam[0] = 0x20;
    put_be32(t->sam + 2, (uint32_t)i + 1);
    snprintf(t->services, sizeof t->services, "*");
    snprintf(t->gate, sizeof t->gate, "%s", places[p].gate);
    snprintf(t->params, sizeof t->params, "%s", places[p].params);
    return 0;
}

static int fill_token(struct found *f, uint64_t i, struct ledger_op *op)
{
    struct op_terminal_key *k = &op->terminal_key;
    op->type = LOP_TERMINAL_KEY;
    terminal_name(f, i, k->terminal);
    k->action = TERMINAL_KEY_TOKEN;
    memcpy(k->token_hash, f->token, sizeof k->token_hash);
    k->token_until_ms = clock_wall_ms(&clock_system) + 3600 * 1000;
    return 0;
}

static int fill_pin(struct found *f, uint64_t i, struct ledger_op *op)
{
    struct op_terminal_key *k = &op->terminal_key;
    op->type = LOP_TERMINAL_KEY;
    terminal_name(f, i, k->terminal);
    k->action = TERMINAL_KEY_PIN;
    memcpy(k->token_hash, f->token, sizeof k->token_hash);
    memcpy(k->pin, f->site.pin, sizeof k->pin);
    k->not_after_ms = clock_wall_ms(&clock_system) + 365 * MS_PER_DAY;
    return 0;
}

/* Nobody knows more of them than their id. */
static int fill_citizen(struct found *f, uint64_t i, struct ledger_op *op)
{
    (void)f;
    op->type = LOP_CITIZEN;
    site_citizen(i, op->citizen.id);
    return 0;
}

static int fill_card(struct found *f, uint64_t i, struct ledger_op *op)
{
    struct op_card_add *a = &op->card_add;
    struct chip_site chips;
    char hex[2 * CHIP_SERIAL_LEN + 1];
    if (i < f->site.citizens)
        site_citizen(i, a->citizen);
    site_chips(&chips);
    op->type = LOP_CARD_ADD;
    memcpy(a->issuer, chips.issuer, sizeof a->issuer);
    chip_serial(i, a->serial);
    snprintf(a->number, sizeof a->number, "%s", hex_encode(a->serial, sizeof a->serial, hex));
    snprintf(a->profile, sizeof a->profile, "pboc-ep");
    a->kind = CARD_NAMED;
    a->state = CARD_ACTIVE;
    a->ceiling = INT32_MAX;
    a->opening = chips.opening;
    a->seen = (struct card_seen){SEEN_BALANCE | SEEN_ONLINE | SEEN_OFFLINE, chips.opening,
                                 chips.online, chips.offline};
    return 0;
}

/* ---- many at a time ---- */

static void tell(struct found *f, bool last)
{
    int64_t now = clock_mono_ns(&clock_system);
    if (f->count < 1000 || (!last && now - f->told_ns < NS_PER_S))
        return;
    double s = (double)(now - f->begun_ns) / 1e9;
    fprintf(stderr, "found: %llu of %llu %s, %.0f/s\n", (unsigned long long)f->done,
            (unsigned long long)f->count, f->what, (double)f->done / (s > 0 ? s : 1));
    f->told_ns = now;
}

static CO_FN int writer(void *arg)
{
    struct found *f = arg;
    struct ledger_op *op = malloc(sizeof *op);
    while (op && f->next < f->count && f->rc == 0) {
        uint64_t i = f->next++;
        memset(op, 0, sizeof *op);
        snprintf(op->who, sizeof op->who, "loadgen");
        int rc = f->fill(f, i, op);
        if (rc == 0)
            rc = ledger_co_submit(f->ledger, op);
        if (rc != 0 && f->rc == 0) {
            f->rc = rc;
            fprintf(stderr, "found: %s %llu: %s %s\n", f->what, (unsigned long long)i,
                    oc_strerror(rc), op->detail);
        }
        f->done++;
        tell(f, false);
    }
    if (!op)
        f->rc = OC_ENOMEM;
    free(op);
    return 0;
}

static CO_FN int all(void *arg)
{
    struct found *f = arg;
    static struct flow *many[WRITERS];
    unsigned n = f->count < WRITERS ? (unsigned)f->count : WRITERS;
    for (unsigned i = 0; i < n && f->rc == 0; i++)
        f->rc = flow_start(flow_loop(), "found", writer, f, &many[i]);
    for (unsigned i = 0; i < n; i++) {
        if (many[i] && flow_co_join(many[i], NULL, FLOW_FOREVER) != 0 && f->rc == 0)
            f->rc = OC_ECANCELED;
        flow_put(many[i]);
        many[i] = NULL;
    }
    return f->rc;
}

static WORKER_FN int step(struct found *f, const char *what, uint64_t count,
                          int (*fill)(struct found *f, uint64_t i, struct ledger_op *op))
{
    f->what = what;
    f->count = count;
    f->fill = fill;
    f->next = f->done = 0;
    f->begun_ns = f->told_ns = clock_mono_ns(&clock_system);
    int rc = count > 0 ? loop_run_flow(f->loop, "found", all, f) : 0;
    tell(f, true);
    return rc;
}

static WORKER_FN int steps(struct found *f)
{
    uint64_t terminals = (uint64_t)f->site.terminals + f->site.gates + 2 * (uint64_t)f->site.metro;
    int rc = step(f, "keys", 6, fill_key);
    if (rc == 0)
        rc = step(f, "participants", 1, fill_participant);
    if (rc == 0)
        rc = step(f, "terminals", terminals, fill_terminal);
    if (rc == 0)
        rc = step(f, "tokens", terminals, fill_token);
    if (rc == 0)
        rc = step(f, "pins", terminals, fill_pin);
    if (rc == 0)
        rc = step(f, "citizens", f->site.citizens, fill_citizen);
    return rc != 0 ? rc : step(f, "cards", f->site.cards, fill_card);
}

/* ---- the ledger ---- */

static WORKER_FN int open_ledger(struct found *f, const char *dir)
{
    char path[600];
    uint8_t chain[32];
    struct keystore *ks = NULL;
    snprintf(path, sizeof path, "%s/keystore", dir);
    int rc = crypto_new(NULL, &f->crypto);
    if (rc == 0)
        rc = keystore_open(path, NULL, &ks);
    f->seal.id = 1;
    if (rc == 0)
        rc = keystore_key(ks, f->crypto, "seal", f->seal.bytes);
    if (rc == 0)
        rc = keystore_key(ks, f->crypto, "journal", chain);
    if (rc == 0)
        rc = crypto_random(f->crypto, f->token, sizeof f->token);
    if (ks)
        keystore_close(&ks);
    snprintf(path, sizeof path, "%s/ledger.db", dir);
    const struct ledger_opts o = {.path = path,
                                  .loop = f->loop,
                                  .clock = &clock_system,
                                  .chain_key = chain,
                                  .max_batch = BATCH};
    if (rc == 0)
        rc = ledger_open(&o, &f->ledger);
    secret_wipe(chain, sizeof chain);
    return rc;
}

int found_run(const char *dir, const struct site_size *size)
{
    struct found *f = calloc(1, sizeof *f);
    if (!f)
        return 1;
    int rc = site_new(&f->site, dir, size);
    if (rc == 0)
        rc = loop_new(&f->loop, NULL);
    if (rc == 0)
        rc = open_ledger(f, dir);
    if (rc == 0)
        rc = steps(f);
    if (f->ledger)
        ledger_close(&f->ledger);
    if (f->loop)
        loop_free(&f->loop);
    crypto_free(&f->crypto);
    site_close(&f->site);
    if (rc != 0)
        fprintf(stderr, "found: %s: %s\n", dir, oc_strerror(rc));
    free(f);
    return rc != 0;
}

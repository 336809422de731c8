/* A terminal that says anything: a script with its answers, then the answers to what a purchase
 * asks. Whatever it says, the dialogue ends, nothing but the dialogue's own commands is sent, and
 * one DEBIT at most. */
#include "card/card.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct world {
    struct loop *loop;
    struct profile_set *set;
    struct custody *custody;
    struct rng_seeded rng;
    const uint8_t *data;
    size_t size;
    struct reader_remote *remote;
    unsigned debits;
} world;

static uint8_t next_byte(struct world *w)
{
    if (!w->size)
        return 0;
    w->size--;
    return *w->data++;
}

/** A length and so many bytes; fewer where the input ends. */
static size_t next_bytes(struct world *w, uint8_t *ret, size_t max)
{
    size_t len = next_byte(w);
    len = len < max ? len : max;
    len = len < w->size ? len : w->size;
    memcpy(ret, w->data, len);
    w->data += len;
    w->size -= len;
    return len;
}

static void next_answer(struct world *w, struct card_answer *a)
{
    memset(a, 0, sizeof(*a));
    a->state = (enum card_answer_state)(next_byte(w) % 5);
    a->len = next_bytes(w, a->bytes, sizeof(a->bytes));
}

static CO_FN int link_co_run(void *arg, uint64_t arrival, const struct card_list *list,
                             struct card_answers *ret, int64_t deadline_ns)
{
    struct world *w = arg;
    (void)arrival;
    (void)deadline_ns;
    CHECK(card_list_valid(list));
    for (unsigned i = 0; i < list->count; i++) {
        if (list->commands[i].apdu.bytes[1] == 0x54)
            w->debits++;
        next_answer(w, &ret->items[i]);
    }
    uint8_t how = next_byte(w);
    ret->count = how == 1 ? CARD_LIST_MAX : list->count;
    if (how == 2)
        reader_remote_close(w->remote);
    return how == 3 ? OC_ECARD_GONE : how == 4 ? OC_ETIMEDOUT : 0;
}

static void link_release(void *arg, uint64_t arrival)
{
    (void)arg;
    (void)arrival;
}

static void tell_card(struct world *w)
{
    struct card_list *script = calloc(1, sizeof(*script));
    struct card_answers *answers = calloc(1, sizeof(*answers));
    uint8_t atr[64];
    struct remote_card card = {.arrival = 1, .atr = atr, .script = script, .answers = answers};
    CHECK(script && answers);
    card.atr_len = next_bytes(w, atr, sizeof(atr));
    uint8_t shape = next_byte(w);
    if (shape & 0x80) {
        CHECK(!card_script_cold(w->set, &w->rng.rng, script));
        answers->count = script->count;
    } else {
        script->count = shape & 0x1F;
        answers->count = shape & 0x20 ? 3 : script->count;
    }
    for (unsigned i = 0; i < script->count && i < CARD_LIST_MAX; i++) {
        struct card_command *c = &script->commands[i];
        if (!(shape & 0x80)) {
            c->otherwise = next_byte(w);
            c->accept_count = next_byte(w) % 6;
            c->apdu.len = next_bytes(w, c->apdu.bytes, sizeof(c->apdu.bytes));
        }
        next_answer(w, &answers->items[i]);
    }
    if (reader_remote_card(w->remote, &card))
        (void)reader_remote_card(w->remote, &(struct remote_card){.arrival = 1});
    free(script);
    free(answers);
}

static CO_FN int dialogue(struct world *w, struct card_session *s)
{
    static const uint8_t sam[6], record[CAPP_RECORD_MAX];
    struct init_purchase_answer init;
    struct purse_debit d = {.capp = record};
    struct debit_answer a;
    fen_t balance;
    int rc = card_co_select(s, w->set, NULL);
    if (!rc)
        rc = ident_co_internal_auth(s, w->custody, &w->rng.rng);
    if (!s->profile)
        return rc;
    rc = purse_co_balance(s, &balance);
    rc = purse_co_init_purchase(s, s->profile->capp.present, 100, sam, &init);
    d.capp_len = s->profile->capp.length;
    if (!s->profile->capp.present)
        d.capp = NULL;
    rc = purse_co_debit(s, &d, &a);
    CHECK(rc != 0 || w->debits == 1);
    return rc;
}

static CO_FN int run(void *arg)
{
    struct world *w = arg;
    struct card_session *s = calloc(1, sizeof(*s));
    CHECK(s != NULL);
    tell_card(w);
    if (!card_co_open(s, reader_remote_reader(w->remote), 0, FLOW_FOREVER)) {
        int rc = dialogue(w, s);
        CHECK(w->debits <= 1 && rc <= 0);
        CHECK(s->asked.count <= CARD_ASKED_MAX);
        card_co_close(s);
    }
    free(s);
    return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct conf_errors errors;
    uint8_t key[16] = {1};
    struct custody_slot slot = {
        .purpose = KEY_INTERNAL, .alg = PBOC_3DES, .version = 1, .all_issuers = true};
    (void)argc;
    (void)argv;
    ROLE_ENTER_WORKER();
    conf_errors_init(&errors);
    CHECK(!profile_set_load(ONECARD_SOURCE_DIR "/conf/profiles", &errors, &world.set));
    CHECK(!loop_new(&world.loop, NULL) && !custody_new(true, &world.custody));
    CHECK(!custody_add(world.custody, &slot, key));
    log_set_level(LOG_ERROR);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world *w = &world;
    struct remote_link link = {.co_run = link_co_run, .release = link_release, .arg = w};
    rng_seeded_init(&w->rng, 1);
    w->data = data;
    w->size = size;
    w->debits = 0;
    CHECK(!reader_remote_new("fuzz", &link, &w->remote));
    CHECK(!loop_run_flow(w->loop, "fuzz", run, w));
    reader_remote_close(w->remote);
    reader_remote_free(&w->remote);
    return 0;
}

#include "city.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const uint8_t issuer[OC_ISSUER_LEN] = {0x10, 0x20, 0x30, 0x40, 0x00, 0x00, 0x00, 0x01};
static const uint8_t master[16] = {0x11, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0xFE, 0xDC, 0xBA, 0x98, 0x76, 0x54, 0x32, 0x10};
const char *city_student_pays = "50%";
static struct txn_result result;
static struct card_row card_row;
static struct txn_row txn_row;
static struct account_row account_row;
static struct ledger_op op;

static void serial_of(int card, uint8_t ret[OC_SERIAL_LEN])
{
    memset(ret, 0, OC_SERIAL_LEN);
    ret[2] = 0x31;
    ret[8] = (uint8_t)((card + 1) / 100 % 100 / 10 * 16 + (card + 1) / 100 % 10);
    ret[9] = (uint8_t)((card + 1) % 100 / 10 * 16 + (card + 1) % 10);
}

static void key_of(enum key_purpose purpose, uint8_t ret[16])
{
    memcpy(ret, master, 16);
    ret[0] ^= (uint8_t)(2 * purpose);
    ret[9] ^= (uint8_t)(4 * purpose);
}

static void put_key(struct cardsim_personal *p, enum cardsim_key_use use, enum key_purpose purpose, uint8_t id)
{
    struct cardsim_key *k = &p->keys[use];
    k->set = k->master = true;
    k->id = id;
    k->version = 1;
    k->algorithm = 0;
    key_of(purpose, k->value);
}

static struct cardsim *make_card(int i, enum cardsim_profile kind)
{
    struct cardsim *card = NULL;
    struct cardsim_personal p;
    struct cardsim_options o = {.profile = kind};
    cardsim_personal_init(&p, kind);
    memcpy(p.issuer, issuer, sizeof issuer);
    serial_of(i, p.serial);
    p.app_flag = 1;
    hex_decode("20250101", p.start, 4) == 0 ? (void)0 : abort();
    hex_decode("20401231", p.expiry, 4) == 0 ? (void)0 : abort();
    p.category[0] = i == 1 ? 1 : 0;
    put_key(&p, CARDSIM_KEY_MAIN, KEY_MAIN, 0);
    put_key(&p, CARDSIM_KEY_MAINTENANCE, KEY_MAINTENANCE, 0);
    put_key(&p, CARDSIM_KEY_PURCHASE, KEY_PURCHASE, 1);
    put_key(&p, CARDSIM_KEY_LOAD, KEY_LOAD, 1);
    put_key(&p, CARDSIM_KEY_TAC, KEY_TAC, 0);
    put_key(&p, CARDSIM_KEY_INTERNAL, KEY_INTERNAL, 0);
    if (kind == CARDSIM_MOHURD) { /* other cards are blocked by their maintenance key */
        put_key(&p, CARDSIM_KEY_LOCK, KEY_LOCK, 0);
        put_key(&p, CARDSIM_KEY_UNLOCK, KEY_UNLOCK, 0);
    }
    assert_int_equal(cardsim_new(&card, &o), 0);
    cardsim_set_seed(card, (uint64_t)(i + 1));
    assert_int_equal(cardsim_personalise(card, &p), 0);
    return card;
}

static int before_commit(void *arg, unsigned ops)
{
    struct city *c = arg;
    (void)ops;
    if (c->store_bad == 0)
        return 0;
    if (c->store_ok > 0) {
        c->store_ok--;
        return 0;
    }
    c->store_bad--;
    return c->store_error != 0 ? c->store_error : OC_EDB_FULL;
}

static void start(struct city *c)
{
    char path[96];
    ROLE_ENTER_WORKER();
    snprintf(path, sizeof path, "%s/ledger.db", c->dir);
    struct ledger_opts o = {.path = path, .loop = c->loop, .clock = &clock_system, .chain_key = c->chain_key, .readers = 1,
                            .before_commit = before_commit, .hook_arg = c};
    assert_int_equal(ledger_open(&o, &c->ledger), 0);
    c->env.ledger = c->ledger;
}

static void make_ledger(struct city *c)
{
    char path[96];
    ROLE_ENTER_WORKER();
    snprintf(path, sizeof path, "%s/ledger.db", c->dir);
    struct ledger_opts o = {.path = path, .clock = &clock_system, .chain_key = c->chain_key};
    struct op_site site = {.name = "test", .city_offset_min = 480};
    site.first_day = city_date(clock_wall_ms(&clock_system), 480);
    assert_int_equal(ledger_create(&o, &site), 0);
}

static struct ledger_op *fresh(enum ledger_op_type type)
{
    memset(&op, 0, sizeof op);
    op.type = (uint8_t)type;
    snprintf(op.who, sizeof op.who, "test");
    return &op;
}

static void add_terminal(struct city *c, const char *id, const char *kind, const char *participant, uint8_t sam,
                         const char *gate, const char *reader)
{
    struct op_terminal *t = &fresh(LOP_TERMINAL)->terminal;
    snprintf(t->id, sizeof t->id, "%s", id);
    snprintf(t->kind, sizeof t->kind, "%s", kind);
    snprintf(t->participant, sizeof t->participant, "%s", participant);
    t->sam[0] = 0x10;
    t->sam[5] = sam;
    snprintf(t->reader, sizeof t->reader, "%s", reader);
    snprintf(t->services, sizeof t->services, "*");
    snprintf(t->gate, sizeof t->gate, "%s", gate);
    snprintf(t->params, sizeof t->params, "{\"fare\":\"2.00\",\"line\":\"12\",\"same_card_seconds\":\"0\"}");
    assert_int_equal(city_op(c, &op), 0);
}

static void add_participant(struct city *c, const char *id)
{
    struct op_participant *p = &fresh(LOP_PARTICIPANT)->participant;
    snprintf(p->id, sizeof p->id, "%s", id);
    snprintf(p->name, sizeof p->name, "%s", id);
    p->load_quota = 1000000;
    assert_int_equal(city_op(c, &op), 0);
}

static int64_t register_card(struct city *c, int i, const char *profile)
{
    struct op_card_add *a = &fresh(LOP_CARD_ADD)->card_add;
    memcpy(a->issuer, issuer, sizeof issuer);
    serial_of(i, a->serial);
    snprintf(a->number, sizeof a->number, "3100000000000%05u", (unsigned)(i + 1) % 100000);
    snprintf(a->profile, sizeof a->profile, "%s", profile);
    a->kind = CARD_NAMED;
    a->state = CARD_ACTIVE;
    a->registered = 1;
    a->ceiling = 500000;
    snprintf(a->category, sizeof a->category, "%s", i == 1 ? "student" : "");
    a->category_to = i == 1 ? 20401231 : 0;
    snprintf(a->citizen, sizeof a->citizen, "c%d", i + 1);
    assert_int_equal(city_op(c, &op), 0);
    return op.card_add.card;
}

static void load_parts(struct city *c)
{
    struct conf_errors errors;
    struct buf text;
    static const char *const names[] = {"payment", "transit"};
    char conf[160];
    int len = snprintf(conf, sizeof conf, "modules: {transit: {concessions: {student: %s}, bearers: {student: treasury}}}",
                       city_student_pays);
    ROLE_ENTER_WORKER();
    conf_errors_init(&errors);
    arena_init(&c->arena, 0);
    assert_int_equal(conf_tree_parse("test", conf, (size_t)len, &c->arena, &errors, &c->tree), 0);
    if (profile_set_load(ONECARD_SOURCE_DIR "/conf/profiles", &errors, &c->env.profiles) != 0 ||
        module_set_load(&(struct modules_opts){.dir = ONECARD_BINARY_DIR "/lib/onecard/modules", .names = names, .count = 2, .tree = &c->tree,
                                                .conf = conf_subtree(&c->tree, "modules")},
                        &errors, &c->env.modules) != 0) {
        buf_init(&text, 0);
        conf_errors_print(&errors, &text);
        fail_msg("%s", buf_cstr(&text));
    }
    conf_errors_fini(&errors);
}

void city_keys(struct city *c, bool software_sam, int without)
{
    custody_free(&c->env.custody);
    assert_int_equal(custody_new(software_sam, &c->env.custody), 0);
    for (int p = 1; p <= KEY_PURPOSE_LAST; p++) {
        if (p == without)
            continue;
        struct custody_slot slot = {.purpose = (enum key_purpose)p, .alg = PBOC_3DES, .version = 1, .all_issuers = true};
        uint8_t key[16];
        key_of(slot.purpose, key);
        assert_int_equal(custody_add(c->env.custody, &slot, key), 0);
    }
}

static int64_t wall_ahead(const struct clock *clock)
{
    const struct city_clock *c = (const struct city_clock *)clock;
    return c->stopped_ms != 0 ? c->stopped_ms : clock_wall_ms(&clock_system) + c->ahead_ms;
}
static int64_t mono_as_it_is(const struct clock *clock)
{
    (void)clock;
    return clock_mono_ns(&clock_system);
}

void city_open(struct city *c, enum cardsim_profile kind, const char *profile)
{
    memset(c, 0, sizeof *c);
    c->kind = kind;
    c->profile = profile;
    log_set_level(LOG_ERROR);
    const char *tmp = getenv("TMPDIR");
    snprintf(c->dir, sizeof c->dir, "%s/onecard-city.XXXXXX", tmp && strlen(tmp) < 32 ? tmp : "/tmp");
    assert_non_null(mkdtemp(c->dir));
    memset(c->chain_key, 7, sizeof c->chain_key);
    assert_int_equal(loop_new(&c->loop, NULL), 0);
    assert_int_equal(readers_new(&c->readers), 0);
    assert_int_equal(reader_sim_new(c->readers, "sim", &c->sim), 0);
    c->env.loop = c->loop;
    c->clock.clock = (struct clock){.wall_ms = wall_ahead, .mono_ns = mono_as_it_is};
    c->env.clock = &c->clock.clock;
    c->env.rng = &rng_system;
    c->env.city_offset_min = 480;
    c->env.policy.command_ms = 500;
    snprintf(c->env.policy.loss_bearer, sizeof c->env.policy.loss_bearer, "issuer");
    assert_int_equal(crypto_new(NULL, &c->env.crypto), 0);
    txn_env_init(&c->env);
    load_parts(c);
    city_keys(c, true, 0);
    make_ledger(c);
    start(c);
    add_participant(c, "bank");
    add_participant(c, "shop");
    add_participant(c, "bus");
    add_terminal(c, "desk", "desk", "bank", 1, "", "sim");
    add_terminal(c, "shop", "pos", "shop", 2, "", "sim");
    add_terminal(c, "bus", "bus", "bus", 3, "transit.ride", "sim");
    for (int i = 0; i < CITY_CARDS; i++)
        c->card[i] = make_card(i, kind);
    for (int i = 0; i < 2; i++)
        c->card_id[i] = register_card(c, i, profile);
}

void city_lane(struct city *c, unsigned n, struct reader_sim **ret_sim, struct cardsim **ret_card)
{
    char name[16];
    snprintf(name, sizeof name, "lane%u", n);
    assert_int_equal(reader_sim_new(c->readers, name, ret_sim), 0);
    add_terminal(c, name, "desk", "bank", (uint8_t)(16 + n), "", name);
    *ret_card = city_card(c, n, &(int64_t){0});
    reader_sim_insert(*ret_sim, *ret_card);
}

struct cardsim *city_card(struct city *c, unsigned n, int64_t *ret_id)
{
    struct cardsim *card = make_card((int)(CITY_CARDS + n), c->kind);
    *ret_id = register_card(c, (int)(CITY_CARDS + n), c->profile);
    return card;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

static void stop(struct city *c)
{
    ROLE_ENTER_WORKER();
    ledger_close(&c->ledger);
}

void city_close(struct city *c)
{
    stop(c);
    txn_env_fini(&c->env);
    readers_free(&c->readers);
    for (int i = 0; i < CITY_CARDS; i++)
        cardsim_free(&c->card[i]);
    loop_free(&c->loop);
    module_set_free(&c->env.modules);
    profile_set_free(&c->env.profiles);
    custody_free(&c->env.custody);
    crypto_free(&c->env.crypto);
    arena_fini(&c->arena);
    nftw(c->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

struct recover_args {
    struct city *c;
    unsigned count;
};
static CO_FN int recover(void *arg)
{
    struct recover_args *a = arg;
    return txn_co_recover(&a->c->env, &a->count);
}

void city_restart(struct city *c, unsigned *ret_recovered)
{
    struct recover_args a = {c, 0};
    stop(c);
    start(c);
    assert_int_equal(loop_run_flow(c->loop, "recover", recover, &a), 0);
    *ret_recovered = a.count;
}

struct txn_request city_request(const char *service, const char *term, fen_t amount)
{
    struct txn_request r = {.amount = amount, .wait_ms = 300};
    snprintf(r.service, sizeof r.service, "%s", service);
    snprintf(r.terminal, sizeof r.terminal, "%s", term);
    snprintf(r.who, sizeof r.who, "clerk");
    return r;
}

void city_param(struct txn_request *r, const char *name, const char *value)
{
    struct txn_param *p = &r->params[r->param_count++];
    snprintf(p->name, sizeof p->name, "%s", name);
    snprintf(p->value, sizeof p->value, "%s", value);
}

struct run_args {
    struct city *c;
    struct reader *reader;
    struct txn_request req;
};
static CO_FN int run(void *arg)
{
    struct run_args *a = arg;
    return txn_co_run(&a->c->env, a->reader, &a->req, &result);
}

struct txn_result *city_run_reader(struct city *c, struct reader *reader, const struct txn_request *r)
{
    static struct run_args a;
    a = (struct run_args){c, reader, *r};
    assert_int_equal(txn_request_hash(c->env.crypto, &a.req, a.req.request_hash), 0);
    assert_int_equal(loop_run_flow(c->loop, "request", run, &a), 0);
    return &result;
}

struct txn_result *city_run_at(struct city *c, struct reader_sim *sim, const struct txn_request *r)
{
    return city_run_reader(c, reader_sim_reader(sim), r);
}

struct txn_result *city_run(struct city *c, const struct txn_request *r)
{
    return city_run_at(c, c->sim, r);
}

int64_t city_journal(struct city *c)
{
    struct ledger_stats s;
    ledger_stats(c->ledger, &s);
    return s.journal_seq;
}

struct txn_result *city_do(struct city *c, const char *service, fen_t amount, enum oc_outcome outcome, enum oc_reason reason)
{
    const char *term = strncmp(service, "transit.", 8) == 0 ? "bus" : strcmp(service, "payment.load") == 0 ? "desk" : "shop";
    struct txn_request r = city_request(service, term, amount);
    city_run(c, &r);
    if (result.outcome != outcome || result.reason != reason)
        fail_msg("%s: %s/%s (%s), expected %s/%s", service, oc_outcome_name(result.outcome), oc_reason_code(result.reason),
                 result.detail, oc_outcome_name(outcome), oc_reason_code(reason));
    return &result;
}

int city_op(struct city *c, struct ledger_op *o)
{
    ROLE_ENTER_WORKER();
    return ledger_submit(c->ledger, o);
}

void city_card_state(struct city *c, int card, enum card_state to)
{
    struct op_card_state *s = &fresh(LOP_CARD_STATE)->card_state;
    s->card = c->card_id[card];
    s->to = (uint8_t)to;
    snprintf(s->why, sizeof s->why, "test");
    assert_int_equal(city_op(c, &op), 0);
}

struct read_args {
    struct city *c;
    int64_t id;
    enum acct_kind kind;
    const char *owner;
};
static CO_FN int read_card(void *arg)
{
    struct read_args *a = arg;
    return ledger_co_card_id(a->c->ledger, a->id, &card_row);
}
static CO_FN int read_txn(void *arg)
{
    struct read_args *a = arg;
    return ledger_co_txn(a->c->ledger, a->id, &txn_row);
}
static CO_FN int read_account(void *arg)
{
    struct read_args *a = arg;
    return ledger_co_account(a->c->ledger, a->kind, a->owner, &account_row);
}

struct card_row *city_card_row(struct city *c, int card)
{
    struct read_args a = {.c = c, .id = c->card_id[card]};
    assert_int_equal(loop_run_flow(c->loop, "read", read_card, &a), 0);
    return &card_row;
}

struct txn_row *city_txn(struct city *c, int64_t txn)
{
    struct read_args a = {.c = c, .id = txn};
    assert_int_equal(loop_run_flow(c->loop, "read", read_txn, &a), 0);
    return &txn_row;
}

struct account_row *city_account(struct city *c, enum acct_kind kind, const char *owner)
{
    struct read_args a = {.c = c, .kind = kind, .owner = owner};
    memset(&account_row, 0, sizeof account_row);
    int rc = loop_run_flow(c->loop, "read", read_account, &a);
    assert_true(rc == 0 || rc == OC_ENOENT);
    return &account_row;
}

fen_t city_chip(struct city *c, int card)
{
    struct cardsim_status s;
    cardsim_status(c->card[card], &s);
    return s.balance_fen;
}

struct verify_args {
    struct city *c;
    struct ledger_report report;
};
static CO_FN int verify(void *arg)
{
    struct verify_args *a = arg;
    return ledger_co_verify(a->c->ledger, &a->report);
}

void city_agrees(struct city *c, int card, fen_t fen)
{
    static struct verify_args a;
    a.c = c;
    const struct card_row *row = city_card_row(c, card);
    assert_int_equal(city_chip(c, card), fen);
    assert_int_equal(row->purse, fen);
    assert_int_equal(row->purse_debits_pending, 0);
    assert_int_equal(row->purse_credits_pending, 0);
    assert_int_equal(row->open_txn, 0);
    assert_int_equal(row->alarm, 0);
    assert_int_equal(row->awaiting, 0);
    assert_int_equal(loop_run_flow(c->loop, "verify", verify, &a), 0);
    if (a.report.faults != 0)
        fail_msg("%u faults, first: %s", a.report.faults, a.report.first_fault);
}

/* Holds and messages over whole dialogues (R12): a bank in this process that keeps its own book, and the
 * ledger. At the end of each test the two agree: each hold that stands is one transaction that posted. */
#include "city.h"

#include <onecard/module.h>

#include <dirent.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOLDS 64

extern const struct onecard_module onecard_module; /* holdtest */

enum mode { GOOD, REFUSES, AWAY, LOST, WRONG, GARBAGE, ACTS_AND_IS_LOST, BROKEN };

static struct bank {
    struct hold {
        char id[IDENT_TEXT];
        bool held, confirmed, reversed;
        unsigned asks, confirms, reverses;
    } holds[HOLDS];
    unsigned count, messages, asks;
    enum mode hold, end, message; /* of POST /hold, of /confirm and /reverse, of /message */
    bool told; /* the hold's document came as the module planned it */
    unsigned end_bad;             /* so many times from now on; 0: always */
    int64_t takes_ms;
    char order[512]; /* what was acknowledged, one word each */
    char last_body[512], last_key[80];
} bank;
static struct city c;

/* ---- the bank ---- */

static struct hold *hold_of(const char *json)
{
    char id[IDENT_TEXT] = "";
    const char *at = strstr(json, "\"id\":\"");
    if (at != NULL)
        snprintf(id, sizeof id, "%.13s", at + 6);
    for (unsigned i = 0; i < bank.count; i++)
        if (strcmp(bank.holds[i].id, id) == 0)
            return &bank.holds[i];
    CHECK(bank.count < HOLDS);
    snprintf(bank.holds[bank.count].id, IDENT_TEXT, "%s", id);
    return &bank.holds[bank.count++];
}

static long long asked_fen(const char *json)
{
    const char *at = strstr(json, "\"amount_fen\":");
    return at != NULL ? atoll(at + 13) : -1;
}

static int answer(const struct upstream_exchange *e, struct upstream_answer *ret, int status, const char *text)
{
    ret->status = status;
    ret->body = arena_strdup(e->arena, text);
    ret->len = strlen(text);
    return 0;
}

static int on_hold(const struct upstream_exchange *e, struct upstream_answer *ret)
{
    char text[128];
    struct hold *h = hold_of(e->json);
    if (bank.hold == AWAY)
        return OC_EIO;
    if (bank.hold == LOST)
        return OC_ETIMEDOUT;
    h->asks++;
    bank.told = strstr(e->json, "\"document\":{\"card\":") != NULL && strstr(e->json, "\"asked_fen\":") != NULL;
    if (bank.hold == REFUSES)
        return answer(e, ret, 200, "{\"refused\":{\"reason\":\"no_funds\",\"detail\":\"not enough there\"}}");
    if (bank.hold == BROKEN)
        return answer(e, ret, 500, "{\"error\":1}");
    if (!h->reversed)
        h->held = true;
    if (bank.hold == ACTS_AND_IS_LOST)
        return OC_ECLOSED;
    if (bank.hold == GARBAGE)
        return answer(e, ret, 200, "[[[");
    snprintf(text, sizeof text, "{\"held\":{\"reference\":\"B-%s\",\"document\":{\"amount_fen\":%lld,\"more\":1}}}", h->id,
             asked_fen(e->json) + (bank.hold == WRONG ? 1 : 0));
    return answer(e, ret, 200, text);
}

static bool bad_end(void)
{
    if (bank.end == GOOD)
        return false;
    if (bank.end_bad > 0 && --bank.end_bad == 0)
        bank.end = GOOD;
    return true;
}

static int on_end(const struct upstream_exchange *e, struct upstream_answer *ret, bool confirm)
{
    struct hold *h = hold_of(e->json);
    enum mode m = bank.end;
    if (bad_end()) {
        if (m == AWAY)
            return OC_EIO;
        if (m == BROKEN)
            return answer(e, ret, 400, "{\"error\":\"what?\"}");
        if (m != ACTS_AND_IS_LOST)
            return OC_ETIMEDOUT;
    }
    h->confirmed |= confirm;
    h->reversed |= !confirm;
    *(confirm ? &h->confirms : &h->reverses) += 1;
    if (m == ACTS_AND_IS_LOST)
        return OC_ECLOSED;
    strcat(bank.order, confirm ? "confirm " : "reverse ");
    return answer(e, ret, 200, "{}");
}

static int on_message(const struct upstream_exchange *e, struct upstream_answer *ret)
{
    char word[32] = "";
    if (bank.message == AWAY)
        return OC_EIO;
    if (bank.message == BROKEN)
        return answer(e, ret, 400, "{\"error\":\"what?\"}");
    const char *at = strstr(e->json, "\"number\":");
    snprintf(word, sizeof word, "m%.1s ", at != NULL ? at + 9 : "?");
    if (strlen(bank.order) + sizeof word < sizeof bank.order)
        strcat(bank.order, word);
    bank.messages++;
    return answer(e, ret, 200, "{}");
}

static int exchange(void *arg, const struct upstream_exchange *e, struct upstream_answer *ret) CO_FN;
static int exchange(void *arg, const struct upstream_exchange *e, struct upstream_answer *ret)
{
    (void)arg;
    snprintf(bank.last_body, sizeof bank.last_body, "%.*s", (int)e->len, e->json);
    snprintf(bank.last_key, sizeof bank.last_key, "%s", e->key);
    int rc = bank.takes_ms > 0 ? flow_co_sleep_ms(bank.takes_ms) : 0;
    if (rc != 0)
        return rc;
    if (strcmp(e->path, "/hold") == 0)
        return on_hold(e, ret);
    if (strcmp(e->path, "/confirm") == 0 || strcmp(e->path, "/reverse") == 0)
        return on_end(e, ret, strcmp(e->path, "/confirm") == 0);
    if (strcmp(e->path, "/message") == 0)
        return on_message(e, ret);
    bank.asks++;
    return bank.hold == REFUSES ? answer(e, ret, 200, "{\"refused\":{\"reason\":\"no\"}}")
                                : answer(e, ret, 200, "{\"document\":{\"seen\":true}}");
}

/* ---- the city ---- */

static int stop_flow(void *arg) CO_FN;
static int stop_flow(void *arg)
{
    loop_stop(arg, 200);
    return 0;
}

static int setup(void **state)
{
    static const uint8_t seed[32] = {9};
    static const struct onecard_module *const modules[] = {&onecard_module, NULL};
    static const char *const names[] = {"holdtest"};
    struct conf_errors errors;
    (void)state;
    memset(&bank, 0, sizeof bank);
    city_open(&c, CARDSIM_PBOC, "pboc-ep");
    module_set_free(&c.env.modules);
    conf_errors_init(&errors);
    struct modules_opts mo = {.names = names, .count = 1, .tree = &c.tree};
    assert_int_equal(module_set_static(&mo, modules, &errors, &c.env.modules), 0);
    conf_errors_fini(&errors);
    struct upstream_route route = {.participant = "bank", .url = "https://bank.test", .failures = 1000, .lanes = 4,
                                   .retry_ms = 20, .retry_max_ms = 100, .attempts = 3};
    struct upstream_opts o = {.loop = c.loop, .clock = &clock_system, .crypto = c.env.crypto, .rng = &rng_system, .seed = seed,
                              .from = "site-1000000000000001-0", .routes = &route, .route_count = 1, .co_exchange = exchange};
    assert_int_equal(upstream_open(&o, &c.env.upstream), 0);
    assert_int_equal(txn_outbox_start(&c.env), 0);
    reader_sim_insert(c.sim, c.card[0]);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    int rc = loop_run_flow(c.loop, "stop", stop_flow, c.loop);
    rc = rc == 0 ? loop_run(c.loop) : rc;
    struct upstream *u = c.env.upstream;
    city_close(&c);
    upstream_close(&u);
    return rc;
}

static struct txn_result *run(const char *service, fen_t amount, const char *name, const char *value)
{
    struct txn_request q = city_request(service, "shop", amount);
    if (name != NULL)
        city_param(&q, name, value);
    return city_run(&c, &q);
}

struct look {
    int64_t txn, id;
    struct hold_row hold;
    struct message_row message;
    unsigned n;
    uint8_t state;
    int64_t ms;
};

static int read_hold(void *arg) CO_FN;
static int read_hold(void *arg)
{
    struct look *l = arg;
    return ledger_co_hold(c.ledger, l->txn, &l->hold);
}

static uint8_t hold_state_of(int64_t txn)
{
    static struct look l;
    l = (struct look){.txn = txn};
    assert_int_equal(loop_run_flow(c.loop, "look", read_hold, &l), 0);
    return l.hold.state;
}

static int read_messages(void *arg) CO_FN;
static int read_messages(void *arg)
{
    struct look *l = arg;
    int rc = ledger_co_messages(c.ledger, 0, l->state, NULL, flow_arena(), &l->message, 1, &l->n);
    l->message.doc = NULL;
    return rc;
}

static struct look *first_message(uint8_t state)
{
    static struct look l;
    l = (struct look){.state = state};
    assert_int_equal(loop_run_flow(c.loop, "look", read_messages, &l), 0);
    return &l;
}

/* The bank's book and the ledger's: each hold confirmed or reversed, once for good, as the transaction ended. */
static void books_agree(void)
{
    assert_true(city_delivered(&c, 5000));
    for (unsigned i = 0; i < bank.count; i++) {
        const struct hold *h = &bank.holds[i];
        int64_t txn;
        assert_int_equal(ident_parse(h->id, &txn), 0);
        uint8_t state = city_txn(&c, txn)->state;
        assert_false(h->confirmed && h->reversed);
        assert_int_equal(h->confirmed, state == OC_TXN_POSTED);
        if (h->held)
            assert_true(h->confirmed || h->reversed);
        assert_true(h->asks <= 1);
        uint8_t at = hold_state_of(txn);
        assert_int_equal(at, h->confirmed ? HOLD_CONFIRMED : h->reversed ? HOLD_REVERSED : HOLD_REFUSED);
    }
}

static struct hold *only(void)
{
    assert_int_equal(bank.count, 1);
    return &bank.holds[0];
}

static void expect(const struct txn_result *r, enum oc_outcome outcome, enum oc_reason reason)
{
    if (r->outcome != outcome || r->reason != reason)
        fail_msg("%s/%s (%s), expected %s/%s", oc_outcome_name(r->outcome), oc_reason_code(r->reason), r->detail,
                 oc_outcome_name(outcome), oc_reason_code(reason));
}

/* ---- the table, line by line ---- */

static void R12_load_is_held_credited_and_confirmed(void **state)
{
    (void)state;
    struct txn_result *r = run("holdtest.load", 5000, NULL, NULL);
    expect(r, OC_POSTED, OC_R_NONE);
    books_agree();
    assert_true(only()->confirmed);
    assert_string_equal(bank.order, "confirm m1 ");
    city_agrees(&c, 0, 5000);
}

static void R12_refused_hold_voids_and_reverses_nothing(void **state)
{
    (void)state;
    bank.hold = REFUSES;
    unsigned before = reader_sim_commands(c.sim);
    struct txn_result *r = run("holdtest.load", 5000, NULL, NULL);
    expect(r, OC_VOIDED, OC_R_UPSTREAM_REFUSED);
    assert_non_null(strstr(r->detail, "not enough there"));
    assert_int_equal(hold_state_of(r->txn), HOLD_REFUSED);
    assert_true(reader_sim_commands(c.sim) > before); /* INITIALIZE, and no more */
    books_agree();
    assert_int_equal(only()->reverses, 0);
    assert_string_equal(bank.order, "");
    city_agrees(&c, 0, 0);
}

static void R12_bank_that_is_not_reached_voids_and_reverses_nothing(void **state)
{
    (void)state;
    bank.hold = AWAY;
    struct txn_result *r = run("holdtest.load", 5000, NULL, NULL);
    expect(r, OC_VOIDED, OC_R_UPSTREAM_AWAY);
    assert_non_null(strstr(r->detail, "nothing was sent"));
    books_agree();
    assert_int_equal(only()->reverses, 0);
    city_agrees(&c, 0, 0);
}

static void R12_no_answer_voids_and_reverses_until_acknowledged(void **state)
{
    const enum mode modes[] = {LOST, ACTS_AND_IS_LOST, GARBAGE, BROKEN};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        bank.hold = modes[i];
        bank.end = i % 2 ? AWAY : LOST;
        bank.end_bad = 3;
        struct txn_result *r = run("holdtest.load", 5000, NULL, NULL);
        expect(r, OC_VOIDED, OC_R_UPSTREAM_AWAY);
        assert_int_equal(city_txn(&c, r->txn)->state, OC_TXN_VOIDED);
        books_agree();
        assert_int_equal(bank.holds[i].reverses, 1);
    }
    city_agrees(&c, 0, 0);
}

static void R12_answer_that_differs_voids_and_reverses(void **state)
{
    (void)state;
    bank.hold = WRONG;
    struct txn_result *r = run("holdtest.load", 5000, NULL, NULL);
    expect(r, OC_VOIDED, OC_R_UPSTREAM_REFUSED);
    assert_non_null(strstr(r->detail, "amount_fen"));
    books_agree();
    assert_true(only()->held && only()->reversed);
    r = run("holdtest.load", 5000, "expect", "no");
    expect(r, OC_POSTED, OC_R_NONE);
    books_agree();
    city_agrees(&c, 0, 5000);
}

static void R12_confirm_whose_answer_is_lost_is_sent_again_under_the_same_key(void **state)
{
    (void)state;
    bank.end = ACTS_AND_IS_LOST;
    bank.end_bad = 2;
    expect(run("holdtest.load", 5000, NULL, NULL), OC_POSTED, OC_R_NONE);
    books_agree();
    assert_int_equal(only()->confirms, 3);
    city_agrees(&c, 0, 5000);
}

static void count_credits(struct reader_sim *sim, const uint8_t *cmd, size_t len, void *arg)
{
    (void)sim;
    if (len > 1 && cmd[0] == 0x80 && cmd[1] == 0x52) /* CREDIT FOR LOAD */
        *(uint8_t *)arg = bank.count > 0 && bank.holds[0].held ? 1 : 2;
}

static void R7_credit_goes_to_the_card_only_after_the_hold_stands(void **state)
{
    uint8_t seen = 0;
    (void)state;
    bank.takes_ms = 100;
    reader_sim_hook(c.sim, count_credits, &seen);
    expect(run("holdtest.load", 5000, NULL, NULL), OC_POSTED, OC_R_NONE);
    assert_int_equal(seen, 1);
    reader_sim_hook(c.sim, NULL, NULL);
    books_agree();
}

static void R12_debit_refused_by_the_card_reverses_the_hold(void **state)
{
    (void)state;
    expect(run("holdtest.load", 5000, NULL, NULL), OC_POSTED, OC_R_NONE);
    assert_int_equal(cardsim_fault_add(c.card[0], "sw:9302@54"), 0);
    struct txn_result *r = run("holdtest.buy", 300, NULL, NULL);
    assert_int_not_equal(r->outcome, OC_POSTED);
    books_agree();
    assert_true(bank.holds[1].reversed);
    city_agrees(&c, 0, 5000);
}

static void R12_card_torn_out_keeps_the_hold_until_the_doubt_ends(void **state)
{
    (void)state;
    expect(run("holdtest.load", 5000, NULL, NULL), OC_POSTED, OC_R_NONE);
    books_agree();
    unsigned told = bank.messages;
    assert_int_equal(cardsim_fault_add(c.card[0], "torn-after@54"), 0);
    struct txn_result *r = run("holdtest.buy", 300, NULL, NULL);
    expect(r, OC_IN_DOUBT, OC_R_ANSWER_LOST);
    int64_t txn = r->txn;
    assert_true(city_delivered(&c, 1000));
    assert_int_equal(hold_state_of(txn), HOLD_HELD);
    assert_int_equal(bank.messages, told); /* nothing of it waits to be told or fetched, either */
    reader_sim_return(c.sim);
    expect(run("holdtest.buy", 200, NULL, NULL), OC_POSTED, OC_R_NONE);
    assert_int_equal(city_txn(&c, txn)->state, OC_TXN_POSTED);
    books_agree();
    assert_int_equal(bank.messages, told + 2);
    city_agrees(&c, 0, 4500);
}

static void R12_card_torn_out_before_the_debit_reverses_the_hold(void **state)
{
    (void)state;
    expect(run("holdtest.load", 5000, NULL, NULL), OC_POSTED, OC_R_NONE);
    assert_int_equal(cardsim_fault_add(c.card[0], "torn-before@54"), 0);
    struct txn_result *r = run("holdtest.buy", 300, NULL, NULL);
    int64_t txn = r->txn;
    assert_int_not_equal(r->outcome, OC_POSTED);
    reader_sim_return(c.sim);
    expect(run("holdtest.buy", 200, NULL, NULL), OC_POSTED, OC_R_NONE);
    assert_int_equal(city_txn(&c, txn)->state, OC_TXN_VOIDED);
    books_agree();
    city_agrees(&c, 0, 4800);
}

static void R12_account_plan_posts_when_the_hold_stands(void **state)
{
    (void)state;
    struct txn_result *r = run("holdtest.pay", 700, NULL, NULL);
    expect(r, OC_POSTED, OC_R_NONE);
    assert_non_null(strstr(r->reply, "paid"));
    assert_int_equal(city_account(&c, ACCT_MERCHANT, "shop")->credits_posted, 700);
    books_agree();
    bank.hold = REFUSES;
    expect(run("holdtest.pay", 700, NULL, NULL), OC_VOIDED, OC_R_UPSTREAM_REFUSED);
    assert_int_equal(city_account(&c, ACCT_MERCHANT, "shop")->credits_posted, 700);
    assert_int_equal(city_account(&c, ACCT_LOAD_RECEIVABLE, "bank")->debits_pending, 0);
    books_agree();
    city_agrees(&c, 0, 0);
}

static void R12_note_leaves_its_messages_in_order(void **state)
{
    (void)state;
    expect(run("holdtest.note", 0, "messages", "4"), OC_POSTED, OC_R_NONE);
    books_agree();
    assert_string_equal(bank.order, "m1 m2 m3 m4 ");
    expect(run("holdtest.note", 0, "hold", "yes"), OC_POSTED, OC_R_NONE);
    books_agree();
    assert_string_equal(bank.order, "m1 m2 m3 m4 confirm m1 ");
    city_agrees(&c, 0, 0);
}

static void no_route_is_refused_before_anything_is_written(void **state)
{
    (void)state;
    struct txn_result *r = run("holdtest.pay", 700, "to", "shop");
    expect(r, OC_REFUSED, OC_R_UPSTREAM_AWAY);
    assert_int_equal(bank.count, 0);
}

static void question_is_asked_and_changes_nothing(void **state)
{
    (void)state;
    struct txn_result *r = run("holdtest.ask", 0, NULL, NULL);
    expect(r, OC_POSTED, OC_R_NONE);
    assert_non_null(strstr(r->reply, "\"seen\":true"));
    assert_int_equal(bank.asks, 1);
    bank.hold = REFUSES;
    expect(run("holdtest.ask", 0, NULL, NULL), OC_REFUSED, OC_R_UPSTREAM_REFUSED);
    expect(run("holdtest.ask", 0, "to", "shop"), OC_REFUSED, OC_R_UPSTREAM_AWAY);
}

/* ---- what holds say of somebody ---- */

static const struct seal_key vault_key = {.id = 9, .bytes = {1, 2, 3}};
static int vault_says;

static int co_seal(void *vault, const char *citizen, uint8_t what, struct bytes place, struct bytes plain, struct buf *ret)
{
    (void)vault, (void)citizen, (void)what;
    return vault_says != 0 ? vault_says : seal_wrap(c.env.crypto, &vault_key, place, plain, ret);
}

static int co_unseal(void *vault, const char *citizen, uint8_t what, struct bytes place, struct bytes blob, struct buf *ret)
{
    (void)vault, (void)citizen, (void)what;
    return seal_unwrap(c.env.crypto, &vault_key, place, blob, ret);
}

/* Does any file of the ledger, its log included, have these bytes? */
static bool written_anywhere(const char *word)
{
    bool found = false;
    DIR *dir = opendir(c.dir);
    assert_non_null(dir);
    for (struct dirent *f; (f = readdir(dir)) != NULL;) {
        char path[400];
        snprintf(path, sizeof path, "%s/%s", c.dir, f->d_name);
        FILE *in = strncmp(f->d_name, "ledger.db", 9) == 0 ? fopen(path, "rb") : NULL;
        size_t at = 0;
        for (int ch; in != NULL && !found && (ch = getc(in)) != EOF;) {
            at = ch == word[at] ? at + 1 : ch == word[0];
            found = word[at] == '\0';
        }
        if (in != NULL)
            fclose(in);
    }
    closedir(dir);
    return found;
}

static void R20_what_a_hold_says_of_a_citizen_is_told_and_never_written_in_clear(void **state)
{
    static const int says[] = {0, OC_ESTATE}; /* sealed; erased, so nothing can be */
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(says); i++) {
        vault_says = says[i];
        c.env.co_seal = co_seal;
        bank.told = false;
        expect(run("holdtest.load", 5000, NULL, NULL), OC_POSTED, OC_R_NONE);
        books_agree();
        assert_true(bank.told);
        assert_false(written_anywhere("asked_fen"));
    }
    bank.hold = WRONG; /* what is expected is looked at all the same */
    expect(run("holdtest.load", 5000, NULL, NULL), OC_VOIDED, OC_R_UPSTREAM_REFUSED);
    books_agree();
    bank.hold = GOOD;
    expect(run("holdtest.note", 0, "hold", "yes"), OC_POSTED, OC_R_NONE); /* nobody's */
    assert_true(written_anywhere("asked_fen"));
    c.env.co_seal = NULL;
    vault_says = 0;
    books_agree();
    city_agrees(&c, 0, 10000);
}

/* ---- the store fails, or the daemon is killed, at each step ---- */

static void R12_store_that_fails_after_each_step_leaves_books_that_agree(void **state)
{
    static const char *const services[] = {"holdtest.load", "holdtest.buy", "holdtest.pay", "holdtest.note"};
    (void)state;
    expect(run("holdtest.load", 50000, NULL, NULL), OC_POSTED, OC_R_NONE);
    books_agree();
    for (size_t s = 0; s < ARRAY_LEN(services); s++) {
        for (int good = 0; good < 4; good++) {
            unsigned n = 0;
            c.store_ok = good; /* the refusal's or intent's commit, the hold's answer, the outcome, the confirmation */
            c.store_bad = 12;
            bank.hold = GOOD;
            (void)run(services[s], 100, strcmp(services[s], "holdtest.note") == 0 ? "hold" : NULL, "yes");
            c.store_ok = c.store_bad = 0;
            city_restart(&c, &n); /* as kill -9 and a start */
            (void)run("holdtest.buy", 100, NULL, NULL); /* the card's next presentation ends its doubt */
            books_agree();
            for (unsigned i = 0; i < bank.count; i++) {
                int64_t txn;
                assert_int_equal(ident_parse(bank.holds[i].id, &txn), 0);
                uint8_t end = city_txn(&c, txn)->state;
                assert_true(end == OC_TXN_POSTED || end == OC_TXN_VOIDED);
            }
        }
    }
    city_agrees(&c, 0, city_chip(&c, 0));
}

static void R12_restart_before_the_holds_answer_voids_and_reverses(void **state)
{
    unsigned n = 0;
    (void)state;
    c.store_ok = 1; /* the intent; neither the hold's answer nor the outcome */
    c.store_bad = 20;
    struct txn_result *r = run("holdtest.load", 5000, NULL, NULL);
    expect(r, OC_IN_DOUBT, OC_R_STORE);
    int64_t txn = r->txn;
    c.store_ok = c.store_bad = 0;
    assert_int_equal(city_txn(&c, txn)->state, OC_TXN_INTENDED);
    assert_true(only()->held);
    city_restart(&c, &n);
    assert_int_equal(n, 1);
    assert_int_equal(city_txn(&c, txn)->state, OC_TXN_VOIDED);
    books_agree();
    assert_true(only()->reversed);
    city_agrees(&c, 0, 0);
}

static int sweep_flow(void *arg) CO_FN;
static int sweep_flow(void *arg)
{
    return txn_co_sweep(&c.env, arg);
}

static void R12_account_plan_that_the_store_did_not_end_is_undone_while_the_daemon_runs(void **state)
{
    unsigned n = 9;
    (void)state;
    c.store_ok = 1; /* the intent alone */
    c.store_bad = 20;
    struct txn_result *r = run("holdtest.pay", 700, NULL, NULL);
    expect(r, OC_IN_DOUBT, OC_R_STORE);
    int64_t txn = r->txn;
    c.store_ok = c.store_bad = 0;
    assert_int_equal(loop_run_flow(c.loop, "sweep", sweep_flow, &n), 0);
    assert_int_equal(n, 0); /* it may still be at work */
    c.clock.ahead_ms = 240000;
    assert_int_equal(loop_run_flow(c.loop, "sweep", sweep_flow, &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(city_txn(&c, txn)->state, OC_TXN_VOIDED);
    books_agree();
    assert_true(only()->held && only()->reversed);
    assert_int_equal(city_account(&c, ACCT_LOAD_RECEIVABLE, "bank")->debits_pending, 0);
    city_agrees(&c, 0, 0);
}

/* ---- the outbox ---- */

static void message_that_is_refused_dies_and_a_person_sends_it_again(void **state)
{
    static struct ledger_op op;
    (void)state;
    bank.message = BROKEN;
    expect(run("holdtest.note", 0, NULL, NULL), OC_POSTED, OC_R_NONE);
    assert_false(city_delivered(&c, 600));
    struct look *l = first_message(MESSAGE_DEAD);
    assert_int_equal(l->n, 1);
    assert_int_equal(l->message.tries, 3);
    assert_non_null(strstr(l->message.note, "answered 400"));
    bank.message = GOOD;
    memset(&op, 0, sizeof op);
    op.type = LOP_MESSAGE;
    snprintf(op.who, sizeof op.who, "clerk");
    op.message.message = l->message.id;
    op.message.to = MESSAGE_DUE;
    assert_int_equal(city_op(&c, &op), 0);
    txn_outbox_retry(&c.env, NULL);
    assert_true(city_delivered(&c, 1000));
    assert_int_equal(bank.messages, 1);
}

static void R20_what_an_institution_answers_about_a_citizen_is_not_kept(void **state)
{
    (void)state;
    c.env.co_seal = co_seal;
    c.env.co_unseal = co_unseal;
    bank.message = BROKEN;
    expect(run("holdtest.note", 0, "about", "c1"), OC_POSTED, OC_R_NONE);
    assert_false(city_delivered(&c, 600));
    struct look *l = first_message(MESSAGE_DEAD);
    assert_int_equal(l->n, 1);
    assert_string_equal(l->message.note, "answered 400");
    assert_false(written_anywhere("what?"));
}

static int show_pay(void *arg) CO_FN;
static int show_pay(void *arg)
{
    static struct txn_result res;
    struct txn_request q = city_request("holdtest.pay", "shop", 700);
    return txn_co_plan(&c.env, NULL, &q, &res, arg);
}

static void R20_plan_that_is_only_shown_tells_the_size_of_what_a_hold_says(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b, 0);
    assert_int_equal(loop_run_flow(c.loop, "plan", show_pay, &b), 0);
    assert_non_null(strstr(buf_cstr(&b), "\"hold\":{\"to\":\"bank\",\"kind\":\"bill\",\"amount_fen\":700,\"bytes\":"));
    assert_null(strstr(buf_cstr(&b), "asked_fen"));
    buf_fini(&b);
}

static void institution_that_is_away_kills_no_message(void **state)
{
    (void)state;
    bank.message = AWAY;
    for (int i = 0; i < 5; i++)
        expect(run("holdtest.note", 0, "messages", "4"), OC_POSTED, OC_R_NONE);
    assert_false(city_delivered(&c, 600));
    assert_int_equal(first_message(MESSAGE_DEAD)->n, 0);
    bank.message = GOOD;
    assert_true(city_delivered(&c, 2000));
    assert_int_equal(bank.messages, 20);
}

static void messages_for_those_without_a_route_wait_to_be_fetched(void **state)
{
    (void)state;
    expect(run("holdtest.note", 0, "tell", "shop"), OC_POSTED, OC_R_NONE);
    assert_false(city_delivered(&c, 300));
    assert_int_equal(first_message(MESSAGE_DUE)->n, 1);
    assert_int_equal(bank.messages, 0);
}

static void messages_wait_without_a_route_and_go_when_it_is_there(void **state)
{
    struct upstream_route routes[] = {
        {.participant = "bank", .url = "https://bank.test", .failures = 1000, .lanes = 4, .retry_ms = 20, .retry_max_ms = 100, .attempts = 3},
        {.participant = "shop", .url = "https://shop.test", .failures = 1000, .lanes = 4, .retry_ms = 20, .retry_max_ms = 100, .attempts = 3}};
    (void)state;
    expect(run("holdtest.note", 0, "tell", "shop"), OC_POSTED, OC_R_NONE);
    assert_int_equal(upstream_change(c.env.upstream, NULL, 0), 0);
    assert_int_equal(txn_outbox_routes(&c.env), 0);
    expect(run("holdtest.note", 0, "tell", "bank"), OC_POSTED, OC_R_NONE);
    assert_false(city_delivered(&c, 300));
    assert_int_equal(bank.messages, 0);
    assert_int_equal(upstream_change(c.env.upstream, routes, 2), 0);
    assert_int_equal(txn_outbox_routes(&c.env), 0);
    assert_true(city_delivered(&c, 1000));
    assert_int_equal(bank.messages, 2);
}

#define DAYS(n) ((n) * INT64_C(86400000))

static int expire_flow(void *arg) CO_FN;
static int expire_flow(void *arg)
{
    return txn_co_outbox_expire(&c.env, DAYS(30), arg);
}

static unsigned expired(void)
{
    unsigned dead = 0;
    assert_int_equal(loop_run_flow(c.loop, "expire", expire_flow, &dead), 0);
    return dead;
}

static void message_that_nobody_fetches_dies(void **state)
{
    (void)state;
    bank.message = AWAY; /* that one has a route: being away kills nothing */
    expect(run("holdtest.note", 0, NULL, NULL), OC_POSTED, OC_R_NONE);
    for (int i = 0; i < 10; i++) /* more than a page */
        expect(run("holdtest.note", 0, "tell", "shop"), OC_POSTED, OC_R_NONE);
    c.clock.ahead_ms += DAYS(30) - 60000;
    assert_int_equal(expired(), 0);
    c.clock.ahead_ms += 120000;
    assert_int_equal(expired(), 10);
    assert_string_equal(first_message(MESSAGE_DUE)->message.to, "bank");
    struct look *l = first_message(MESSAGE_DEAD);
    assert_string_equal(l->message.to, "shop");
    assert_string_equal(l->message.note, "not fetched for 720 hours");
    assert_int_equal(expired(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(R12_load_is_held_credited_and_confirmed, setup, teardown),
        cmocka_unit_test_setup_teardown(R12_refused_hold_voids_and_reverses_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(R12_bank_that_is_not_reached_voids_and_reverses_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(R12_no_answer_voids_and_reverses_until_acknowledged, setup, teardown),
        cmocka_unit_test_setup_teardown(R12_answer_that_differs_voids_and_reverses, setup, teardown),
        cmocka_unit_test_setup_teardown(R12_confirm_whose_answer_is_lost_is_sent_again_under_the_same_key, setup, teardown),
        cmocka_unit_test_setup_teardown(R7_credit_goes_to_the_card_only_after_the_hold_stands, setup, teardown),
        cmocka_unit_test_setup_teardown(R12_debit_refused_by_the_card_reverses_the_hold, setup, teardown),
        cmocka_unit_test_setup_teardown(R12_card_torn_out_keeps_the_hold_until_the_doubt_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(R12_card_torn_out_before_the_debit_reverses_the_hold, setup, teardown),
        cmocka_unit_test_setup_teardown(R12_account_plan_posts_when_the_hold_stands, setup, teardown),
        cmocka_unit_test_setup_teardown(R12_note_leaves_its_messages_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(no_route_is_refused_before_anything_is_written, setup, teardown),
        cmocka_unit_test_setup_teardown(question_is_asked_and_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(R20_what_an_institution_answers_about_a_citizen_is_not_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(R20_plan_that_is_only_shown_tells_the_size_of_what_a_hold_says, setup, teardown),
        cmocka_unit_test_setup_teardown(R20_what_a_hold_says_of_a_citizen_is_told_and_never_written_in_clear, setup, teardown),
        cmocka_unit_test_setup_teardown(R12_store_that_fails_after_each_step_leaves_books_that_agree, setup, teardown),
        cmocka_unit_test_setup_teardown(R12_restart_before_the_holds_answer_voids_and_reverses, setup, teardown),
        cmocka_unit_test_setup_teardown(R12_account_plan_that_the_store_did_not_end_is_undone_while_the_daemon_runs, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(message_that_is_refused_dies_and_a_person_sends_it_again, setup, teardown),
        cmocka_unit_test_setup_teardown(institution_that_is_away_kills_no_message, setup, teardown),
        cmocka_unit_test_setup_teardown(messages_for_those_without_a_route_wait_to_be_fetched, setup, teardown),
        cmocka_unit_test_setup_teardown(messages_wait_without_a_route_and_go_when_it_is_there, setup, teardown),
        cmocka_unit_test_setup_teardown(message_that_nobody_fetches_dies, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Every transaction once for each call that can fail it: the n-th allocation, or the n-th call of
 * the file system, fails, once or from then on, until a run no longer meets the fault. Whatever
 * failed, the requester hears an outcome that is true, chip and ledger agree once what is open was
 * settled, nothing stays reserved, the books balance, and the card goes on (R1-R4, R12).
 *
 * Of each kind so many places are tried that it ends in time; ONECARD_FAULTS=all tries each of
 * them, ONECARD_FAULTS=N so many of a kind. ONECARD_FAULT="purchase own 17" or "… 17+" is one
 * run alone. */
#include "bad_city.h"
#include "faults.h"

#include <signal.h>
#include <unistd.h>

#define LIMIT_S 20 /* for one transaction and its settling */
#define BUSY_S  60 /* after that fewer places are tried */
#define BOOKS   25 /* runs between two looks at all books */

/* ---- the cards' work is no part of it ---- */

int __real_cardsim_transmit(struct cardsim *card, const uint8_t *cmd, size_t len, uint8_t *ret,
                            size_t cap, size_t *ret_len);
int __wrap_cardsim_transmit(struct cardsim *card, const uint8_t *cmd, size_t len, uint8_t *ret,
                            size_t cap, size_t *ret_len);
int __wrap_cardsim_transmit(struct cardsim *card, const uint8_t *cmd, size_t len, uint8_t *ret,
                            size_t cap, size_t *ret_len)
{
    faults_hold();
    int rc = __real_cardsim_transmit(card, cmd, len, ret, cap, ret_len);
    faults_release();
    return rc;
}

/* ---- one transaction ---- */

static struct run {
    struct txn_request req;
    struct txn_issue issue;
    struct txn_result res;
    int rc;
    int64_t row; /* the transaction whose end is looked at; 0: the result's */
    bool chip;   /* what it moves it moves on the chip */
    unsigned bill, credits;
} x;

static void ask(const char *service, const char *term, fen_t amount, const char *name,
                const char *value)
{
    lay(0);
    x.req = city_request(service, term, amount);
    x.req.amount = amount;
    if (name)
        city_param(&x.req, name, value);
    x.chip = amount > 0;
}

static void purchase(void)
{
    ask("payment.purchase", "shop", 10, NULL, NULL);
}

static void ride(void)
{
    c.clock.ahead_ms += 60000;
    ask("transit.ride", "b7", 0, NULL, NULL);
    x.req.gate = true;
    x.req.arrival = reader_sim_reader(c.sim)->arrival;
    x.chip = true;
}

static void load(void)
{
    ask("payment.load", "desk", 10, NULL, NULL);
}

static void load_from_bank(void)
{
    ask("payment.load", "desk", 10, "source", "bank");
    city_param(&x.req, "bank", "bank");
}

static const char *bought(void)
{
    static char id[IDENT_TEXT];
    lay(0);
    ident_text(good(chip(with("payment.purchase", "shop", 10, NULL)))->txn, id);
    return id;
}

static void load_pending(void)
{
    good(chip(with("payment.refund", "shop", 10, "txn", bought(), NULL)));
    ask("payment.load", "desk", 10, "source", "pending");
}

static void refund(void)
{
    ask("payment.refund", "shop", 10, "txn", bought());
    x.chip = false;
}

static void cancel(void)
{
    ask("payment.cancel", "shop", 0, "txn", bought());
}

/* 10.00 a bill: 0.80 from the personal account, the rest from the purse, and once the bills before
 * it bore the deductible, from the fund too. */
static void bill(void)
{
    char id[16];
    if (holds(ACCT_PERSONAL, "c1") < 80) {
        snprintf(id, sizeof id, "p%u", ++x.credits);
        good(bare(with("social.personal_credit", "bureau", 80, "batch", id, "line", "1", "fund",
                       "fund-employee", "citizen", "c1", NULL)));
    }
    snprintf(id, sizeof id, "F%u", x.bill);
    if (x.bill == 0 || invoice_is(H2, id, "balanced")) {
        snprintf(id, sizeof id, "F%u", ++x.bill);
        invoice(H2, id, today(), 600, 400, 0);
    }
    snprintf(outside.presettle, sizeof outside.presettle,
             "{\"total_fen\":1000,\"basic_fen\":520,\"serious_fen\":0,\"civil_fen\":0,"
             "\"assistance_fen\":0,\"fund_fen\":520,\"personal_fen\":80,\"cash_fen\":400,"
             "\"lines\":[{\"fund_fen\":320,\"personal_fen\":40,\"cash_fen\":240},"
             "{\"fund_fen\":200,\"personal_fen\":40,\"cash_fen\":160}]}");
    ask("medical.settle", H2, 0, "bill", id);
    x.chip = true;
}

static void torn(const char *when, const char *service, const char *term)
{
    lay(0);
    city_fault(&c, 0, when);
    const struct txn_result *r = chip(with(service, term, 10, NULL));
    assert_int_equal(r->outcome, OC_IN_DOUBT);
    int64_t txn = r->txn;
    cardsim_fault_clear(c.card[0]);
    ask("payment.balance", "shop", 0, NULL, NULL);
    x.row = txn;
    x.chip = true;
}

static void doubt_of_a_purchase(void)
{
    torn("torn-after@54", "payment.purchase", "shop");
}

static void doubt_of_a_load(void)
{
    torn("torn-before@52", "payment.load", "desk");
}

static void issue(void)
{
    const struct card_row *any = city_card_row(&c, 0);
    city_blank(&c);
    memset(&x.issue, 0, sizeof x.issue);
    snprintf(x.issue.terminal, sizeof x.issue.terminal, "desk");
    snprintf(x.issue.profile, sizeof x.issue.profile, "%s", c.profile);
    snprintf(x.issue.who, sizeof x.issue.who, "clerk");
    memcpy(x.issue.issuer, any->issuer, sizeof x.issue.issuer);
    x.issue.kind = CARD_NAMED;
    x.issue.activate = true;
    x.issue.wait_ms = 300;
    snprintf(x.issue.holder_name, sizeof x.issue.holder_name, "LI LEI");
    snprintf(x.issue.holder_id, sizeof x.issue.holder_id, "110101199003074477");
}

/* ---- running it ---- */

static CO_FN int run(void *arg)
{
    (void)arg;
    x.rc = x.issue.terminal[0] ? txn_co_issue(&c.env, reader_sim_reader(c.sim), &x.issue, &x.res)
                               : txn_co_run(&c.env, reader_sim_reader(c.sim), &x.req, &x.res);
    return x.rc;
}

/* What fails, beside the transaction: nobody could begin it. */
static struct faults_seen run_with(const struct faults *f)
{
    if (!x.issue.terminal[0])
        assert_int_equal(txn_request_hash(c.env.crypto, &x.req, x.req.request_hash), 0);
    memset(&x.res, 0, sizeof x.res);
    x.rc = OC_EINTERNAL;
    faults_arm(f);
    int rc = loop_run_flow(c.loop, "request", run, NULL);
    struct faults_seen seen = faults_disarm();
    if (x.rc == OC_EINTERNAL) /* never begun */
        x.rc = rc;
    return seen;
}

/* ---- what came of it ---- */

static const char *said_wrong(fen_t moved)
{
    const struct txn_result *r = &x.res;
    if (r->outcome == 0)
        return x.rc == OC_ENOMEM ? NULL : "nothing was said";
    if (x.rc != 0)
        return "an outcome and an error";
    if (r->outcome < OC_POSTED || r->outcome > OC_VOIDED)
        return "an outcome that there is not";
    if (r->outcome != OC_POSTED && r->reason == OC_R_NONE)
        return "no reason";
    if (x.row != 0 || x.issue.terminal[0])
        return moved != 0 ? "a look moved money" : NULL;
    if ((r->outcome == OC_REFUSED || r->outcome == OC_VOIDED) && moved != 0)
        return "moved though refused";
    if (r->outcome == OC_POSTED && (x.chip ? llabs(moved) != r->amount : moved != 0))
        return "posted, but the chip did not move by it";
    if (r->outcome == OC_POSTED && city_txn(&c, r->txn)->state != OC_TXN_POSTED)
        return "posted, its row not";
    return NULL;
}

/* The store is tried again each second, and by each operation: a step of no consequence, instead of
 * a second's wait. */
static bool store_is_back(void)
{
    static struct ledger_op op;
    for (int i = 0; i < 3; i++) {
        op = (struct ledger_op){.type = LOP_PARTICIPANT,
                                .who = "test",
                                .participant = {.id = "metro", .name = "metro"}};
        if (city_op(&c, &op) == 0)
            return ledger_healthy(c.ledger, NULL);
    }
    return false;
}

/* Once more without faults: what is open is settled, and the card buys. */
static const char *settled_wrong(fen_t moved)
{
    lay(0);
    int64_t txn = x.row ? x.row : x.res.txn;
    if (city_look(&c, 0)->outcome != OC_POSTED)
        return "the card cannot be looked at";
    struct txn_row *t = txn ? city_txn(&c, txn) : NULL;
    if (t && t->state != OC_TXN_POSTED && t->state != OC_TXN_VOIDED && t->state != OC_TXN_REFUSED)
        return "still open";
    if (t && x.chip && x.row == 0 && t->in.amount > 0 &&
        (t->state == OC_TXN_POSTED) != (moved != 0))
        return "the row ended otherwise than the chip";
    lay(0);
    if (chip(with("payment.purchase", "shop", 1, NULL))->outcome != OC_POSTED)
        return "the card does not buy any more";
    const struct card_row *row = city_card_row(&c, 0);
    if (row->purse != city_chip(&c, 0))
        return "chip and ledger differ";
    if (row->open_txn || row->purse_debits_pending || row->purse_credits_pending ||
        row->pending_load_reserved || row->alarm || row->awaiting)
        return "the card's row keeps something";
    return list_empty(&c.env.live) ? NULL : "still live";
}

/* The chip that was begun can be ended, and what was ended works. */
static const char *issue_wrong(void)
{
    lay(2);
    if (x.res.outcome != OC_POSTED) {
        (void)run_with(&(struct faults){.kinds = 0});
        if (x.res.outcome != OC_POSTED && x.res.reason == OC_R_CARD_STATE) {
            /* all there, but that nobody was told: it is a card like any other */
        } else if (x.res.outcome != OC_POSTED) {
            return "cannot be issued again";
        }
    }
    lay(2);
    if (chip(with("payment.load", "desk", 10, NULL))->outcome != OC_POSTED)
        return "does not load";
    lay(2);
    if (chip(with("payment.purchase", "shop", 10, NULL))->outcome != OC_POSTED)
        return "does not buy";
    return NULL;
}

static const char *outside_wrong(void)
{
    if (!city_delivered(&c, 5000))
        return "not delivered";
    for (unsigned i = 0; i < outside.count; i++) {
        const struct book_hold *h = &outside.holds[i];
        int64_t txn = 0;
        bool posted = ident_parse(h->id, &txn) == 0 && city_txn(&c, txn)->state == OC_TXN_POSTED;
        if (h->asks > 1)
            return "a hold was asked twice";
        if (h->confirmed != posted || h->held != posted || (h->confirmed && h->reversed))
            return "institution and ledger differ";
    }
    outside.count = 0;
    memset(outside.holds, 0, sizeof outside.holds);
    return NULL;
}

/* ---- all of them ---- */

static const struct scene {
    const char *name;
    void (*before)(void);
} scenes[] = {{"purchase", purchase},
              {"ride", ride},
              {"load", load},
              {"load_from_bank", load_from_bank},
              {"load_pending", load_pending},
              {"refund", refund},
              {"cancel", cancel},
              {"bill", bill},
              {"doubt_of_a_purchase", doubt_of_a_purchase},
              {"doubt_of_a_load", doubt_of_a_load},
              {"issue", issue}};

static const struct kind {
    const char *name;
    unsigned kinds;
    unsigned tries; /* of one mode */
} kinds[] = {{"own", FAULTS_OWN, 12},
             {"memory", FAULTS_OWN | FAULTS_MEMORY, 12},
             {"files", FAULTS_FILES, 8}};

static char now[64]; /* what runs, for those who look at a crash */

static void say_and_die(int signo)
{
    static const char at[] = "at: ";
    (void)!write(STDERR_FILENO, at, sizeof at - 1);
    (void)!write(STDERR_FILENO, now, strlen(now));
    (void)!write(STDERR_FILENO, "\n", 1);
    (void)faults_disarm();
    faults_print();
    (void)signal(signo, SIG_DFL);
    (void)raise(signo);
}

struct tally {
    unsigned runs, ends[OC_VOIDED + 1];
};

static bool one(const struct scene *s, const struct faults *f, struct tally *t)
{
    static unsigned since;
    const struct run last = x;
    x = (struct run){.bill = last.bill, .credits = last.credits};
    alarm(LIMIT_S);
    s->before();
    fen_t before = city_chip(&c, x.issue.terminal[0] ? 2 : 0);
    struct faults_seen seen = run_with(f);
    fen_t moved = city_chip(&c, x.issue.terminal[0] ? 2 : 0) - before;
    struct txn_result said = x.res;
    t->runs++;
    t->ends[said.outcome <= OC_VOIDED ? said.outcome : 0]++;
    const char *wrong = said_wrong(moved);
    if (!wrong && !store_is_back())
        wrong = "the store does not come back";
    if (!wrong && x.issue.terminal[0])
        wrong = issue_wrong();
    if (!wrong)
        wrong = settled_wrong(moved);
    if (!wrong)
        wrong = outside_wrong();
    if (wrong) {
        faults_print();
        fail_msg("%s: %s (%lu failed): rc %d, %s/%s (%s), moved %lld", now, wrong, seen.struck,
                 x.rc, oc_outcome_name(said.outcome), oc_reason_code(said.reason), said.detail,
                 (long long)moved);
    }
    if (++since % BOOKS == 0)
        books_balance();
    alarm(0);
    return seen.struck > 0;
}

static int64_t began_ns;

static unsigned tries(const struct kind *k)
{
    const char *much = getenv("ONECARD_FAULTS");
    if (!much) /* under a sanitizer, or on a machine with other work, fewer of the later ones */
        return clock_mono_ns(&clock_system) - began_ns < BUSY_S * NS_PER_S ? k->tries : 3;
    return strcmp(much, "all") == 0 ? 1000000 : (unsigned)atoi(much);
}

/* Each n-th place, where a run without faults meets so many of them. */
static void each(const struct scene *s, const struct kind *k, bool on)
{
    struct tally t = {0};
    struct faults f = {.kinds = k->kinds, .at = 1UL << 40, .on = on};
    snprintf(now, sizeof now, "%s %s -", s->name, k->name);
    (void)one(s, &f, &t);
    unsigned long calls = faults_disarm().calls, step = calls / tries(k) + 1;
    memset(&t, 0, sizeof t);
    bool struck = true;
    for (f.at = 1; struck || f.at <= calls; f.at += step) {
        snprintf(now, sizeof now, "%s %s %lu%s", s->name, k->name, f.at, on ? "+" : "");
        struck = one(s, &f, &t);
    }
    books_balance();
    print_message("%-20s %-6s %-4s %4u of %4lu: %u posted, %u refused, %u in doubt, %u voided, %u "
                  "not begun\n",
                  s->name, k->name, on ? "on" : "once", t.runs, calls, t.ends[OC_POSTED],
                  t.ends[OC_REFUSED], t.ends[OC_IN_DOUBT], t.ends[OC_VOIDED], t.ends[0]);
}

/* "purchase own 17+": that one alone. */
static bool only_one(const char *what, const struct scene *s)
{
    char scene[32] = "", kind[16] = "", plus[2] = "";
    struct faults f = {0};
    struct tally t = {0};
    if (sscanf(what, "%31s %15s %lu%1[+]", scene, kind, &f.at, plus) < 3 ||
        strcmp(scene, s->name) != 0)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        f.kinds = strcmp(kind, kinds[i].name) == 0 ? kinds[i].kinds : f.kinds;
    f.on = plus[0] == '+';
    snprintf(now, sizeof now, "%s", what);
    (void)one(s, &(struct faults){.kinds = 0}, &t); /* as it is after others */
    (void)one(s, &f, &t);
    return true;
}

static void scene(const struct scene *s)
{
    const char *what = getenv("ONECARD_FAULT");
    static const int fatal[] = {SIGSEGV, SIGABRT, SIGALRM};
    for (size_t i = 0; i < ARRAY_LEN(fatal); i++)
        (void)signal(fatal[i], say_and_die);
    if (!what)
        log_set_stream(fopen("/dev/null", "w"));
    insure(0);
    x = (struct run){0};
    if (what) {
        (void)only_one(what, s);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        for (int on = 0; on < 2; on++)
            each(s, &kinds[i], on != 0);
}

#define SCENE(test, number)                                                                        \
    static void test(void **state)                                                                 \
    {                                                                                              \
        (void)state;                                                                               \
        scene(&scenes[number]);                                                                    \
    }
SCENE(R2_each_fault_of_a_purchase_is_told_and_unbalances_nothing, 0)
SCENE(R2_each_fault_of_a_ride_is_told_and_unbalances_nothing, 1)
SCENE(R7_each_fault_of_a_cash_load_is_told_and_unbalances_nothing, 2)
SCENE(R12_each_fault_of_a_load_from_the_bank_is_told_and_unbalances_nothing, 3)
SCENE(R6_each_fault_of_a_pending_load_is_told_and_unbalances_nothing, 4)
SCENE(R6_each_fault_of_a_refund_is_told_and_unbalances_nothing, 5)
SCENE(R6_each_fault_of_a_cancellation_is_told_and_unbalances_nothing, 6)
SCENE(R13_each_fault_of_a_split_bill_is_told_and_unbalances_nothing, 7)
SCENE(R3_each_fault_while_a_purchase_is_proved_is_told_and_unbalances_nothing, 8)
SCENE(R3_each_fault_while_a_load_is_disproved_is_told_and_unbalances_nothing, 9)
SCENE(R9_each_fault_of_an_issue_is_told_and_leaves_a_card_that_can_be_issued, 10)

int main(int argc, char **argv)
{
    began_ns = clock_mono_ns(&clock_system);
    cmocka_set_test_filter(argc > 1 ? argv[1] : NULL);
    const struct CMUnitTest tests[] = {
        BAD(R2_each_fault_of_a_purchase_is_told_and_unbalances_nothing),
        BAD(R2_each_fault_of_a_ride_is_told_and_unbalances_nothing),
        BAD(R7_each_fault_of_a_cash_load_is_told_and_unbalances_nothing),
        BAD(R12_each_fault_of_a_load_from_the_bank_is_told_and_unbalances_nothing),
        BAD(R6_each_fault_of_a_pending_load_is_told_and_unbalances_nothing),
        BAD(R6_each_fault_of_a_refund_is_told_and_unbalances_nothing),
        BAD(R6_each_fault_of_a_cancellation_is_told_and_unbalances_nothing),
        BAD(R13_each_fault_of_a_split_bill_is_told_and_unbalances_nothing),
        ASKED(R13_each_fault_of_a_split_bill_is_told_and_unbalances_nothing),
        BAD(R3_each_fault_while_a_purchase_is_proved_is_told_and_unbalances_nothing),
        BAD(R3_each_fault_while_a_load_is_disproved_is_told_and_unbalances_nothing),
        BAD(R9_each_fault_of_an_issue_is_told_and_leaves_a_card_that_can_be_issued),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

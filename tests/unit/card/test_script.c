/* Scripts: what is learned, what is made of it, and how many lists a dialogue then costs. The card
 * is in software behind a terminal in this process. */
#include "reader_remote_sim.h"
#include "sim_rig.h"

static const struct kind kinds[] = {
    {"tunion", CARDSIM_TUNION, false},
    {"pboc-ep", CARDSIM_PBOC, false},
    {"mohurd", CARDSIM_MOHURD, false},
    {"pboc-ep", CARDSIM_PBOC, true},
};

struct far {
    struct sim *x, *other;
    struct remote_sim *wire;
    struct script_book *book;
    struct rng_seeded rng;
    const char *kind; /* of dialogue */
    bool gate;
    unsigned lists; /* of the last dialogue */
    fen_t balance;
};

static const uint8_t sam[6] = {1, 2, 3, 4, 5, 6}, date[4] = {0x20, 0x26, 0x11, 0x21},
                     at[3] = {8, 0, 0};

static struct far *far_of(struct rig *r)
{
    return (struct far *)(uintptr_t)r->arg;
}

static struct far *far_new(const struct kind *kind)
{
    struct far *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->x = sim_new(kind, false);
    f->x->r->arg = f;
    f->kind = "payment.purchase";
    reader_sim_remove(f->x->reader);
    rng_seeded_init(&f->rng, 7);
    assert_int_equal(remote_sim_new(f->x->r->loop, "gate", &f->wire), 0);
    assert_int_equal(script_book_new(f->x->r->set, &f->book), 0);
    f->x->r->reader = remote_sim_reader(f->wire);
    return f;
}

static void far_free(struct far *f)
{
    remote_sim_free(&f->wire);
    script_book_free(&f->book);
    if (f->other)
        sim_free(f->other);
    sim_free(f->x);
    free(f);
}

static void run_kind(const struct kind *kind, int (*body)(struct rig *r))
{
    struct far *f = far_new(kind);
    rig_run_bare(f->x->r, body);
    far_free(f);
}

static void each_kind(int (*body)(struct rig *r))
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        run_kind(&kinds[i], body);
}

/* ---- a purchase in the order in which transactions ask ---- */

struct sale {
    const char *profile;
    fen_t amount;
    bool capp, no_auth, journey;
    struct init_purchase_answer init;
    struct pboc_purchase p;
    struct purse_debit d;
    struct debit_answer a;
    uint8_t record[CAPP_RECORD_MAX];
};

static CO_FN int identify(struct rig *r, struct sale *s, fen_t *balance)
{
    int rc = card_co_select(&r->s, r->set, NULL);
    if (!rc)
        rc = card_use_profile(&r->s, profile_get(r->set, s->profile));
    if (!rc && !s->no_auth)
        rc = ident_co_internal_auth(&r->s, r->custody, &far_of(r)->rng.rng);
    return rc ? rc : purse_co_balance(&r->s, balance);
}

static CO_FN int initialise(struct rig *r, struct sale *s, struct custody_card *card)
{
    size_t code_len;
    int rc = purse_co_security_code(&r->s, s->capp, s->p.code, &code_len);
    if (!rc)
        rc = purse_co_init_purchase(&r->s, s->capp, s->amount, sam, &s->init);
    if (rc)
        return rc;
    s->p.code_len = (uint8_t)code_len;
    s->p.counter = s->init.offline_counter;
    s->p.type = s->capp ? r->s.profile->purse.type_capp : r->s.profile->purse.type_purchase;
    s->p.amount = (uint32_t)s->amount;
    s->p.sam_seq = s->d.sam_seq = 77;
    memcpy(s->p.random, s->init.random, 4);
    memcpy(s->p.sam, sam, 6);
    memcpy(s->p.date, date, 4);
    memcpy(s->p.time, at, 3);
    memcpy(s->d.date, date, 4);
    memcpy(s->d.time, at, 3);
    card_custody(r->s.profile, &r->s.identity, s->init.key_version, s->init.alg, card);
    return custody_purchase_mac1(r->custody, card, &s->p, s->d.mac1);
}

static CO_FN int sell(struct rig *r, struct sale *s)
{
    struct custody_card card;
    struct far *f = far_of(r);
    s->d.capp = NULL;
    int rc = identify(r, s, &f->balance);
    if (!rc && s->journey) {
        size_t len;
        rc = purse_co_capp_read(&r->s, s->record, &len);
        rc = rc == OC_ENOENT ? 0 : rc;
    }
    if (!rc)
        rc = initialise(r, s, &card);
    if (!rc && s->capp) {
        const struct profile_capp *capp = &r->s.profile->capp;
        memset(s->record, 0x41, capp->length);
        if (capp->head.len)
            memcpy(s->record, capp->head.bytes, capp->head.len);
        s->d.capp = s->record;
        s->d.capp_len = capp->length;
    }
    if (!rc)
        rc = purse_co_debit(&r->s, &s->d, &s->a);
    if (!rc)
        rc = custody_purchase_mac2_verify(r->custody, &card, &s->p, s->a.mac2);
    return rc ? rc : custody_purchase_tac_verify(r->custody, &card, &s->p, s->a.tac);
}

/* Puts the card on, sells, learns, takes the card away. */
static CO_FN int tap(struct rig *r, struct cardsim *card, struct sale *s)
{
    struct far *f = far_of(r);
    uint64_t arrival;
    unsigned before = remote_sim_lists(f->wire);
    reader_sim_insert(remote_sim_terminal(f->wire), card);
    int rc =
        reader_co_wait_arrival(r->reader, r->reader->arrival, flow_deadline_ms(5000), &arrival);
    if (!rc)
        rc = card_co_open(&r->s, r->reader, arrival, FLOW_FOREVER);
    if (!rc) {
        rc = sell(r, s);
        script_learn(f->book, f->kind, f->gate, &r->s);
        card_co_close(&r->s);
    }
    f->lists = remote_sim_lists(f->wire) - before;
    reader_sim_remove(remote_sim_terminal(f->wire));
    int waited = reader_co_wait_empty(r->reader, arrival, flow_deadline_ms(5000));
    return rc ? rc : waited;
}

static void learn(struct far *f)
{
    remote_sim_learn(f->wire, f->book, f->kind, &f->rng.rng);
}

static CO_FN int desk(struct rig *r)
{
    struct far *f = far_of(r);
    struct sale s = {.profile = f->x->kind->name, .amount = 300};
    EXPECT(tap(r, f->x->card, &s), 0);
    unsigned unarmed = f->lists;
    learn(f);
    EXPECT(tap(r, f->x->card, &s), 0);
    STEP(f->lists == 2 && unarmed >= 6); /* INITIALIZE; DEBIT */
    s.amount = 500;
    EXPECT(tap(r, f->x->card, &s), 0);
    STEP(f->lists == 2 && f->balance == 9400);
    return 0;
}

static void desk_purchase_costs_two_lists(void **state)
{
    (void)state;
    each_kind(desk);
}

static CO_FN int gate(struct rig *r)
{
    struct far *f = far_of(r);
    struct sale s = {.profile = f->x->kind->name, .amount = 200, .capp = true};
    f->gate = true;
    f->kind = "transit.ride@gate-17";
    learn(f);
    EXPECT(tap(r, f->x->card, &s), 0);
    STEP(f->lists == (f->x->kind->sim == CARDSIM_MOHURD ? 3 : 2));
    EXPECT(tap(r, f->x->card, &s), 0);
    STEP(f->lists == 1); /* UPDATE CAPP DATA CACHE and DEBIT */
    STEP(f->balance == 9800);
    s.amount = 100; /* another fare than the last one */
    EXPECT(tap(r, f->x->card, &s), 0);
    STEP(f->lists == 2);
    EXPECT(tap(r, f->x->card, &s), 0);
    STEP(f->lists == 1 && f->balance == 9500);
    return 0;
}

static void gate_tap_of_the_same_fare_costs_one_list(void **state)
{
    (void)state;
    each_kind(gate);
}

static CO_FN int exit_gate(struct rig *r)
{
    struct far *f = far_of(r);
    struct sale s = {.profile = f->x->kind->name, .amount = 200, .capp = true, .journey = true};
    f->gate = true;
    f->kind = "transit.exit@gate-17";
    learn(f);
    EXPECT(tap(r, f->x->card, &s), 0);
    EXPECT(tap(r, f->x->card, &s), 0); /* now there is a record, where there was none */
    EXPECT(tap(r, f->x->card, &s), 0);
    STEP(f->lists == 1); /* the journey came along with the card */
    return 0;
}

static void R17_journey_record_costs_no_list_once_learned(void **state)
{
    (void)state;
    each_kind(exit_gate);
}

static CO_FN int window(struct rig *r)
{
    struct far *f = far_of(r);
    uint64_t arrival;
    learn(f);
    reader_sim_insert(remote_sim_terminal(f->wire), f->x->card);
    EXPECT(reader_co_wait_arrival(r->reader, r->reader->arrival, flow_deadline_ms(5000), &arrival), 0);
    unsigned before = remote_sim_lists(f->wire);
    EXPECT(card_co_open(&r->s, r->reader, arrival, FLOW_FOREVER), 0);
    EXPECT(card_co_select(&r->s, r->set, NULL), 0);
    EXPECT(ident_co_internal_auth(&r->s, r->custody, &f->rng.rng), 0);
    STEP(!strcmp(r->s.profile->name, "ssc") && remote_sim_lists(f->wire) == before);
    card_co_close(&r->s);
    return 0;
}

static void R9_social_security_card_is_known_and_genuine_without_a_list(void **state)
{
    static const struct kind ssc = {"ssc", CARDSIM_SSC, false};
    (void)state;
    run_kind(&ssc, window);
}

static CO_FN int cold(struct rig *r)
{
    struct far *f = far_of(r);
    struct sale s = {.profile = f->x->kind->name, .amount = 300};
    learn(f);
    EXPECT(tap(r, f->x->card, &s), 0);
    /* What the profiles say suffices, but for what only the card's own kind needs. */
    STEP(f->lists <= 3);
    STEP(f->lists == 2 || f->x->kind->sim == CARDSIM_MOHURD);
    return 0;
}

static void card_of_any_kind_costs_little_where_nothing_was_learned(void **state)
{
    (void)state;
    each_kind(cold);
}

/* ---- several kinds of cards at one reader ---- */

static CO_FN int two_kinds(struct rig *r)
{
    struct far *f = far_of(r);
    struct sale mine = {.profile = f->x->kind->name, .amount = 200, .capp = true},
                theirs = {.profile = f->other->kind->name, .amount = 200, .capp = true};
    f->gate = true;
    EXPECT(tap(r, f->x->card, &mine), 0);
    learn(f);
    EXPECT(tap(r, f->other->card, &theirs), 0); /* another profile than was learned */
    EXPECT(tap(r, f->x->card, &mine), 0);
    STEP(f->lists == 1);
    EXPECT(tap(r, f->other->card, &theirs), 0);
    STEP(f->lists == 1);
    EXPECT(tap(r, f->other->card, &theirs), 0);
    EXPECT(tap(r, f->x->card, &mine), 0);
    STEP(f->lists == 1);
    return 0;
}

static void script_serves_every_kind_of_card_that_was_learned(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < 3; j++) {
            if ((i == 1 && j == 2) || (i == 2 && j == 1))
                continue; /* these share their name; the next test has them */
            struct far *f = far_new(&kinds[i]);
            f->other = sim_new(&kinds[j], false);
            reader_sim_remove(f->other->reader);
            rig_run_bare(f->x->r, two_kinds);
            far_free(f);
        }
    }
}

static CO_FN int same_name(struct rig *r)
{
    struct far *f = far_of(r);
    struct sale mine = {.profile = f->x->kind->name, .amount = 200, .capp = true},
                theirs = {.profile = f->other->kind->name, .amount = 200, .capp = true};
    f->gate = true;
    learn(f);
    for (unsigned i = 0; i < 3; i++) {
        EXPECT(tap(r, f->x->card, &mine), 0);
        STEP(f->balance == 10000 - 200 * (fen_t)i && f->lists <= 4);
        EXPECT(tap(r, f->other->card, &theirs), 0);
        STEP(f->balance == 10000 - 200 * (fen_t)i && f->lists <= 4);
    }
    return 0;
}

static void script_of_another_kind_under_the_same_name_does_no_harm(void **state)
{
    (void)state;
    struct far *f = far_new(&kinds[1]);
    f->other = sim_new(&kinds[2], false);
    reader_sim_remove(f->other->reader);
    rig_run_bare(f->x->r, same_name);
    far_free(f);
}

static CO_FN int another_service(struct rig *r)
{
    struct far *f = far_of(r);
    struct sale s = {.profile = f->x->kind->name, .amount = 200, .capp = true};
    f->gate = true;
    EXPECT(tap(r, f->x->card, &s), 0);
    f->kind = "payment.purchase"; /* never learned: what the ride learned, without its INITIALIZE */
    f->gate = false;
    s.capp = false;
    learn(f);
    EXPECT(tap(r, f->x->card, &s), 0);
    STEP(f->lists <= 2);
    s.no_auth = true; /* another way than the script went */
    EXPECT(tap(r, f->x->card, &s), 0);
    STEP(f->balance == 9600);
    return 0;
}

static void other_services_use_what_was_learned_up_to_initialize(void **state)
{
    (void)state;
    each_kind(another_service);
}

/* ---- a challenge counts once ---- */

static CO_FN int old_answers(struct rig *r)
{
    struct far *f = far_of(r);
    struct card_list *script = calloc(1, sizeof(*script));
    struct card_answers *answers = calloc(1, sizeof(*answers));
    struct remote_card card = {.arrival = 1, .script = script, .answers = answers};
    struct sale s = {.profile = f->x->kind->name};
    if (!script || !answers)
        return OC_ENOMEM;
    EXPECT(card_script_cold(r->set, &f->rng.rng, script), 0);
    reader_sim_insert(f->x->reader, f->x->card);
    EXPECT(card_co_open(&r->s, reader_sim_reader(f->x->reader), 0, FLOW_FOREVER), 0);
    card_list_co_run(&r->s, script, answers);
    card_co_close(&r->s);
    /* The terminal plays them for the next script. */
    EXPECT(card_script_cold(r->set, &f->rng.rng, script), 0);
    EXPECT(reader_remote_card(remote_sim_remote(f->wire), &card), 0);
    EXPECT(card_co_open(&r->s, r->reader, 0, FLOW_FOREVER), 0);
    int rc = identify(r, &s, &f->balance);
    card_co_close(&r->s);
    free(script);
    free(answers);
    EXPECT(rc, OC_EMAC);
    return 0;
}

static void R9_answers_to_an_older_challenge_prove_nothing(void **state)
{
    (void)state;
    run_kind(&kinds[0], old_answers);
}

static CO_FN int tap_changed(struct rig *r)
{
    struct far *f = far_of(r);
    struct sale s = {.profile = f->x->kind->name, .amount = 300};
    learn(f);
    EXPECT(tap(r, f->x->card, &s), 0);
    EXPECT(tap(r, f->x->card, &s), 0);
    STEP(f->lists == 2);
    cardsim_fault_add(f->x->card, "torn-before@54");
    EXPECT(tap(r, f->x->card, &s), OC_ECARD_LOST);
    EXPECT(tap(r, f->x->card, &s), 0);
    STEP(f->balance == 9400);
    remote_sim_cut(f->wire, 2, REMOTE_CUT_AFTER, false);
    EXPECT(tap(r, f->x->card, &s), OC_ECARD_LOST);
    EXPECT(tap(r, f->x->card, &s), 0);
    STEP(f->balance == 8800);
    remote_sim_cut(f->wire, 2, REMOTE_CUT_BEFORE, false);
    EXPECT(tap(r, f->x->card, &s), OC_ECARD_LOST);
    remote_sim_cut(f->wire, 2, REMOTE_CUT_NOT_SENT, false);
    EXPECT(tap(r, f->x->card, &s), OC_ECARD_GONE);
    remote_sim_cut(f->wire, 2, REMOTE_CUT_UNSENT, false);
    EXPECT(tap(r, f->x->card, &s), OC_ECARD_GONE);
    EXPECT(tap(r, f->x->card, &s), 0);
    STEP(f->balance == 8500);
    remote_sim_cut(f->wire, 2, REMOTE_CUT_BEFORE, true);
    reader_sim_insert(remote_sim_terminal(f->wire), f->x->card);
    uint64_t arrival;
    EXPECT(reader_co_wait_arrival(r->reader, r->reader->arrival, flow_deadline_ms(5000), &arrival),
           0);
    EXPECT(card_co_open(&r->s, r->reader, arrival, FLOW_FOREVER), 0);
    r->rc = sell(r, &s);
    card_co_close(&r->s);
    STEP(r->rc == OC_ECARD_LOST);
    EXPECT(reader_co_wait_arrival(r->reader, arrival, FLOW_FOREVER, &arrival), OC_ECLOSED);
    return 0;
}

static void R3_wire_cut_around_the_debit_is_a_doubt_or_provably_not_sent(void **state)
{
    (void)state;
    each_kind(tap_changed);
}

/* ---- the list itself ---- */

static void list_is_bounded_harmless_and_fresh(void **state)
{
    (void)state;
    struct far *f = far_new(&kinds[0]);
    struct card_list *a = calloc(1, sizeof(*a)), *b = calloc(1, sizeof(*b));
    assert_non_null(a);
    assert_non_null(b);
    assert_int_equal(card_script_cold(f->x->r->set, &f->rng.rng, a), 0);
    assert_int_equal(script_build(f->book, "any", &f->rng.rng, b), 0);
    assert_true(card_list_valid(a) && card_list_harmless(a));
    assert_true(card_list_valid(b) && card_list_harmless(b));
    assert_int_equal(a->count, b->count);
    bool differ = false;
    for (unsigned i = 0; i < a->count; i++) {
        bool same =
            !memcmp(a->commands[i].apdu.bytes, b->commands[i].apdu.bytes, a->commands[i].apdu.len);
        assert_true(same || a->commands[i].apdu.bytes[1] == 0x88);
        differ = differ || !same;
    }
    assert_true(differ);
    free(a);
    free(b);
    far_free(f);
}

static void ask(struct card_session *s, unsigned n)
{
    struct card_asked_item *item = &s->asked.items[s->asked.count++];
    *item = (struct card_asked_item){
        .bytes = {0x00, 0xB2, (uint8_t)n, 0x0C, 0x17}, .len = 5, .sw = 0x9000};
}

static void longest_recordings_still_make_one_list(void **state)
{
    (void)state;
    struct far *f = far_new(&kinds[0]);
    struct card_list *l = calloc(1, sizeof(*l));
    struct card_session *s = &f->x->r->s;
    assert_non_null(l);
    for (size_t p = 0; p < profile_count(f->x->r->set); p++) {
        memset(s, 0, sizeof(*s));
        s->profile = profile_at(f->x->r->set, p);
        for (unsigned i = 0; i < CARD_ASKED_MAX; i++)
            ask(s, i);
        s->asked.items[3 + p].sw = 0x6A83;
        script_learn(f->book, "long", true, s);
    }
    assert_int_equal(script_build(f->book, "long", &f->rng.rng, l), 0);
    assert_int_equal(l->count, CARD_LIST_MAX);
    assert_true(card_list_valid(l));
    free(l);
    far_free(f);
}

static void book_forgets_the_kinds_least_lately_used(void **state)
{
    (void)state;
    struct far *f = far_new(&kinds[0]);
    struct card_list *l = calloc(1, sizeof(*l));
    struct card_session *s = &f->x->r->s;
    char kind[SCRIPT_KIND_LEN + 2];
    assert_non_null(l);
    memset(s, 0, sizeof(*s));
    s->profile = profile_at(f->x->r->set, 0);
    ask(s, 1);
    script_learn(f->book, "first", false, s);
    for (unsigned i = 0; i < 40000; i++) {
        snprintf(kind, sizeof(kind), "service@%u", i);
        s->asked.items[0].bytes[2] = 2;
        script_learn(f->book, kind, false, s);
        if (i % 10000 == 0)
            assert_int_equal(script_build(f->book, "first", &f->rng.rng, l), 0);
    }
    assert_int_equal(script_build(f->book, "first", &f->rng.rng, l), 0);
    assert_int_equal(l->commands[0].apdu.bytes[2], 1);
    assert_int_equal(script_build(f->book, "service@10", &f->rng.rng, l), 0);
    assert_int_equal(l->commands[0].apdu.bytes[2], 1); /* forgotten: the latest other kind's */
    memset(kind, 'x', sizeof(kind));
    kind[sizeof(kind) - 1] = 0;
    script_learn(f->book, kind, false, s); /* too long a name: nothing */
    s->profile = NULL;
    script_learn(f->book, "none", false, s);
    free(l);
    far_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(desk_purchase_costs_two_lists),
        cmocka_unit_test(gate_tap_of_the_same_fare_costs_one_list),
        cmocka_unit_test(R17_journey_record_costs_no_list_once_learned),
        cmocka_unit_test(R9_social_security_card_is_known_and_genuine_without_a_list),
        cmocka_unit_test(card_of_any_kind_costs_little_where_nothing_was_learned),
        cmocka_unit_test(script_serves_every_kind_of_card_that_was_learned),
        cmocka_unit_test(script_of_another_kind_under_the_same_name_does_no_harm),
        cmocka_unit_test(other_services_use_what_was_learned_up_to_initialize),
        cmocka_unit_test(R9_answers_to_an_older_challenge_prove_nothing),
        cmocka_unit_test(R3_wire_cut_around_the_debit_is_a_doubt_or_provably_not_sent),
        cmocka_unit_test(list_is_bounded_harmless_and_fresh),
        cmocka_unit_test(longest_recordings_still_make_one_list),
        cmocka_unit_test(book_forgets_the_kinds_least_lately_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

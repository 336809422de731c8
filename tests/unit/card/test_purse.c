/* The purse against the card in software, which shares no code with us: what it computes must
 * verify under our custody. */
#include "sim_rig.h"

static const struct kind kinds[] = {
    {"pboc-ep", CARDSIM_PBOC, false},  {"pboc-ep", CARDSIM_PBOC, true},
    {"mohurd", CARDSIM_MOHURD, false}, {"mohurd", CARDSIM_MOHURD, true},
    {"tunion", CARDSIM_TUNION, false}, {"tunion", CARDSIM_TUNION, true},
};
static const uint8_t sam[6] = {0x11, 0x22, 0x33, 0x44, 0x55, 0x66};
static const uint8_t date[4] = {0x20, 0x26, 0x11, 0x21}, at[3] = {0x08, 0x30, 0x05};

static void each_kind(int (*body)(struct rig *r))
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct sim *x = sim_new(&kinds[i], false);
        rig_run(x->r, body);
        sim_free(x);
    }
}

/* Selects and takes the profile that the ledger would name. */
static CO_FN int select_card(struct rig *r)
{
    int rc = card_co_select(&r->s, r->set, NULL);
    return rc ? rc : card_use_profile(&r->s, profile_get(r->set, sim_of(r)->kind->name));
}

static CO_FN int identity_body(struct rig *r)
{
    struct card_identity id;
    EXPECT(card_co_select(&r->s, r->set, &id), 0);
    STEP(!memcmp(id.serial, sim_serial, 10) && !memcmp(id.issuer, sim_issuer, 8));
    STEP(id.enabled && id.start == 20200101 && id.expiry == 20501231);
    EXPECT(card_use_profile(&r->s, profile_get(r->set, sim_of(r)->kind->name)), 0);
    EXPECT(ident_co_internal_auth(&r->s, r->custody, &rng_system), 0);
    EXPECT(card_co_reselect(&r->s), 0);
    return 0;
}

static void R9_card_is_found_identified_and_proved_genuine(void **state)
{
    (void)state;
    each_kind(identity_body);
}

/* ---- loads ---- */
static CO_FN int load(struct rig *r, fen_t amount, struct pboc_load *l, struct credit_answer *ret)
{
    struct init_load_answer init;
    struct custody_card card;
    uint8_t mac2[4];
    int rc = purse_co_init_load(&r->s, amount, sam, &init);
    if (rc)
        return rc;
    *l = (struct pboc_load){.counter = init.online_counter,
                            .type = r->s.profile->purse.type_load,
                            .balance_before = (uint32_t)init.balance,
                            .amount = (uint32_t)amount,
                            .balance_after = (uint32_t)(init.balance + amount)};
    memcpy(l->random, init.random, 4);
    memcpy(l->sam, sam, 6);
    memcpy(l->date, date, 4);
    memcpy(l->time, at, 3);
    card_custody(r->s.profile, &r->s.identity, init.key_version, init.alg, &card);
    rc = custody_card_mac1_verify_load(r->custody, &card, l, init.mac1);
    if (!rc)
        rc = custody_load_mac2(r->custody, &card, l, mac2);
    if (!rc)
        rc = purse_co_credit_load(&r->s, date, at, mac2, ret);
    if (!rc)
        rc = custody_load_tac_verify(r->custody, &card, l, ret->tac);
    return rc;
}

static CO_FN int load_body(struct rig *r)
{
    struct pboc_load l;
    struct credit_answer a;
    struct prove_answer proof;
    struct purse_log log;
    fen_t balance;
    EXPECT(select_card(r), 0);
    EXPECT(purse_co_balance(&r->s, &balance), 0);
    STEP(balance == 10000);
    EXPECT(load(r, 5000, &l, &a), 0);
    STEP(l.counter == 7);
    EXPECT(purse_co_balance(&r->s, &balance), 0);
    STEP(balance == 15000);
    EXPECT(purse_co_prove(&r->s, l.type, l.counter, &proof), 0);
    STEP(!memcmp(proof.first, a.tac, 4) || !memcmp(proof.second, a.tac, 4));
    EXPECT(purse_co_log(&r->s, true, &log), 0);
    const struct ep_log *e = purse_log_find(r->s.profile, &log, true, l.counter);
    STEP(e && e->amount == 5000 && !memcmp(e->sam, sam, 6) && !memcmp(e->date, date, 4));
    STEP(!purse_log_find(r->s.profile, &log, false, l.counter));
    return 0;
}

static void R3_load_is_proved_and_logged(void **state)
{
    (void)state;
    each_kind(load_body);
}

static CO_FN int wrong_mac2_body(struct rig *r)
{
    static const uint8_t wrong[4] = {0};
    struct init_load_answer init;
    struct credit_answer a;
    fen_t balance;
    EXPECT(select_card(r), 0);
    EXPECT(purse_co_init_load(&r->s, 100, sam, &init), 0);
    EXPECT(purse_co_credit_load(&r->s, date, at, wrong, &a), OC_ECARD_SW);
    STEP(card_moved(r->s.profile, r->rc, r->s.sw) == CARD_NOT_MOVED);
    EXPECT(purse_co_balance(&r->s, &balance), 0);
    STEP(balance == 10000);
    return 0;
}

static void R5_wrong_mac2_moves_nothing(void **state)
{
    (void)state;
    each_kind(wrong_mac2_body);
}

/* ---- purchases ---- */
struct buying {
    struct pboc_purchase p;
    struct custody_card card;
    struct purse_debit d;
    struct debit_answer a;
};

static CO_FN int begin(struct rig *r, bool capp, fen_t amount, struct buying *b)
{
    struct init_purchase_answer init;
    size_t code_len;
    memset(b, 0, sizeof(*b));
    int rc = purse_co_security_code(&r->s, capp, b->p.code, &code_len);
    if (!rc)
        rc = purse_co_init_purchase(&r->s, capp, amount, sam, &init);
    if (rc)
        return rc;
    b->p.code_len = (uint8_t)code_len;
    b->p.counter = init.offline_counter;
    b->p.type = capp ? r->s.profile->purse.type_capp : r->s.profile->purse.type_purchase;
    b->p.amount = (uint32_t)amount;
    b->p.sam_seq = b->d.sam_seq = 0x00010203;
    memcpy(b->p.random, init.random, 4);
    memcpy(b->p.sam, sam, 6);
    memcpy(b->p.date, date, 4);
    memcpy(b->p.time, at, 3);
    memcpy(b->d.date, date, 4);
    memcpy(b->d.time, at, 3);
    card_custody(r->s.profile, &r->s.identity, init.key_version, init.alg, &b->card);
    return custody_purchase_mac1(r->custody, &b->card, &b->p, b->d.mac1);
}

static CO_FN int finish(struct rig *r, struct buying *b)
{
    int rc = purse_co_debit(&r->s, &b->d, &b->a);
    if (!rc)
        rc = custody_purchase_mac2_verify(r->custody, &b->card, &b->p, b->a.mac2);
    if (!rc)
        rc = custody_purchase_tac_verify(r->custody, &b->card, &b->p, b->a.tac);
    return rc;
}

static CO_FN int purchase_body(struct rig *r)
{
    struct buying b;
    struct prove_answer proof;
    struct purse_log log;
    fen_t balance;
    EXPECT(select_card(r), 0);
    EXPECT(begin(r, false, 300, &b), 0);
    STEP(b.p.counter == 40);
    EXPECT(finish(r, &b), 0);
    EXPECT(purse_co_balance(&r->s, &balance), 0);
    STEP(balance == 9700);
    EXPECT(purse_co_prove(&r->s, b.p.type, b.p.counter, &proof), 0);
    STEP(!memcmp(proof.first, b.a.tac, 4) || !memcmp(proof.second, b.a.tac, 4));
    EXPECT(purse_co_prove(&r->s, b.p.type, b.p.counter + 1, &proof), OC_ENOENT);
    EXPECT(purse_co_log(&r->s, false, &log), 0);
    STEP(log.complete);
    const struct ep_log *e = purse_log_find(r->s.profile, &log, false, b.p.counter);
    STEP(e && e->amount == 300 && e->type == b.p.type && !memcmp(e->sam, sam, 6));
    return 0;
}

static void R3_purchase_is_proved_and_logged(void **state)
{
    (void)state;
    each_kind(purchase_body);
}

static CO_FN int torn_body(struct rig *r)
{
    struct buying b;
    struct init_purchase_answer init;
    struct prove_answer proof;
    EXPECT(select_card(r), 0);
    STEP(cardsim_fault_add(sim_of(r)->card, "torn-after@54") == 0);
    EXPECT(begin(r, false, 300, &b), 0);
    EXPECT(finish(r, &b), OC_ECARD_LOST);
    STEP(card_moved(r->s.profile, r->rc, r->s.sw) == CARD_UNKNOWN);
    card_co_close(&r->s);
    reader_sim_return(sim_of(r)->reader);
    EXPECT(card_co_open(&r->s, r->reader, 0, FLOW_FOREVER), 0);
    EXPECT(select_card(r), 0);
    EXPECT(purse_co_init_purchase(&r->s, false, 0, sam, &init), 0);
    STEP(init.offline_counter == b.p.counter + 1 && purse_fen(r->s.profile, init.balance) == 9700);
    EXPECT(purse_co_prove(&r->s, b.p.type, b.p.counter, &proof), 0);
    r->rc = custody_purchase_tac_verify(r->custody, &b.card, &b.p, proof.second);
    if (r->rc)
        EXPECT(custody_purchase_tac_verify(r->custody, &b.card, &b.p, proof.first), 0);
    return 0;
}

static void R3_purchase_answer_lost_is_proved_by_tac(void **state)
{
    (void)state;
    each_kind(torn_body);
}

static CO_FN int torn_before_body(struct rig *r)
{
    struct buying b;
    struct init_purchase_answer init;
    struct prove_answer proof;
    EXPECT(select_card(r), 0);
    STEP(cardsim_fault_add(sim_of(r)->card, "torn-before@54") == 0);
    EXPECT(begin(r, false, 300, &b), 0);
    EXPECT(finish(r, &b), OC_ECARD_LOST);
    card_co_close(&r->s);
    reader_sim_return(sim_of(r)->reader);
    EXPECT(card_co_open(&r->s, r->reader, 0, FLOW_FOREVER), 0);
    EXPECT(select_card(r), 0);
    EXPECT(purse_co_prove(&r->s, b.p.type, b.p.counter, &proof), OC_ENOENT);
    EXPECT(purse_co_init_purchase(&r->s, false, 0, sam, &init), 0);
    STEP(init.offline_counter == b.p.counter);
    return 0;
}

static void R3_purchase_torn_before_the_debit_has_no_proof(void **state)
{
    (void)state;
    each_kind(torn_before_body);
}

static CO_FN int insufficient_body(struct rig *r)
{
    struct init_purchase_answer init;
    EXPECT(select_card(r), 0);
    EXPECT(purse_co_init_purchase(&r->s, false, 10001, sam, &init), OC_ECARD_SW);
    STEP(sw_class(r->s.sw) == SW_CLASS_INSUFFICIENT);
    EXPECT(purse_co_init_purchase(&r->s, false, -1, sam, &init), OC_EINVAL);
    EXPECT(purse_co_init_purchase(&r->s, false, INT64_C(0x100000000), sam, &init), OC_EINVAL);
    return 0;
}

static void R1_the_chip_decides_that_money_is_short(void **state)
{
    (void)state;
    each_kind(insufficient_body);
}

static CO_FN int spoiled_body(struct rig *r)
{
    struct buying b;
    struct init_purchase_answer init;
    EXPECT(select_card(r), 0);
    /* With T=0 the data come with GET RESPONSE. */
    const char *fault = sim_of(r)->kind->t0 ? "short-answer@C0" : "short-answer@50";
    STEP(cardsim_fault_add(sim_of(r)->card, fault) == 0);
    EXPECT(purse_co_init_purchase(&r->s, false, 100, sam, &init), OC_ECARD_DATA);
    STEP(cardsim_fault_add(sim_of(r)->card, "wrong-mac2") == 0);
    EXPECT(begin(r, false, 100, &b), 0);
    EXPECT(finish(r, &b), OC_EMAC);
    STEP(cardsim_fault_add(sim_of(r)->card, "wrong-tac") == 0);
    EXPECT(begin(r, false, 100, &b), 0);
    EXPECT(finish(r, &b), OC_EMAC);
    return 0;
}

static void R5_wrong_answers_are_seen(void **state)
{
    (void)state;
    each_kind(spoiled_body);
}

/* ---- journeys ---- */
static CO_FN int ride(struct rig *r, fen_t amount, uint8_t fill, struct buying *b, uint8_t *record)
{
    const struct profile_capp *capp = &r->s.profile->capp;
    memset(record, fill, capp->length);
    if (capp->head.len)
        memcpy(record, capp->head.bytes, capp->head.len);
    int rc = begin(r, true, amount, b);
    b->d.capp = record;
    b->d.capp_len = capp->length;
    return rc ? rc : finish(r, b);
}

static CO_FN int capp_body(struct rig *r)
{
    struct buying b;
    uint8_t record[CAPP_RECORD_MAX], back[CAPP_RECORD_MAX];
    size_t len;
    fen_t balance;
    EXPECT(select_card(r), 0);
    EXPECT(ride(r, 200, 0x41, &b, record), 0);
    STEP((b.p.code_len == 9) == (sim_of(r)->kind->sim == CARDSIM_MOHURD));
    EXPECT(purse_co_capp_read(&r->s, back, &len), 0);
    STEP(len == r->s.profile->capp.length && !memcmp(back, record, len));
    EXPECT(purse_co_balance(&r->s, &balance), 0);
    STEP(balance == 9800);
    EXPECT(ride(r, 0, 0x42, &b, record), 0);
    EXPECT(purse_co_capp_read(&r->s, back, &len), 0);
    STEP(!memcmp(back, record, len));
    EXPECT(begin(r, true, 0, &b), 0);
    STEP(b.p.counter == 41); /* the ride of nothing moved no counter */
    return 0;
}

static void R3_journey_record_is_written_with_the_debit_and_read_back(void **state)
{
    (void)state;
    each_kind(capp_body);
}

/* ---- who it is ---- */
static CO_FN int blocked_body(struct rig *r)
{
    struct card_identity id;
    EXPECT(select_card(r), 0);
    EXPECT(ident_co_block(&r->s, r->custody, false), 0);
    EXPECT(card_co_select(&r->s, r->set, &id), OC_ECARD_SW);
    STEP(r->s.locked && r->s.sw == 0x6A81);
    STEP(r->s.identified && !memcmp(r->s.identity.serial, sim_serial, 10));
    EXPECT(ident_co_unblock(&r->s, r->custody), 0);
    EXPECT(card_co_select(&r->s, r->set, &id), 0);
    STEP(!r->s.locked);
    return 0;
}

static void blocked_application_is_recognised_and_unblocked(void **state)
{
    (void)state;
    each_kind(blocked_body);
}

static CO_FN int not_genuine_body(struct rig *r)
{
    struct custody_slot slot = {
        .purpose = KEY_INTERNAL, .alg = PBOC_3DES, .version = 1, .all_issuers = true};
    static const uint8_t other[16] = {9};
    EXPECT(select_card(r), 0);
    EXPECT(custody_remove(r->custody, &slot), 0);
    EXPECT(ident_co_internal_auth(&r->s, r->custody, &rng_system), OC_ENOKEY);
    slot.version = 3;
    EXPECT(custody_add(r->custody, &slot, other), 0);
    EXPECT(ident_co_internal_auth(&r->s, r->custody, &rng_system), OC_EMAC);
    slot.version = 2;
    uint8_t right[16];
    sim_master(KEY_INTERNAL, right);
    EXPECT(custody_add(r->custody, &slot, right), 0);
    EXPECT(ident_co_internal_auth(&r->s, r->custody, &rng_system), 0);
    return 0;
}

static void R9_each_key_version_is_tried_before_not_genuine(void **state)
{
    (void)state;
    each_kind(not_genuine_body);
}

/* ---- contracts ---- */

/* Nobody knows what to say to a card whose profile is not known: it is not asked. */
static CO_FN int unknown_body(struct rig *r)
{
    unsigned before = reader_sim_commands(sim_of(r)->reader);
    static const uint8_t pin[] = "123456", mac[4];
    const struct purse_debit d = {.sam_seq = 1};
    struct bytes digits = {pin, 6};
    struct init_load_answer load_answer;
    struct init_purchase_answer buy_answer;
    struct credit_answer credit;
    struct debit_answer debit;
    struct prove_answer proof;
    struct purse_log log;
    struct ep_holder holder;
    struct slot_chip chip;
    uint8_t bytes[CAPP_RECORD_MAX];
    size_t len;
    fen_t fen;
    unsigned left;
    EXPECT(purse_co_balance(&r->s, &fen), OC_ESTATE);
    EXPECT(purse_co_init_load(&r->s, 100, sam, &load_answer), OC_ESTATE);
    EXPECT(purse_co_credit_load(&r->s, date, at, mac, &credit), OC_ESTATE);
    EXPECT(purse_co_init_purchase(&r->s, false, 100, sam, &buy_answer), OC_ESTATE);
    EXPECT(purse_co_security_code(&r->s, false, bytes, &len), OC_ESTATE);
    EXPECT(purse_co_capp_read(&r->s, bytes, &len), OC_ESTATE);
    EXPECT(purse_co_debit(&r->s, &d, &debit), OC_ESTATE);
    EXPECT(purse_co_prove(&r->s, 6, 1, &proof), OC_ESTATE);
    EXPECT(purse_co_log(&r->s, false, &log), OC_ESTATE);
    EXPECT(ident_co_internal_auth(&r->s, r->custody, &rng_system), OC_ESTATE);
    EXPECT(ident_co_external_auth(&r->s, r->custody), OC_ESTATE);
    EXPECT(ident_co_holder(&r->s, &holder), OC_ESTATE);
    EXPECT(ident_co_verify_pin(&r->s, pin, 6, &left), OC_ESTATE);
    EXPECT(ident_co_change_pin(&r->s, digits, digits, &left), OC_ESTATE);
    EXPECT(ident_co_unblock_pin(&r->s, r->custody, digits), OC_ESTATE);
    EXPECT(ident_co_block(&r->s, r->custody, false), OC_ESTATE);
    EXPECT(slot_co_read(&r->s, &profile_at(r->set, 0)->slots[0], &chip), OC_EPROFILE);
    EXPECT(card_co_reselect(&r->s), OC_ESTATE);
    EXPECT(card_use_profile(&r->s, profile_at(r->set, 0)), OC_ESTATE);
    STEP(reader_sim_commands(sim_of(r)->reader) == before);
    return 0;
}

static void card_that_was_not_selected_is_asked_nothing(void **state)
{
    (void)state;
    each_kind(unknown_body);
}

/* A record or a log that is cut short, or is another's, is told as none; balances are untouched. */
static CO_FN int strange_body(struct rig *r)
{
    struct cardsim *card = sim_of(r)->card;
    uint8_t record[CAPP_RECORD_MAX];
    size_t len = 0;
    fen_t fen = 0;
    EXPECT(select_card(r), 0);
    if (sim_of(r)->kind->t0)
        return 0; /* its data come by GET RESPONSE */
    STEP(cardsim_fault_add(card, "short-answer@B2!") == 0);
    r->rc = purse_co_capp_read(&r->s, record, &len);
    STEP(r->rc == OC_ENOENT || r->rc == OC_ECARD_SW);
    cardsim_fault_clear(card);
    STEP(cardsim_fault_add(card, "garbage@B2!") == 0);
    r->rc = purse_co_capp_read(&r->s, record, &len);
    STEP(r->rc == OC_ENOENT || r->rc == OC_ECARD_SW || !r->s.profile->capp.head.len);
    cardsim_fault_clear(card);
    STEP(cardsim_fault_add(card, "short-answer@5C") == 0);
    EXPECT(purse_co_balance(&r->s, &fen), OC_ECARD_DATA);
    STEP(cardsim_fault_add(card, "short-answer@88") == 0);
    EXPECT(ident_co_internal_auth(&r->s, r->custody, &rng_system), OC_EMAC);
    cardsim_fault_clear(card);
    EXPECT(purse_co_balance(&r->s, &fen), 0);
    STEP(fen == 10000);
    return 0;
}

static void answers_that_are_cut_short_are_no_answers(void **state)
{
    (void)state;
    each_kind(strange_body);
}

int main(void)
{
    log_set_level(LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(R9_card_is_found_identified_and_proved_genuine),
        cmocka_unit_test(R3_load_is_proved_and_logged),
        cmocka_unit_test(R5_wrong_mac2_moves_nothing),
        cmocka_unit_test(R3_purchase_is_proved_and_logged),
        cmocka_unit_test(R3_purchase_answer_lost_is_proved_by_tac),
        cmocka_unit_test(R3_purchase_torn_before_the_debit_has_no_proof),
        cmocka_unit_test(R1_the_chip_decides_that_money_is_short),
        cmocka_unit_test(R5_wrong_answers_are_seen),
        cmocka_unit_test(R3_journey_record_is_written_with_the_debit_and_read_back),
        cmocka_unit_test(blocked_application_is_recognised_and_unblocked),
        cmocka_unit_test(R9_each_key_version_is_tried_before_not_genuine),
        cmocka_unit_test(card_that_was_not_selected_is_asked_nothing),
        cmocka_unit_test(answers_that_are_cut_short_are_no_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

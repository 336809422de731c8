/* Cards whose identity stands in records, without a purse: social security card and health card, on
 * the card in software, which reads the standards on its own. */
#include "sim_rig.h"

static const struct kind kinds[] = {
    {"ssc", CARDSIM_SSC, false},
    {"health", CARDSIM_HEALTH, false},
    {"ssc", CARDSIM_SSC, true},
};

static void ready(struct sim *x)
{
    struct cardsim_personal p;
    cardsim_personal_init(&p, x->kind->sim);
    memcpy(p.issuer, sim_issuer, sizeof(p.issuer));
    memcpy(p.serial, sim_serial, sizeof(p.serial));
    memcpy(p.holder, "LI SI", 5);
    memcpy(p.holder + 30, "37170019800101123X", 18);
    sim_set_key(&p, CARDSIM_KEY_INTERNAL, KEY_INTERNAL);
    sim_set_key(&p, CARDSIM_KEY_MAINTENANCE, KEY_MAINTENANCE);
    sim_set_key(&p, CARDSIM_KEY_EXTERNAL, KEY_EXTERNAL);
    memcpy(p.pin, "\x12\x34\x56", 3);
    p.pin_len = x->kind->sim == CARDSIM_SSC ? 3 : 0;
    if (p.pin_len)
        sim_set_key(&p, CARDSIM_KEY_PIN_UNBLOCK, KEY_PIN_UNBLOCK);
    assert_int_equal(cardsim_personalise(x->card, &p), 0);
}

static void each_kind(int (*body)(struct rig *r), bool blank)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct sim *x = sim_new(&kinds[i], true);
        sim_add_key(x->r, KEY_EXTERNAL, 1);
        sim_add_key(x->r, KEY_PIN_UNBLOCK, 1);
        if (!blank)
            ready(x);
        reader_sim_remove(x->reader);
        reader_sim_insert(x->reader, x->card);
        rig_run(x->r, body);
        sim_free(x);
    }
}

static const struct card_profile *profile_of(struct rig *r)
{
    return profile_get(r->set, sim_of(r)->kind->name);
}

static CO_FN int is_known(struct rig *r)
{
    const char *number =
        profile_of(r)->identity.number.length == 9 ? "000001234" : "104403000000001234";
    EXPECT(card_co_select(&r->s, r->set, NULL), 0);
    STEP(r->s.profile == profile_of(r));
    STEP(!memcmp(r->s.identity.serial, sim_serial, 10));
    STEP(!memcmp(r->s.identity.issuer, sim_issuer, 8));
    STEP(r->s.identity.enabled && !strcmp(r->s.identity.number, number));
    STEP(r->s.identity.category[0] == '\0' && !r->s.profile->purse.present);
    EXPECT(ident_co_internal_auth(&r->s, r->custody, &rng_system), 0);
    EXPECT(card_co_reselect(&r->s), 0);
    return 0;
}

static CO_FN int known_body(struct rig *r)
{
    if (is_known(r) || r->line)
        return 0;
    STEP(r->s.identity.start == 20200101 && r->s.identity.expiry == 20501231);
    return 0;
}

static void card_is_known_by_its_records_and_proves_itself(void **state)
{
    (void)state;
    each_kind(known_body, false);
}

static CO_FN int holder_body(struct rig *r)
{
    struct ep_holder h;
    EXPECT(card_co_select(&r->s, r->set, NULL), 0);
    EXPECT(ident_co_holder(&r->s, &h), OC_ENOENT); /* kept shut */
    EXPECT(ident_co_external_auth(&r->s, r->custody), 0);
    EXPECT(ident_co_holder(&r->s, &h), 0);
    STEP(!strcmp(h.name, "LI SI") && !strcmp(h.id, "37170019800101123X"));
    return 0;
}

static void holder_is_read_after_external_authentication_only(void **state)
{
    (void)state;
    each_kind(holder_body, false);
}

static CO_FN int purse_body(struct rig *r)
{
    struct init_purchase_answer p;
    struct init_load_answer l;
    struct prove_answer proof;
    struct purse_log log;
    uint8_t record[CAPP_RECORD_MAX];
    size_t len;
    fen_t balance;
    EXPECT(card_co_select(&r->s, r->set, NULL), 0);
    unsigned before = reader_sim_commands(sim_of(r)->reader);
    EXPECT(purse_co_balance(&r->s, &balance), OC_EPROFILE);
    EXPECT(purse_co_init_purchase(&r->s, false, 1, sim_issuer, &p), OC_EPROFILE);
    EXPECT(purse_co_init_load(&r->s, 1, sim_issuer, &l), OC_EPROFILE);
    EXPECT(purse_co_log(&r->s, false, &log), OC_EPROFILE);
    EXPECT(purse_co_prove(&r->s, 6, 1, &proof), OC_EPROFILE);
    EXPECT(purse_co_capp_read(&r->s, record, &len), OC_EPROFILE);
    STEP(reader_sim_commands(sim_of(r)->reader) == before);
    return 0;
}

static void no_purse_command_is_sent_to_a_card_without_a_purse(void **state)
{
    (void)state;
    each_kind(purse_body, false);
}

static CO_FN int verify(struct rig *r, const char *digits, unsigned *ret_left)
{
    return ident_co_verify_pin(&r->s, (const uint8_t *)digits, strlen(digits), ret_left);
}

static CO_FN int pin_body(struct rig *r)
{
    unsigned left = 99;
    EXPECT(card_co_select(&r->s, r->set, NULL), 0);
    if (!r->s.profile->pin.present) {
        EXPECT(verify(r, "123456", &left), OC_EPROFILE);
        return 0;
    }
    unsigned before = reader_sim_commands(sim_of(r)->reader);
    EXPECT(verify(r, "12345", &left), OC_EINVAL);
    EXPECT(verify(r, "12345a", &left), OC_EINVAL);
    STEP(reader_sim_commands(sim_of(r)->reader) == before);
    EXPECT(verify(r, "123456", &left), 0);
    EXPECT(verify(r, "654321", &left), OC_EMAC);
    STEP(left == 2);
    EXPECT(verify(r, "123456", &left), 0); /* success gives the tries back */
    EXPECT(verify(r, "000000", &left), OC_EMAC);
    EXPECT(verify(r, "000001", &left), OC_EMAC);
    EXPECT(verify(r, "000002", &left), OC_EMAC);
    STEP(left == 0);
    EXPECT(verify(r, "123456", &left), OC_ESTATE);
    STEP(r->s.asked.ended); /* no script will ever ask for a PIN */
    for (unsigned i = 0; i < r->s.asked.count; i++)
        STEP(r->s.asked.items[i].bytes[1] != 0x20);
    return 0;
}

static void wrong_pin_counts_on_the_card_and_blocks_it(void **state)
{
    (void)state;
    each_kind(pin_body, false);
}

/* ---- SM4 ---- */

static bool sm4_known; /* our key is the card's */

static void sm4_setup(struct sim *x)
{
    struct custody_slot old = {
        .purpose = KEY_INTERNAL, .alg = PBOC_3DES, .version = 1, .all_issuers = true};
    struct custody_slot slot = {
        .purpose = KEY_INTERNAL, .alg = PBOC_SM4, .version = 0x41, .all_issuers = true};
    struct cardsim_personal p;
    uint8_t key[16];
    cardsim_personal_init(&p, x->kind->sim);
    memcpy(p.issuer, sim_issuer, sizeof(p.issuer));
    memcpy(p.serial, sim_serial, sizeof(p.serial));
    sim_set_key(&p, CARDSIM_KEY_INTERNAL, KEY_INTERNAL);
    p.keys[CARDSIM_KEY_INTERNAL].algorithm = PBOC_SM4;
    p.keys[CARDSIM_KEY_INTERNAL].version = 0x41;
    assert_int_equal(cardsim_personalise(x->card, &p), 0);
    sim_master(KEY_INTERNAL, key);
    key[7] ^= sm4_known ? 0 : 1;
    assert_int_equal(custody_remove(x->r->custody, &old), 0);
    assert_int_equal(custody_add(x->r->custody, &slot, key), 0);
}

static CO_FN int sm4_body(struct rig *r)
{
    EXPECT(card_co_select(&r->s, r->set, NULL), 0);
    EXPECT(ident_co_internal_auth(&r->s, r->custody, &rng_system), sm4_known ? 0 : OC_EMAC);
    STEP(r->s.ins == 0x88 && r->s.sw == SW_OK);
    return 0;
}

static void sm4_each(void)
{
    static const struct kind all[] = {{"ssc", CARDSIM_SSC, false},
                                      {"health", CARDSIM_HEALTH, true},
                                      {"pboc-ep", CARDSIM_PBOC, true},
                                      {"tunion", CARDSIM_TUNION, false}};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        struct sim *x = sim_new(&all[i], true);
        sm4_setup(x);
        reader_sim_remove(x->reader);
        reader_sim_insert(x->reader, x->card);
        rig_run(x->r, sm4_body);
        sim_free(x);
    }
}

static void R9_card_with_an_sm4_key_proves_itself(void **state)
{
    (void)state;
    sm4_known = true;
    sm4_each();
}

static void R9_card_with_another_sm4_key_is_not_genuine(void **state)
{
    (void)state;
    sm4_known = false;
    sm4_each();
}

static CO_FN int change(struct rig *r, const char *from, const char *to, unsigned *ret_left)
{
    return ident_co_change_pin(&r->s, (struct bytes){(const uint8_t *)from, strlen(from)},
                               (struct bytes){(const uint8_t *)to, strlen(to)}, ret_left);
}

static CO_FN int unblock(struct rig *r, const char *to)
{
    return ident_co_unblock_pin(&r->s, r->custody,
                                (struct bytes){(const uint8_t *)to, strlen(to)});
}

static CO_FN int changed_body(struct rig *r)
{
    unsigned left = 99;
    EXPECT(card_co_select(&r->s, r->set, NULL), 0);
    if (!r->s.profile->pin.present) {
        EXPECT(change(r, "123456", "654321", &left), OC_EPROFILE);
        EXPECT(unblock(r, "654321"), OC_EPROFILE);
        return 0;
    }
    unsigned before = reader_sim_commands(sim_of(r)->reader);
    EXPECT(change(r, "123456", "65432", &left), OC_EINVAL);
    EXPECT(change(r, "12345", "654321", &left), OC_EINVAL);
    EXPECT(unblock(r, "6543210"), OC_EINVAL);
    STEP(reader_sim_commands(sim_of(r)->reader) == before);
    EXPECT(change(r, "000000", "654321", &left), OC_EMAC);
    STEP(left == 2);
    EXPECT(change(r, "123456", "654321", &left), 0);
    EXPECT(verify(r, "123456", &left), OC_EMAC);
    EXPECT(verify(r, "654321", &left), 0);
    for (unsigned i = 0; i < 3; i++)
        EXPECT(change(r, "000000", "111111", &left), OC_EMAC);
    STEP(left == 0);
    EXPECT(change(r, "654321", "111111", &left), OC_ESTATE);
    EXPECT(unblock(r, "222222"), 0);
    EXPECT(verify(r, "654321", &left), OC_EMAC);
    STEP(left == 2); /* all tries are there again */
    EXPECT(verify(r, "222222", &left), 0);
    return 0;
}

static void pin_is_changed_and_unblocked_on_the_chip(void **state)
{
    (void)state;
    each_kind(changed_body, false);
}

static CO_FN int unblock_refused_body(struct rig *r)
{
    struct custody_slot slot = {
        .purpose = KEY_PIN_UNBLOCK, .alg = PBOC_3DES, .version = 1, .all_issuers = true};
    static const uint8_t other[16] = {1};
    unsigned left;
    EXPECT(card_co_select(&r->s, r->set, NULL), 0);
    if (!r->s.profile->pin.present)
        return 0;
    EXPECT(custody_remove(r->custody, &slot), 0);
    unsigned before = reader_sim_commands(sim_of(r)->reader);
    EXPECT(unblock(r, "222222"), OC_ENOKEY);
    STEP(reader_sim_commands(sim_of(r)->reader) == before);
    EXPECT(custody_add(r->custody, &slot, other), 0);
    EXPECT(unblock(r, "222222"), OC_ECARD_SW);
    STEP(r->s.sw == 0x6988);
    EXPECT(verify(r, "123456", &left), 0); /* nothing changed */
    return 0;
}

static void unblock_without_the_right_key_changes_nothing(void **state)
{
    (void)state;
    each_kind(unblock_refused_body, false);
}

static CO_FN int personalise(struct rig *r)
{
    struct ep_holder h = {.name = "WANG WU", .id = "371700199001011234"};
    struct personalise_data d = {
        .start = 20261121, .holder = &h, .pin = {(const uint8_t *)"123456", 6}};
    memcpy(d.issuer, sim_issuer, 8);
    memcpy(d.serial, sim_serial, 10);
    return personalise_co(&r->s, profile_of(r), r->custody, &d, NULL);
}

static CO_FN int reopen(struct rig *r)
{
    card_co_close(&r->s);
    if (r->reader->state != READER_CARD)
        reader_sim_return(sim_of(r)->reader);
    return card_co_open(&r->s, r->reader, 0, FLOW_FOREVER);
}

static CO_FN int is_issued(struct rig *r)
{
    struct ep_holder h;
    unsigned left;
    if (is_known(r) || r->line)
        return 0;
    STEP(r->s.identity.start == 20261121 && r->s.identity.expiry > 20351121);
    EXPECT(ident_co_external_auth(&r->s, r->custody), 0);
    EXPECT(ident_co_holder(&r->s, &h), 0);
    STEP(!strcmp(h.name, "WANG WU") && !strcmp(h.id, "371700199001011234"));
    if (r->s.profile->pin.present)
        EXPECT(verify(r, "123456", &left), 0);
    EXPECT(personalise(r), OC_ESTATE); /* never written again */
    return 0;
}

static CO_FN int issue_body(struct rig *r)
{
    EXPECT(card_co_select(&r->s, r->set, NULL), OC_EPROFILE);
    EXPECT(personalise(r), 0);
    STEP(r->s.profile == profile_of(r) && r->s.identified);
    EXPECT(ident_co_internal_auth(&r->s, r->custody, &rng_system), 0);
    EXPECT(card_co_reselect(&r->s), 0);
    EXPECT(reopen(r), 0);
    return is_issued(r);
}

static void blank_chip_becomes_such_a_card_and_is_never_written_again(void **state)
{
    (void)state;
    each_kind(issue_body, true);
}

static unsigned tear_at;
static bool tear_after, tear_reached;

static CO_FN int torn_body(struct rig *r)
{
    char fault[32];
    snprintf(fault, sizeof(fault), "torn-%s:%u", tear_after ? "after" : "before", tear_at);
    cardsim_fault_clear(sim_of(r)->card);
    STEP(cardsim_fault_add(sim_of(r)->card, fault) == 0);
    EXPECT(reopen(r), 0); /* counted from here */
    int rc = personalise(r);
    tear_reached = rc != 0;
    if (!tear_reached)
        return 0;
    cardsim_fault_clear(sim_of(r)->card);
    EXPECT(reopen(r), 0);
    rc = personalise(r);
    STEP(rc == 0 || rc == OC_ESTATE); /* all was written but the answer lost */
    EXPECT(reopen(r), 0);
    return is_issued(r);
}

static void chip_torn_at_any_step_is_finished_at_the_next(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        tear_reached = true;
        for (tear_at = 1; tear_reached; tear_at++) {
            for (int after = 0; after < 2 && (after == 0 || tear_reached); after++) {
                struct sim *x = sim_new(&kinds[i], true);
                sim_add_key(x->r, KEY_EXTERNAL, 1);
                sim_add_key(x->r, KEY_PIN_UNBLOCK, 1);
                tear_after = after != 0;
                rig_run(x->r, torn_body);
                sim_free(x);
            }
        }
        assert_true(tear_at > 40);
    }
}

static CO_FN int cloned_body(struct rig *r)
{
    /* The records of a card on another chip: the number at the end of its ATR is another. */
    r->s.atr.historical[r->s.atr.historical_len - 1] ^= 1;
    EXPECT(card_co_select(&r->s, r->set, NULL), 0);
    EXPECT(ident_co_internal_auth(&r->s, r->custody, &rng_system), OC_EMAC);
    return 0;
}

static void R9_records_copied_to_another_chip_prove_nothing(void **state)
{
    (void)state;
    each_kind(cloned_body, false);
}

static CO_FN int damaged_body(struct rig *r)
{
    static const char *const faults[] = {"short-answer@B2!", "sw:6A83@B2!", "sw:6982@B2!"};
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        STEP(cardsim_fault_add(sim_of(r)->card, faults[i]) == 0);
        r->rc = card_co_select(&r->s, r->set, NULL);
        STEP(r->rc == OC_ECARD_DATA || r->rc == OC_ECARD_SW);
        STEP(!r->s.identified && !r->s.profile);
        cardsim_fault_clear(sim_of(r)->card);
    }
    return is_known(r);
}

static void record_that_is_short_or_missing_is_no_identity(void **state)
{
    (void)state;
    each_kind(damaged_body, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(card_is_known_by_its_records_and_proves_itself),
        cmocka_unit_test(holder_is_read_after_external_authentication_only),
        cmocka_unit_test(no_purse_command_is_sent_to_a_card_without_a_purse),
        cmocka_unit_test(wrong_pin_counts_on_the_card_and_blocks_it),
        cmocka_unit_test(R9_card_with_an_sm4_key_proves_itself),
        cmocka_unit_test(R9_card_with_another_sm4_key_is_not_genuine),
        cmocka_unit_test(pin_is_changed_and_unblocked_on_the_chip),
        cmocka_unit_test(unblock_without_the_right_key_changes_nothing),
        cmocka_unit_test(blank_chip_becomes_such_a_card_and_is_never_written_again),
        cmocka_unit_test(chip_torn_at_any_step_is_finished_at_the_next),
        cmocka_unit_test(R9_records_copied_to_another_chip_prove_nothing),
        cmocka_unit_test(record_that_is_short_or_missing_is_no_identity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A blank card in software becomes a card of each profile, is torn at each step and done again. */
#include "sim_rig.h"

static const struct kind kinds[] = {
    {"pboc-ep", CARDSIM_PBOC, false},
    {"mohurd", CARDSIM_MOHURD, true},
    {"tunion", CARDSIM_TUNION, false},
};
static const uint8_t sam[6] = {1, 2, 3, 4, 5, 6};

static void each_kind(int (*body)(struct rig *r))
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct sim *x = sim_new(&kinds[i], true);
        rig_run(x->r, body);
        sim_free(x);
    }
}

static const struct card_profile *profile_of(struct rig *r)
{
    return profile_get(r->set, sim_of(r)->kind->name);
}

static void data_for(struct personalise_data *d)
{
    memset(d, 0, sizeof(*d));
    memcpy(d->issuer, sim_issuer, 8);
    memcpy(d->serial, sim_serial, 10);
    d->start = 20261121;
    d->category = "student";
}

static CO_FN int personalise(struct rig *r)
{
    struct personalise_data d;
    data_for(&d);
    return personalise_co(&r->s, profile_of(r), r->custody, &d, NULL);
}

static CO_FN int reopen(struct rig *r)
{
    card_co_close(&r->s);
    if (r->reader->state != READER_CARD)
        reader_sim_return(sim_of(r)->reader);
    return card_co_open(&r->s, r->reader, 0, FLOW_FOREVER);
}

/* A load, so that the purse, its keys and its log are used. */
static CO_FN int use_card(struct rig *r)
{
    static const uint8_t date[4] = {0x20, 0x26, 0x11, 0x21}, at[3] = {0x08, 0x30, 0x05};
    struct init_load_answer init;
    struct credit_answer credit;
    struct custody_card card;
    uint8_t mac2[4];
    fen_t balance;
    EXPECT(card_co_select(&r->s, r->set, NULL), 0);
    EXPECT(card_use_profile(&r->s, profile_of(r)), 0);
    STEP(!memcmp(r->s.identity.serial, sim_serial, 10) && r->s.identity.enabled);
    STEP(!strcmp(r->s.identity.category, "student") && r->s.identity.start == 20261121);
    EXPECT(ident_co_internal_auth(&r->s, r->custody, &rng_system), 0);
    EXPECT(purse_co_init_load(&r->s, 5000, sam, &init), 0);
    struct pboc_load l = {
        .counter = init.online_counter, .type = 2, .amount = 5000, .balance_after = 5000};
    memcpy(l.random, init.random, 4);
    memcpy(l.sam, sam, 6);
    memcpy(l.date, date, 4);
    memcpy(l.time, at, 3);
    card_custody(r->s.profile, &r->s.identity, init.key_version, init.alg, &card);
    EXPECT(custody_card_mac1_verify_load(r->custody, &card, &l, init.mac1), 0);
    EXPECT(custody_load_mac2(r->custody, &card, &l, mac2), 0);
    EXPECT(purse_co_credit_load(&r->s, date, at, mac2, &credit), 0);
    EXPECT(custody_load_tac_verify(r->custody, &card, &l, credit.tac), 0);
    EXPECT(purse_co_balance(&r->s, &balance), 0);
    STEP(balance == 5000);
    return 0;
}

static CO_FN int blank_body(struct rig *r)
{
    EXPECT(personalise(r), 0);
    STEP(r->s.profile == profile_of(r) && r->s.identified);
    EXPECT(reopen(r), 0);
    if (use_card(r) || r->line)
        return 0;
    /* Issued: not to be written over, whatever is asked. */
    unsigned before = reader_sim_commands(sim_of(r)->reader);
    EXPECT(personalise(r), OC_ESTATE);
    STEP(reader_sim_commands(sim_of(r)->reader) - before <= (sim_of(r)->kind->t0 ? 4 : 2));
    EXPECT(card_co_select(&r->s, r->set, NULL), 0);
    return 0;
}

static void blank_card_becomes_usable_and_is_never_written_again(void **state)
{
    (void)state;
    each_kind(blank_body);
}

/* The card is torn at command n of the first attempt; the second attempt has to succeed. */
struct tear {
    unsigned at;
    bool after, reached;
};
static struct tear tear;

static void tear_hook(struct reader_sim *sim, const uint8_t *cmd, size_t len, void *arg)
{
    char fault[32];
    (void)cmd;
    (void)len;
    if (tear.reached || reader_sim_commands(sim) + 1 != tear.at)
        return;
    tear.reached = true;
    (void)snprintf(fault, sizeof(fault), "torn-%s@%02X", tear.after ? "after" : "before", cmd[1]);
    (void)cardsim_fault_add(arg, fault);
}

static CO_FN int torn_body(struct rig *r)
{
    reader_sim_hook(sim_of(r)->reader, tear_hook, sim_of(r)->card);
    r->rc = personalise(r);
    if (!tear.reached)
        return 0;
    STEP(r->rc == OC_ECARD_LOST || r->rc == OC_ECARD_GONE);
    EXPECT(reopen(r), 0);
    r->rc = personalise(r);
    /* Only the last byte's answer was lost: the card is finished. */
    STEP(r->rc == 0 || (r->rc == OC_ESTATE && tear.after));
    EXPECT(reopen(r), 0);
    return use_card(r);
}

static void torn_at(const struct kind *kind, bool after)
{
    for (tear.at = 1; tear.at < 400; tear.at++) {
        struct sim *x = sim_new(kind, true);
        tear.after = after;
        tear.reached = false;
        rig_run(x->r, torn_body);
        sim_free(x);
        if (!tear.reached)
            break;
    }
    assert_in_range(tear.at, 30, 300); /* every command had its turn */
}

static void card_torn_before_any_command_can_be_done_again(void **state)
{
    (void)state;
    torn_at(&kinds[0], false);
}

static void card_torn_after_any_command_can_be_done_again(void **state)
{
    (void)state;
    torn_at(&kinds[0], true);
}

/* A chip that lets nobody empty the application alone is emptied whole, and gets its transport key
 * again. */
static CO_FN int whole_body(struct rig *r)
{
    struct personalise_data d;
    struct card_identity id = {.app_flag = 0};
    tear = (struct tear){.at = 30};
    reader_sim_hook(sim_of(r)->reader, tear_hook, sim_of(r)->card);
    r->rc = personalise(r);
    STEP(tear.reached && r->rc != 0);
    EXPECT(reopen(r), 0);
    STEP(cardsim_fault_add(sim_of(r)->card, "sw:6985@0E") == 0);
    data_for(&d);
    EXPECT(personalise_co(&r->s, profile_of(r), r->custody, &d, &id), 0);
    STEP(!memcmp(id.serial, sim_serial, 10) && id.enabled);
    EXPECT(reopen(r), 0);
    return use_card(r);
}

static void card_whose_application_cannot_be_emptied_is_emptied_whole(void **state)
{
    (void)state;
    struct sim *x = sim_new(&kinds[0], true);
    rig_run(x->r, whole_body);
    sim_free(x);
}

/* Whatever command the chip refuses, that is told, and the chip is not made a card. */
static unsigned refused_at;

static void refuse_hook(struct reader_sim *sim, const uint8_t *cmd, size_t len, void *arg)
{
    char fault[32];
    (void)len;
    if (reader_sim_commands(sim) + 1 != refused_at)
        return;
    tear.reached = true;
    (void)snprintf(fault, sizeof(fault), "sw:6F00@%02X", cmd[1]);
    (void)cardsim_fault_add(arg, fault);
}

static CO_FN int refused_body(struct rig *r)
{
    reader_sim_hook(sim_of(r)->reader, refuse_hook, sim_of(r)->card);
    r->rc = personalise(r);
    if (!tear.reached)
        return 0;
    STEP(r->rc == 0 || r->rc == OC_ECARD_SW || r->rc == OC_ESTATE || r->rc == OC_EMAC);
    bool done = r->rc == 0; /* where the chip could do without */
    EXPECT(reopen(r), 0);
    r->rc = card_co_select(&r->s, r->set, NULL);
    STEP(done == (r->rc == 0 && r->s.identity.enabled));
    if (done)
        return use_card(r);
    EXPECT(reopen(r), 0);
    r->rc = personalise(r);
    STEP(r->rc == 0);
    EXPECT(reopen(r), 0);
    return use_card(r);
}

static void chip_that_refuses_any_command_is_told_and_can_be_done_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        for (refused_at = 1; refused_at < 400; refused_at++) {
            struct sim *x = sim_new(&kinds[i], true);
            tear.reached = false;
            rig_run(x->r, refused_body);
            sim_free(x);
            if (!tear.reached)
                break;
        }
        assert_in_range(refused_at, 30, 300); /* every command had its turn */
    }
}

static CO_FN int no_key_body(struct rig *r)
{
    struct custody_slot slot = {
        .purpose = KEY_TAC, .alg = PBOC_3DES, .version = 1, .all_issuers = true};
    EXPECT(custody_remove(r->custody, &slot), 0);
    EXPECT(personalise(r), OC_ENOKEY);
    STEP(reader_sim_commands(sim_of(r)->reader) == 0);
    return 0;
}

static void missing_key_is_found_before_the_card_is_touched(void **state)
{
    (void)state;
    each_kind(no_key_body);
}

static CO_FN int category_body(struct rig *r)
{
    struct personalise_data d;
    data_for(&d);
    d.category = "wizard";
    EXPECT(personalise_co(&r->s, profile_of(r), r->custody, &d, NULL), OC_EINVAL);
    return 0;
}

static void unknown_category_is_refused(void **state)
{
    (void)state;
    each_kind(category_body);
}

static CO_FN int holder_body(struct rig *r)
{
    struct ep_holder holder = {.type = 1, .name = "ZHANG SAN", .id = "4403", .id_type = 0}, back;
    struct personalise_data d;
    data_for(&d);
    d.holder = &holder;
    EXPECT(personalise_co(&r->s, profile_of(r), r->custody, &d, NULL), 0);
    EXPECT(reopen(r), 0);
    EXPECT(card_co_select(&r->s, r->set, NULL), 0);
    EXPECT(card_use_profile(&r->s, profile_of(r)), 0);
    r->rc = ident_co_holder(&r->s, &back);
    STEP(profile_of(r)->holder.pin ? r->rc == OC_ENOENT : r->rc == 0);
    STEP(r->rc || (!strcmp(back.name, "ZHANG SAN") && back.type == 1));
    return 0;
}

static void holder_is_written_and_read(void **state)
{
    (void)state;
    each_kind(holder_body);
}

int main(void)
{
    log_set_level(LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blank_card_becomes_usable_and_is_never_written_again),
        cmocka_unit_test(card_torn_before_any_command_can_be_done_again),
        cmocka_unit_test(card_torn_after_any_command_can_be_done_again),
        cmocka_unit_test(card_whose_application_cannot_be_emptied_is_emptied_whole),
        cmocka_unit_test(chip_that_refuses_any_command_is_told_and_can_be_done_again),
        cmocka_unit_test(missing_key_is_found_before_the_card_is_touched),
        cmocka_unit_test(unknown_category_is_refused),
        cmocka_unit_test(holder_is_written_and_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

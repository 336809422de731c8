/* Finding the application and reading file 0015, byte by byte, on cards that answer in the ways
 * real ones do. */
#include "card_test.h"
#include "reader_script.h"

#define AID_TU  "A000000632010105"
#define AID_EP  "A00000000386980701"
#define FILE_EP "1122334455667788 01 01 00000000000000001234 20200101 20501231 0000"
#define FILE_TU "01011000FFFFFFFF 02 01 03105170010170000001 20190806 20401231 0000"
#define FCI_EP  "6F32 8409 A00000000386980701 A525 9F0801 02 9F0C1E " FILE_EP
#define NO_MORE                                                                                    \
    "\n> 00A404000F 7378312E73682EC9E7BBE1B1A3D5CF 00\n< 6A82\n> 00A4000002 DDF1 00\n< 6A82"
#define NO_TU   "> 00A4040008 " AID_TU " 00\n< 6A82\n"

static void play(const char *script, int (*body)(struct rig *r))
{
    struct rig *r = rig_new();
    struct reader_script *s;
    rig_profiles(r);
    assert_int_equal(reader_script_new(r->rs, "script", "inline", script, &s), 0);
    r->reader = reader_script_reader(s);
    r->body = body;
    int rc = loop_run_flow(r->loop, "test", rig_main, r);
    assert_string_equal(reader_script_verdict(s), "");
    rig_check(r, rc);
    rig_free(r);
}

static CO_FN int is_ep(struct rig *r)
{
    struct card_identity id;
    EXPECT(card_co_select(&r->s, r->set, &id), 0);
    STEP(!strcmp(r->s.profile->name, "pboc-ep"));
    STEP(id.serial[9] == 0x34 && id.issuer[0] == 0x11 && id.enabled && id.expiry == 20501231);
    STEP(r->s.aid_len == 9);
    return 0;
}

static void card_is_selected_by_the_first_name_it_knows(void **state)
{
    (void)state;
    play(NO_TU "> 00A4040009 " AID_EP " 00\n< " FCI_EP " 9000\n> 00B095001E\n< " FILE_EP " 9000",
         is_ep);
}

static void T0_card_announces_its_answers(void **state)
{
    (void)state;
    play("protocol T0\n"
         "> 00A4040008 " AID_TU "\n< 6A82\n"
         "> 00A4040009 " AID_EP "\n< 610A\n> 00C000000A\n< 6F08840601020304050600 9000\n"
         "> 00B095001E\n< 6C1E\n> 00B095001E\n< " FILE_EP " 9000",
         is_ep);
}

static void file_0015_is_selected_where_short_ids_are_unknown(void **state)
{
    (void)state;
    play(NO_TU "> 00A4040009 " AID_EP " 00\n< 9000\n> 00B095001E\n< 6A86\n"
               "> 00A4000002 0015 00\n< 9000\n> 00B000001E\n< " FILE_EP " 9000",
         is_ep);
}

static CO_FN int is_tunion(struct rig *r)
{
    struct card_identity id;
    EXPECT(card_co_select(&r->s, r->set, &id), 0);
    STEP(!strcmp(r->s.profile->name, "tunion"));
    STEP(!strcmp(id.number, "3105170010170000001"));
    return 0;
}

static void tunion_card_is_tried_first_and_shows_its_number(void **state)
{
    (void)state;
    play("> 00A4040008 " AID_TU " 00\n< 9000\n> 00B095001E\n< " FILE_TU " 9000", is_tunion);
}

static CO_FN int is_unknown(struct rig *r)
{
    EXPECT(card_co_select(&r->s, r->set, NULL), OC_EPROFILE);
    STEP(!r->s.profile && !r->s.identified && !r->s.locked);
    return 0;
}

static void card_without_our_names_fits_no_profile(void **state)
{
    (void)state;
    play(NO_TU "> 00A4040009 " AID_EP " 00\n< 6A82" NO_MORE, is_unknown);
}

static CO_FN int is_locked(struct rig *r)
{
    EXPECT(card_co_select(&r->s, r->set, NULL), OC_ECARD_SW);
    STEP(r->s.locked && r->s.sw == 0x6A81);
    STEP(r->s.identified && r->s.identity.serial[9] == 0x34);
    return 0;
}

static void blocked_application_is_known_by_its_fci(void **state)
{
    (void)state;
    play(NO_TU "> 00A4040009 " AID_EP " 00\n< " FCI_EP " 6A81", is_locked);
}

static CO_FN int is_locked_unknown(struct rig *r)
{
    EXPECT(card_co_select(&r->s, r->set, NULL), OC_ECARD_SW);
    STEP(r->s.locked && r->s.sw == 0x6A81 && !r->s.identified);
    return 0;
}

static void blocked_card_without_words_is_locked_and_unknown(void **state)
{
    (void)state;
    play(NO_TU "> 00A4040009 " AID_EP " 00\n< 6A81" NO_MORE, is_locked_unknown);
}

static CO_FN int is_malformed(struct rig *r)
{
    r->rc = card_co_select(&r->s, r->set, NULL);
    STEP(r->rc == OC_ECARD_DATA || r->rc == OC_EPROFILE);
    STEP(!r->s.profile && !r->s.identified);
    return 0;
}

static void short_file_0015_is_no_identity(void **state)
{
    (void)state;
    play(NO_TU "> 00A4040009 " AID_EP " 00\n< 9000\n> 00B095001E\n< 112233 9000", is_malformed);
}

static CO_FN int leaves(struct rig *r)
{
    EXPECT(card_co_select(&r->s, r->set, NULL), OC_ECARD_LOST);
    STEP(!r->s.identified);
    return 0;
}

static void card_that_leaves_while_read_is_lost(void **state)
{
    (void)state;
    play(NO_TU "> 00A4040009 " AID_EP " 00\n< 9000\n> 00B095001E\n! lost", leaves);
}

static CO_FN int other_card(struct rig *r)
{
    EXPECT(card_co_select(&r->s, r->set, NULL), 0);
    EXPECT(card_co_reselect(&r->s), OC_EPROFILE);
    return 0;
}

static void R8_another_card_at_reselection_is_seen(void **state)
{
    (void)state;
    play("> 00A4040008 " AID_TU " 00\n< 9000\n> 00B095001E\n< " FILE_TU " 9000\n"
         "> 00A4040008 " AID_TU " 00\n< 9000\n> 00B095001E\n"
         "< 01011000FFFFFFFF 02 01 03105170010170000002 20190806 20401231 0000 9000",
         other_card);
}

static CO_FN int no_code(struct rig *r)
{
    uint8_t code[EP_CODE_LEN];
    size_t len;
    fen_t balance;
    EXPECT(purse_co_balance(&r->s, &balance), OC_ESTATE);
    EXPECT(card_co_select(&r->s, r->set, NULL), 0);
    EXPECT(purse_co_security_code(&r->s, true, code, &len), 0);
    STEP(len == 0);
    EXPECT(purse_co_balance(&r->s, &balance), 0);
    STEP(balance == -250);
    EXPECT(purse_co_balance(&r->s, &balance), 0);
    STEP(balance == 100);
    return 0;
}

static void tunion_balance_goes_below_zero_by_the_overdraft_used(void **state)
{
    (void)state;
    play("> 00A4040008 " AID_TU " 00\n< 9000\n> 00B095001E\n< " FILE_TU " 9000\n"
         "> 805C030204\n< 00000000 9000\n> 805C020204\n< 000000FA 9000\n"
         "> 805C030204\n< 80000064 9000",
         no_code);
}

static CO_FN int log_body(struct rig *r)
{
    struct purse_log log;
    EXPECT(card_co_select(&r->s, r->set, NULL), 0);
    EXPECT(purse_co_log(&r->s, false, &log), 0);
    STEP(log.count == 2 && !log.complete);
    STEP(log.records[0].counter == 4 && log.records[0].amount == 300);
    STEP(purse_log_find(r->s.profile, &log, false, 4) == &log.records[0]);
    STEP(purse_log_find(r->s.profile, &log, true, 4) == &log.records[1]);
    STEP(!purse_log_find(r->s.profile, &log, false, 5));
    return 0;
}

static void R3_log_counters_stand_as_before_the_increment(void **state)
{
    (void)state;
    play("> 00A4040008 " AID_TU " 00\n< 9000\n> 00B095001E\n< " FILE_TU " 9000\n"
         "> 00B201C417\n< 0005 000000 0000012C 06 010203040506 20261121 080000 9000\n"
         "> 00B202C417\n< 0005 000000 00000064 02 010203040506 20261121 080000 9000\n"
         "> 00B203C417\n< FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF 9000\n"
         "> 00B204C417\n< 0005 9000\n> 00B205C417\n< 6A83",
         log_body);
}

/* ---- a whole dialogue from a script file ---- */
static CO_FN int lost_body(struct rig *r)
{
    static const uint8_t sam[6] = {0x11, 0x22, 0x33, 0x44, 0x55, 0x66};
    struct purse_debit d = {.sam_seq = 7, .date = {0x20, 0x26, 0x11, 0x21}, .time = {8, 0x30, 5}};
    struct init_purchase_answer init;
    struct debit_answer a;
    struct purse_log log;
    EXPECT(card_co_select(&r->s, r->set, NULL), 0);
    EXPECT(purse_co_init_purchase(&r->s, false, 300, sam, &init), 0);
    STEP(init.balance == 10000 && init.offline_counter == 0x28);
    EXPECT(purse_co_debit(&r->s, &d, &a), OC_ECARD_LOST);
    card_co_close(&r->s);
    EXPECT(card_co_open(&r->s, r->reader, 2, FLOW_FOREVER), 0);
    EXPECT(card_co_select(&r->s, r->set, NULL), 0);
    EXPECT(purse_co_log(&r->s, false, &log), 0);
    const struct ep_log *e = purse_log_find(r->s.profile, &log, false, init.offline_counter);
    STEP(log.complete && e && e->amount == 300 && !memcmp(e->sam, sam, 6));
    return 0;
}

static void R3_purchase_answer_never_fetched_is_found_in_the_log(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    struct reader_script *s;
    rig_profiles(r);
    assert_int_equal(
        reader_script_load(r->rs, "script",
                           ONECARD_SOURCE_DIR "/tests/cards/pboc-t0-purchase-lost.card", &s),
        0);
    r->reader = reader_script_reader(s);
    r->body = lost_body;
    int rc = loop_run_flow(r->loop, "test", rig_main, r);
    assert_string_equal(reader_script_verdict(s), "");
    rig_check(r, rc);
    assert_int_equal(reader_script_load(r->rs, "none", "/nonexistent.card", &s), OC_ENOENT);
    rig_free(r);
}

int main(void)
{
    log_set_level(LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(card_is_selected_by_the_first_name_it_knows),
        cmocka_unit_test(T0_card_announces_its_answers),
        cmocka_unit_test(file_0015_is_selected_where_short_ids_are_unknown),
        cmocka_unit_test(tunion_card_is_tried_first_and_shows_its_number),
        cmocka_unit_test(card_without_our_names_fits_no_profile),
        cmocka_unit_test(blocked_application_is_known_by_its_fci),
        cmocka_unit_test(blocked_card_without_words_is_locked_and_unknown),
        cmocka_unit_test(short_file_0015_is_no_identity),
        cmocka_unit_test(card_that_leaves_while_read_is_lost),
        cmocka_unit_test(R8_another_card_at_reselection_is_seen),
        cmocka_unit_test(tunion_balance_goes_below_zero_by_the_overdraft_used),
        cmocka_unit_test(R3_log_counters_stand_as_before_the_increment),
        cmocka_unit_test(R3_purchase_answer_never_fetched_is_found_in_the_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

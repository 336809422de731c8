/* Identity, insurances, eligibility, personal and family accounts: who learns what, who may pay for
 * whom. */
#include "social_city.h"

static void refused(int rc, enum oc_reason reason)
{
    assert_int_equal(rc, OC_EREFUSED);
    assert_int_equal(f.plan.refused, reason);
}

static void noted(int rc)
{
    assert_int_equal(rc, 0);
    assert_int_equal(f.plan.kind, OC_PLAN_NOTE);
    assert_false(f.plan.overrun);
    assert_int_equal(fake_commit(&f), 0);
}

static void identity_answers_yes_or_no_and_nothing_else(void **state)
{
    (void)state;
    city_param("ask", "is_resident,over_18,over_65,insured,student");
    assert_int_equal(city_ask("identity", 0), 0);
    assert_int_equal(f.plan.reply_count, 5);
    assert_string_equal(fake_reply(&f.plan, "is_resident"), "true");
    assert_string_equal(fake_reply(&f.plan, "over_18"), "true");
    assert_string_equal(fake_reply(&f.plan, "over_65"), "false");
    assert_string_equal(fake_reply(&f.plan, "insured"), "false");
    assert_string_equal(fake_reply(&f.plan, "student"), "false");
    assert_int_equal(f.plan.kind, OC_PLAN_NONE);
}

static void age_turns_on_the_birthday(void **state)
{
    (void)state;
    city_next(20350304);
    city_param("ask", "over_65");
    assert_int_equal(city_ask("identity", 0), 0);
    assert_string_equal(fake_reply(&f.plan, "over_65"), "false");
    city_next(20350305);
    city_param("ask", "over_65");
    assert_int_equal(city_ask("identity", 0), 0);
    assert_string_equal(fake_reply(&f.plan, "over_65"), "true");
    /* where only the citizen's number is known, the day stands in it: 1950-01-01 */
    city_next(20261121);
    f.req.citizen = "c2";
    city_param("ask", "over_65");
    assert_int_equal(city_ask("identity", 0), 0);
    assert_string_equal(fake_reply(&f.plan, "over_65"), "true");
}

static void what_the_register_does_not_know_is_never_answered_no(void **state)
{
    (void)state;
    f.req.citizen = "c3";
    city_param("ask", "over_65");
    refused(city_ask("identity", 0), OC_R_NOT_FOUND);
    city_param("ask", "is_resident");
    refused(city_ask("identity", 0), OC_R_NOT_FOUND);
}

static void R21_identity_wants_the_strength_that_the_city_says(void **state)
{
    (void)state;
    city_param("ask", "over_18");
    f.req.strength = OC_STRENGTH_NUMBER;
    refused(city_ask("identity", 0), OC_R_NEEDS_PRESENCE);
    f.req.strength = OC_STRENGTH_CODE;
    assert_int_equal(city_ask("identity", 0), 0);
}

static void questions_that_nobody_knows_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "over_",
        "over_x",
        "name",
        "over_18,,over_19",
        "over_1000",
        "is_rich",
        "a,b,c,d,e,f,g,h,i",
        "over_1,over_2,over_3,over_4,over_5,over_6,over_7,over_8,over_9"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        city_next(20261121);
        city_param("ask", bad[i]);
        refused(city_ask("identity", 0), OC_R_PARAMETER);
    }
}

/* ---- insurances ---- */

static int push(const char *doc)
{
    city_next(20261121);
    city_at("bureau");
    f.document = doc;
    return city_ask("insured_put", 0);
}

static void bureau_pushes_and_the_citizen_sees_five_insurances(void **state)
{
    (void)state;
    noted(push(
        "{\"kind\":\"medical\",\"state\":\"paying\",\"from\":20200101,\"insurance\":\"employee\","
        "\"status\":\"retired\",\"serial\":7,\"salary\":5}"));
    noted(push("{\"kind\":\"pension\",\"state\":\"paused\",\"from\":20190101,\"months\":80,"
               "\"serial\":3}"));
    city_next(20261121);
    assert_int_equal(city_ask("status", 0), 0);
    assert_string_equal(fake_at(fake_reply(&f.plan, "medical"), "status"), "retired");
    assert_string_equal(fake_at(fake_reply(&f.plan, "medical"), "title"), "医疗");
    assert_string_equal(fake_at(fake_reply(&f.plan, "pension"), "months"), "80");
    assert_string_equal(fake_at(fake_reply(&f.plan, "injury"), "state"), "none");
    assert_null(fake_at(fake_get(&f, "social", "citizen:c1", "insured"), "medical.salary"));
    city_next(20261121);
    city_param("ask", "insured");
    assert_int_equal(city_ask("identity", 0), 0);
    assert_string_equal(fake_reply(&f.plan, "insured"), "true");
}

static void a_push_that_comes_twice_or_late_changes_nothing(void **state)
{
    (void)state;
    noted(push("{\"kind\":\"injury\",\"state\":\"paying\",\"from\":20200101,\"serial\":7}"));
    assert_int_equal(
        push("{\"kind\":\"injury\",\"state\":\"ended\",\"from\":20200101,\"serial\":6}"), 0);
    assert_int_equal(f.plan.kind, OC_PLAN_NONE);
    assert_string_equal(fake_reply(&f.plan, "changed"), "no");
    assert_int_equal(
        push("{\"kind\":\"injury\",\"state\":\"paying\",\"from\":20200101,\"serial\":7}"), 0);
    assert_int_equal(f.plan.kind, OC_PLAN_NONE);
}

static void bad_pushes_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{\"kind\":\"dental\",\"state\":\"paying\",\"from\":20200101,\"serial\":7}",
        "{\"kind\":\"injury\",\"state\":\"x\",\"from\":20200101,\"serial\":7}",
        "{\"kind\":\"injury\",\"state\":\"paying\",\"from\":20201301,\"serial\":7}",
        "{\"kind\":\"injury\",\"state\":\"paying\",\"from\":20200101,\"until\":20190101,\"serial\":"
        "7}",
        "{\"kind\":\"injury\",\"state\":\"paying\",\"from\":20200101}",
        "{\"kind\":\"medical\",\"state\":\"paying\",\"from\":20200101,\"serial\":7}",
        "{\"kind\":\"medical\",\"state\":\"paying\",\"from\":20200101,\"serial\":7,\"insurance\":"
        "\"e\",\"status\":\"x\"}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        refused(push(bad[i]), OC_R_PARAMETER);
    }
    city_next(20261121);
    f.document = "{}";
    refused(city_ask("insured_put", 0), OC_R_TERMINAL_MAY_NOT); /* a hospital's terminal */
}

/* ---- eligibility ---- */

static const char *eligible(const char *what, int32_t date)
{
    city_next(date);
    city_param("what", what);
    assert_int_equal(city_ask("eligible", 0), 0);
    return fake_reply(&f.plan, "eligible");
}

static void grants_hold_from_their_first_to_their_last_day(void **state)
{
    (void)state;
    city_at("bureau");
    city_param("what", "disabled");
    city_param("from", "2026-12-01");
    city_param("until", "20271130");
    noted(city_ask("concession_grant", 0));
    assert_string_equal(f.plan.events[0].kind, "concession_granted");
    assert_string_equal(eligible("disabled", 20261130), "false");
    assert_string_equal(eligible("disabled", 20261201), "true");
    assert_string_equal(fake_reply(&f.plan, "until"), "20271130");
    assert_string_equal(fake_reply(&f.plan, "category"), "disabled");
    assert_string_equal(eligible("disabled", 20271130), "true");
    assert_string_equal(eligible("disabled", 20271201), "false");
    city_next(20261202);
    city_at("bureau");
    city_param("what", "disabled");
    city_param("revoke", "yes");
    noted(city_ask("concession_grant", 0));
    assert_string_equal(eligible("disabled", 20261203), "false");
    city_next(20261202);
    city_at("bureau");
    city_param("what", "disabled");
    city_param("revoke", "yes");
    refused(city_ask("concession_grant", 0), OC_R_NOT_FOUND);
}

static void elders_are_eligible_by_age_where_they_live(void **state)
{
    (void)state;
    assert_string_equal(eligible("elder", 20350304), "false");
    assert_string_equal(eligible("elder", 20350305), "true");
    assert_string_equal(eligible("resident", 20261121), "true");
    city_next(20261121);
    city_param("what", "millionaire");
    refused(city_ask("eligible", 0), OC_R_PARAMETER);
    city_next(20261121);
    city_param("what", "resident");
    f.req.strength = OC_STRENGTH_NUMBER;
    refused(city_ask("eligible", 0), OC_R_NEEDS_PRESENCE);
}

static void bad_grants_are_refused(void **state)
{
    (void)state;
    city_at("bureau");
    city_param("what", "disabled");
    city_param("until", "2026-02-30");
    refused(city_ask("concession_grant", 0), OC_R_PARAMETER);
    city_param("until", "2020-01-01");
    refused(city_ask("concession_grant", 0), OC_R_PARAMETER);
    city_param("until", "2027-01-01");
    city_param("what", "rich");
    refused(city_ask("concession_grant", 0), OC_R_PARAMETER);
    city_at("hospital");
    refused(city_ask("concession_grant", 0), OC_R_TERMINAL_MAY_NOT);
}

/* ---- personal accounts ---- */

static void R13_personal_account_pays_medical_only(void **state)
{
    (void)state;
    fake_account(&f, OC_ACCT_PERSONAL, "c1", 5000);
    city_at("pharmacy");
    assert_int_equal(city_ask("personal_pay", 3000), 0);
    assert_int_equal(fake_sum(&f.plan), 0);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_PERSONAL, "c1"), -3000);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_MERCHANT, "pharmacy"), 3000);
    assert_string_equal(fake_reply(&f.plan, "left_fen"), "2000");
    refused(city_ask("personal_pay", 5001), OC_R_FUNDS);
    city_at("shop");
    refused(city_ask("personal_pay", 3000), OC_R_NOT_ELIGIBLE);
    assert_int_equal(city_ask("personal", 0), 0);
    assert_string_equal(fake_reply(&f.plan, "personal_fen"), "5000");
}

static int bind(const char *owner, const char *member, const char *limit)
{
    city_next(20261121);
    f.req.citizen = owner;
    f.req.strength = OC_STRENGTH_PIN;
    city_param("member", member);
    city_param("relation", "spouse");
    if (limit) {
        city_param("limit", limit);
    }
    return city_ask("family_bind", 0);
}

static void relative_pays_with_the_owners_consent_up_to_the_years_limit(void **state)
{
    (void)state;
    fake_account(&f, OC_ACCT_PERSONAL, "c2", 100000);
    city_at("pharmacy");
    city_param("from", "c2");
    refused(city_ask("personal_pay", 1000), OC_R_NO_CONSENT);
    noted(bind("c2", "c1", "30"));
    city_next(20261122);
    city_at("pharmacy");
    city_param("from", "c2");
    assert_int_equal(city_ask("personal_pay", 2000), 0);
    assert_int_equal(fake_leg(&f.plan, OC_ACCT_PERSONAL, "c2"), -2000);
    assert_int_equal(fake_commit(&f), 0);
    refused(city_ask("personal_pay", 1001), OC_R_FUNDS);
    f.req.business_date = 20270101; /* another year, another limit */
    assert_int_equal(city_ask("personal_pay", 3000), 0);
    city_next(20261123);
    assert_int_equal(city_ask("family_list", 0), 0);
    assert_string_equal(fake_at(fake_reply(&f.plan, "payers"), "0.owner"), "c2");
    f.req.citizen = "c2";
    assert_int_equal(city_ask("family_list", 0), 0);
    assert_string_equal(fake_at(fake_reply(&f.plan, "members"), "0.used_fen"), "2000");
}

static void either_side_ends_it(void **state)
{
    (void)state;
    noted(bind("c2", "c1", NULL));
    city_next(20261122);
    f.req.citizen = "c2";
    city_param("member", "c1");
    noted(city_ask("family_unbind", 0));
    assert_null(fake_get(&f, "social", "citizen:c2", "family/c1"));
    assert_null(fake_get(&f, "social", "citizen:c1", "payer/c2"));
    noted(bind("c2", "c1", NULL));
    city_next(20261122);
    city_param("owner", "c2");
    noted(city_ask("family_unbind", 0));
    assert_null(fake_get(&f, "social", "citizen:c2", "family/c1"));
    city_next(20261122);
    city_param("owner", "c2");
    refused(city_ask("family_unbind", 0), OC_R_NOT_FOUND);
    refused((city_next(20261122), city_ask("family_unbind", 0)), OC_R_PARAMETER);
}

static void bad_bonds_are_refused(void **state)
{
    (void)state;
    refused(bind("c2", "c2", NULL), OC_R_PARAMETER);
    refused(bind("c2", "nobody", NULL), OC_R_NO_CITIZEN);
    refused(bind("c2", "c1", "minus"), OC_R_PARAMETER);
    refused(bind("c2", "", NULL), OC_R_PARAMETER);
    city_next(20261121);
    city_param("member_card", "0000000000000002");
    city_param("relation", "friend");
    refused(city_ask("family_bind", 0), OC_R_PARAMETER);
    for (int i = 0; i < 8; i++) {
        char key[40];
        snprintf(key, sizeof(key), "family/m%d", i);
        fake_put(&f, "social", "citizen:c1", key, "{}");
    }
    city_param("relation", "child");
    refused(city_ask("family_bind", 0), OC_R_LIMIT);
}

int main(void)
{
#define CASE(t) cmocka_unit_test_setup_teardown(t, city_setup, city_teardown)
    const struct CMUnitTest tests[] = {
        CASE(identity_answers_yes_or_no_and_nothing_else),
        CASE(age_turns_on_the_birthday),
        CASE(what_the_register_does_not_know_is_never_answered_no),
        CASE(R21_identity_wants_the_strength_that_the_city_says),
        CASE(questions_that_nobody_knows_are_refused),
        CASE(bureau_pushes_and_the_citizen_sees_five_insurances),
        CASE(a_push_that_comes_twice_or_late_changes_nothing),
        CASE(bad_pushes_are_refused),
        CASE(grants_hold_from_their_first_to_their_last_day),
        CASE(elders_are_eligible_by_age_where_they_live),
        CASE(bad_grants_are_refused),
        CASE(R13_personal_account_pays_medical_only),
        CASE(relative_pays_with_the_owners_consent_up_to_the_years_limit),
        CASE(either_side_ends_it),
        CASE(bad_bonds_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

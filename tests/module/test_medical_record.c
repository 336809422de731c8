/* Medical: reports and who may read them, medication, referral, consultation. */
#include "medical_city.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const report_r1 =
    "{\"id\":\"R1\",\"status\":\"final\",\"date\":20261101,\"category\":\"RAD\","
    "\"code\":\"CT-HEAD\",\"display\":\"头颅CT\",\"conclusion\":\"未见异常\","
    "\"result\":[{\"code\":\"a\",\"display\":\"x\",\"value\":\"1.0\",\"unit\":\"mm\"}]}";

static void put_report(const char *json)
{
    at("h1");
    named("c1");
    document(json);
    done("medical.report_put", NULL);
    document(NULL);
}

static char access_id[32];

static void open_report(const char *hospital, const char *id)
{
    done("medical.report", "hospital", hospital, "report", id, NULL);
    snprintf(access_id, sizeof(access_id), "%s", reply("access"));
}

static void a_report_is_opened_with_the_card_audited_and_then_read(void **state)
{
    (void)state;
    put_report(report_r1);
    at("h2");
    holder("c1", OC_PRESENTED_CHIP);
    open_report("h1", "R1");
    assert_int_equal(f.plan.kind, OC_PLAN_NOTE);
    for (size_t i = 0; i < f.plan.reply_count; i++) { /* kept with the transaction */
        assert_null(strstr(f.plan.reply[i].value, "CT"));
    }
    named("c1");
    assert_int_equal(ask("medical.read", "access", access_id, NULL), 0);
    assert_int_equal(f.plan.kind, OC_PLAN_NONE); /* nothing of what is shown is kept */
    assert_string_equal(reply("report.conclusion"), "未见异常");
    assert_string_equal(reply("report.result.0.value"), "1.0");
    holder("c1", OC_PRESENTED_CODE);
    assert_int_equal(ask("medical.access_log", NULL), 0);
    assert_string_equal(reply("accesses.0.participant"), "h2");
    assert_string_equal(reply("accesses.0.what"), "report");
    assert_string_equal(reply("accesses.0.strength"), "chip");
    assert_string_equal(reply("accesses.0.entity"), ref("rep", "h1", "R1"));
}

static void what_was_opened_is_read_by_that_institution_for_minutes_only(void **state)
{
    (void)state;
    put_report(report_r1);
    at("h2");
    holder("c1", OC_PRESENTED_CHIP);
    open_report("h1", "R1");
    at("h3");
    refused(OC_R_NO_CONSENT, "medical.read", "access", access_id, NULL);
    at("h2");
    f.req.now_ms += 15 * 60000 + 1;
    refused(OC_R_NO_CONSENT, "medical.read", "access", access_id, NULL);
    refused(OC_R_NOT_FOUND, "medical.read", "access", "261121-0000000000000", NULL);
    f.req.now_ms -= 15 * 60000 + 1;
    named("c2");
    refused(OC_R_NOT_FOUND, "medical.read", "access", access_id, NULL);
}

static void what_is_told_of_a_citizen_goes_to_named_hospitals_only(void **state)
{
    static const struct onecard_conf conf = {.module = &onecard_module,
                                             .values = {{"hospitals", "h1 h2"}}};
    (void)state;
    onecard_module.unload(ctx);
    assert_int_equal(fake_load(&onecard_module, &conf, &ctx), 0);
    holder("c1", OC_PRESENTED_CHIP);
    refused(OC_R_PARAMETER, "medical.refer", "to", "shop", "direction", "up", "department", "neike",
            "reason", "further tests", NULL);
    refused(OC_R_PARAMETER, "medical.consult", "to", "h2,shop", "question", "what next?", NULL);
    done("medical.consult", "to", "h2", "question", "what next?", NULL);
}

static void opening_needs_the_holder_present(void **state)
{
    (void)state;
    static const char *const services[] = {"medical.report",     "medical.reports",
                                           "medical.medication", "medical.access_log",
                                           "medical.refer",      "medical.consult"};
    for (size_t i = 0; i < 6; i++) {
        unsigned needs = 0;
        for (size_t j = 0; j < onecard_module.service_count; j++) {
            if (strcmp(onecard_module.services[j]->name, services[i]) == 0) {
                needs = onecard_module.services[j]->needs;
            }
        }
        assert_true(needs & OC_NEEDS_PRESENCE);
        assert_true(needs & OC_NEEDS_CARD);
    }
}

static void an_emergency_is_recorded_with_its_reason_and_told(void **state)
{
    (void)state;
    put_report(report_r1);
    at("h3");
    named("c1");
    refused(OC_R_NO_CONSENT, "medical.emergency", "what", "reports", "reason", "", NULL);
    refused(OC_R_PARAMETER, "medical.emergency", "what", "all", "reason", "昏迷入院", NULL);
    done("medical.emergency", "what", "report", "hospital", "h1", "report", "R1", "reason",
         "昏迷入院", NULL);
    assert_int_equal(f.plan.event_count, 1);
    assert_string_equal(f.plan.events[0].kind, "emergency_access");
    assert_null(strstr(f.plan.events[0].text, "昏迷")); /* why is the citizen's own record's */
    snprintf(access_id, sizeof(access_id), "%s", reply("access"));
    assert_int_equal(ask("medical.read", "access", access_id, NULL), 0);
    assert_string_equal(reply("report.id"), "R1");
    assert_int_equal(ask("medical.access_log", NULL), 0);
    assert_string_equal(reply("accesses.0.emergency"), "昏迷入院");
}

static void reports_are_listed_with_their_recognition(void **state)
{
    (void)state;
    put_report(report_r1);
    put_report("{\"id\":\"R2\",\"status\":\"preliminary\",\"date\":20261120,\"category\":\"LAB\","
               "\"code\":\"GLU\",\"display\":\"血糖\"}");
    at("h2");
    holder("c1", OC_PRESENTED_CHIP);
    done("medical.reports", NULL);
    snprintf(access_id, sizeof(access_id), "%s", reply("access"));
    assert_int_equal(ask("medical.read", "access", access_id, NULL), 0);
    int glu = strcmp(reply("reports.0.code"), "GLU") == 0 ? 0 : 1;
    assert_string_equal(reply(glu ? "reports.0.recognised" : "reports.1.recognised"), "true");
    assert_string_equal(reply(glu ? "reports.0.recognised_until" : "reports.1.recognised_until"),
                        "20261201");
    assert_string_equal(reply(glu ? "reports.1.not_recognised" : "reports.0.not_recognised"),
                        "not final");
}

static void a_report_sent_again_is_no_news_and_an_amended_one_a_revision(void **state)
{
    (void)state;
    put_report(report_r1);
    document(report_r1);
    assert_int_equal(ask("medical.report_put", NULL), 0);
    assert_string_equal(reply("unchanged"), "true");
    put_report("{\"id\":\"R1\",\"status\":\"amended\",\"date\":20261101,\"category\":\"RAD\","
               "\"code\":\"CT-HEAD\",\"display\":\"头颅CT\",\"conclusion\":\"复核\"}");
    assert_string_equal(reply("revision"), "2");
}

static void a_long_report_is_read_in_pages(void **state)
{
    (void)state;
    static char json[32000];
    size_t n = (size_t)snprintf(json, sizeof(json),
                                "{\"id\":\"R9\",\"status\":\"final\",\"date\":20261101,"
                                "\"category\":\"LAB\",\"code\":\"GLU\",\"display\":\"x\","
                                "\"result\":[");
    for (int i = 0; i < 100; i++) {
        n += (size_t)snprintf(json + n, sizeof(json) - n,
                              "%s{\"code\":\"c%d\",\"display\":\"a name of some length\","
                              "\"value\":\"12.5\",\"referenceRange\":\"10-20\"}",
                              i ? "," : "", i);
    }
    snprintf(json + n, sizeof(json) - n, "]}");
    put_report(json);
    holder("c1", OC_PRESENTED_CHIP);
    open_report("h1", "R9");
    char from[16] = "0", path[40];
    int seen = 0;
    do {
        assert_int_equal(ask("medical.read", "access", access_id, "from", from, NULL), 0);
        assert_true(strlen(reply("report")) < 4096);
        int i = 0;
        for (snprintf(path, sizeof(path), "report.result.%d", i); reply(path);
             snprintf(path, sizeof(path), "report.result.%d", ++i)) {
        }
        assert_true(i > 0);
        seen += i;
        snprintf(from, sizeof(from), "%s", reply("next"));
    } while (strcmp(from, "0") != 0 && seen < 1000);
    assert_int_equal(seen, 100);
    refused(OC_R_PARAMETER, "medical.read", "access", access_id, "from", "x", NULL);
}

/* ---- medication ---- */

static void dispense(const char *hospital, const char *id, int date, const char *code, int days)
{
    char json[400];
    snprintf(json, sizeof(json),
             "{\"id\":\"%s\",\"whenHandedOver\":%d,\"medication\":[{\"code\":\"%s\","
             "\"display\":\"药\",\"quantity\":7,\"daysSupply\":%d}]}",
             id, date, code, days);
    at(hospital);
    named("c1");
    static char kept_json[400];
    memcpy(kept_json, json, sizeof(json));
    document(kept_json);
    done("medical.dispense_put", NULL);
    document(NULL);
}

static void the_same_substance_before_its_supply_ended_is_warned_of_across_hospitals(void **state)
{
    (void)state;
    on(20261115, 900);
    dispense("h1", "D1", 20261115, "C07AB02", 10); /* until 2026-11-24 */
    assert_string_equal(reply("warnings"), "0");
    on(20261121, 900);
    dispense("h2", "D1", 20261121, "C07AB02", 10);
    assert_string_equal(reply("warnings"), "1");
    const char *m = fake_message(&f.plan, "h2", "medical.medication_warning");
    assert_string_equal(fake_at(m, "issue.0.kind"), "interval");
    assert_string_equal(fake_at(m, "issue.0.until"), "20261124");
    on(20261201, 900); /* the day after the second supply's last */
    dispense("h1", "D2", 20261201, "C07AB02", 10);
    assert_string_equal(reply("warnings"), "0");
}

static void interacting_substances_are_warned_of_and_the_history_is_read(void **state)
{
    (void)state;
    dispense("h1", "D1", 20261121, "B01AA03", 30);
    holder("c1", OC_PRESENTED_CHIP);
    at("h2");
    done("medical.medication", "check", "N02BA01,C07AB02", NULL);
    snprintf(access_id, sizeof(access_id), "%s", reply("access"));
    assert_int_equal(ask("medical.read", "access", access_id, NULL), 0);
    assert_string_equal(reply("warnings.0.kind"), "interaction");
    assert_string_equal(reply("warnings.0.code"), "N02BA01");
    assert_string_equal(reply("warnings.0.with"), "B01AA03");
    assert_null(reply("warnings.1"));
    char from[40];
    snprintf(from, sizeof(from), "%s", reply("next"));
    assert_int_equal(ask("medical.read", "access", access_id, "from", from, NULL), 0);
    assert_string_equal(reply("dispenses.0.medication.0.code"), "B01AA03");
    assert_string_equal(reply("next"), "");
}

static void a_dispense_told_twice_does_not_warn_of_itself(void **state)
{
    (void)state;
    dispense("h1", "D1", 20261121, "B01AA03", 30);
    document("{\"id\":\"D1\",\"whenHandedOver\":20261121,\"medication\":[{\"code\":\"B01AA03\","
             "\"display\":\"药\",\"quantity\":7,\"daysSupply\":30}]}");
    assert_int_equal(ask("medical.dispense_put", NULL), 0);
    assert_string_equal(reply("unchanged"), "true");
    dispense("h1", "D1", 20261121, "B01AA03", 20); /* corrected */
    assert_string_equal(reply("warnings"), "0");
    assert_string_equal(kept("citizen:c1", "meds", "item.0.until"), "20261210");
    assert_null(kept("citizen:c1", "meds", "item.1.until"));
}

static void what_is_remembered_of_medication_is_bounded(void **state)
{
    (void)state;
    char code[16];
    for (int i = 0; i < 80; i++) {
        char id[16];
        snprintf(id, sizeof(id), "D%d", i);
        snprintf(code, sizeof(code), "S%02d", i);
        dispense("h1", id, 20261121, code, 1 + i);
    }
    assert_non_null(kept("citizen:c1", "meds", "item.63.code"));
    assert_null(kept("citizen:c1", "meds", "item.64.code"));
    const char *doc = fake_get(&f, "medical", "citizen:c1", "meds");
    assert_non_null(strstr(doc, "\"S79\""));
    assert_null(strstr(doc, "\"S00\"")); /* what ends first went first */
}

/* ---- referral ---- */

static char referral[32];

static void refer(void)
{
    at("h1");
    holder("c1", OC_PRESENTED_CHIP);
    done("medical.refer", "to", "h2", "direction", "up", "department", "neike", "reason",
         "需进一步检查", NULL);
    snprintf(referral, sizeof(referral), "%s", reply("referral"));
    named("c1");
}

static void a_referral_goes_up_is_accepted_arrives_and_returns(void **state)
{
    (void)state;
    static const char *const states[] = {"accepted", "arrived", "returned"};
    refer();
    assert_string_equal(fake_at(fake_message(&f.plan, "h2", "medical.referral"), "direction"),
                        "up");
    at("h2");
    for (int i = 0; i < 3; i++) {
        done("medical.referral_answer", "referral", referral, "state", states[i], "note", "ok",
             NULL);
        const char *m = fake_message(&f.plan, "h1", "medical.referral_answer");
        assert_string_equal(fake_at(m, "status"), states[i]);
        assert_int_equal(
            ask("medical.referral_answer", "referral", referral, "state", states[i], NULL), 0);
        assert_string_equal(reply("unchanged"), "true");
    }
    refused(OC_R_WRONG_STATE, "medical.referral_answer", "referral", referral, "state", "accepted",
            NULL);
}

static void a_referral_is_answered_by_its_receiver_and_revoked_by_its_sender(void **state)
{
    (void)state;
    refer();
    refused(OC_R_TERMINAL_MAY_NOT, "medical.referral_answer", "referral", referral, "state",
            "accepted", NULL);
    at("h2");
    refused(OC_R_TERMINAL_MAY_NOT, "medical.referral_answer", "referral", referral, "state",
            "revoked", NULL);
    refused(OC_R_WRONG_STATE, "medical.referral_answer", "referral", referral, "state", "arrived",
            NULL);
    refused(OC_R_PARAMETER, "medical.referral_answer", "referral", referral, "state", "lost", NULL);
    at("h1");
    done("medical.referral_answer", "referral", referral, "state", "revoked", NULL);
    assert_non_null(fake_message(&f.plan, "h2", "medical.referral_answer"));
    at("h2");
    refused(OC_R_WRONG_STATE, "medical.referral_answer", "referral", referral, "state", "accepted",
            NULL);
    assert_int_equal(ask("medical.referrals", NULL), 0);
    assert_string_equal(reply("referrals.0.status"), "revoked");
    at("h3");
    assert_int_equal(ask("medical.referrals", NULL), 0);
    assert_null(reply("referrals.0"));
}

/* ---- consultation ---- */

static void a_consultation_is_complete_when_every_hospital_has_answered(void **state)
{
    (void)state;
    put_report(report_r1);
    holder("c1", OC_PRESENTED_CHIP);
    done("medical.consult", "to", "h2,h3", "question", "是否手术?", "reports", "R1", NULL);
    assert_int_equal(f.plan.message_count, 2);
    const char *m = fake_message(&f.plan, "h3", "medical.consult");
    assert_string_equal(fake_at(m, "supportingInfo.0.conclusion"), "未见异常");
    char id[32];
    snprintf(id, sizeof(id), "%s", reply("consult"));
    named("c1");
    refused(OC_R_TERMINAL_MAY_NOT, "medical.consult_answer", "consult", id, "answer", "不必", NULL);
    at("h2");
    done("medical.consult_answer", "consult", id, "answer", "不必", NULL);
    assert_string_equal(reply("status"), "active");
    assert_int_equal(ask("medical.consult_answer", "consult", id, "answer", "不必", NULL), 0);
    assert_string_equal(reply("unchanged"), "true");
    refused(OC_R_DUPLICATE, "medical.consult_answer", "consult", id, "answer", "手术", NULL);
    at("h3");
    document("{\"text\":\"a longer answer than a parameter may be\"}");
    done("medical.consult_answer", "consult", id, "declined", "yes", NULL);
    assert_string_equal(reply("status"), "completed");
    assert_non_null(fake_message(&f.plan, "h1", "medical.consult_answer"));
}

static void a_consultation_asks_others_once_each(void **state)
{
    (void)state;
    holder("c1", OC_PRESENTED_CHIP);
    refused(OC_R_PARAMETER, "medical.consult", "to", "h1", "question", "??", NULL);
    refused(OC_R_PARAMETER, "medical.consult", "to", "h2,h2", "question", "??", NULL);
    refused(OC_R_PARAMETER, "medical.consult", "to", "h2,h3,h4,h5,h6", "question", "??", NULL);
    refused(OC_R_PARAMETER, "medical.consult", "to", "", "question", "??", NULL);
    refused(OC_R_NOT_FOUND, "medical.consult", "to", "h2", "question", "??", "reports", "R7", NULL);
    refused(OC_R_PARAMETER, "medical.refer", "to", "h1", "direction", "up", "reason", "??", NULL);
    refused(OC_R_PARAMETER, "medical.refer", "to", "h2", "direction", "left", "reason", "??", NULL);
}

static void configuration_that_makes_no_sense_keeps_the_module_from_loading(void **state)
{
    (void)state;
    static const struct onecard_conf bad_rule = {.module = &onecard_module,
                                                 .values = {{"recognition.GLU", "soon"}}};
    static const struct onecard_conf bad_pair = {.module = &onecard_module,
                                                 .values = {{"interactions.B01A", "x"}}};
    void *none = NULL;
    assert_int_equal(fake_load(&onecard_module, &bad_rule, &none), OC_EINVAL);
    assert_int_equal(fake_load(&onecard_module, &bad_pair, &none), OC_EINVAL);
}

#define T(name) cmocka_unit_test_setup_teardown(name, city_setup, city_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_report_is_opened_with_the_card_audited_and_then_read),
        T(what_was_opened_is_read_by_that_institution_for_minutes_only),
        T(what_is_told_of_a_citizen_goes_to_named_hospitals_only),
        T(opening_needs_the_holder_present),
        T(an_emergency_is_recorded_with_its_reason_and_told),
        T(reports_are_listed_with_their_recognition),
        T(a_report_sent_again_is_no_news_and_an_amended_one_a_revision),
        T(a_long_report_is_read_in_pages),
        T(the_same_substance_before_its_supply_ended_is_warned_of_across_hospitals),
        T(interacting_substances_are_warned_of_and_the_history_is_read),
        T(a_dispense_told_twice_does_not_warn_of_itself),
        T(what_is_remembered_of_medication_is_bounded),
        T(a_referral_goes_up_is_accepted_arrives_and_returns),
        T(a_referral_is_answered_by_its_receiver_and_revoked_by_its_sender),
        T(a_consultation_is_complete_when_every_hospital_has_answered),
        T(a_consultation_asks_others_once_each),
        T(configuration_that_makes_no_sense_keeps_the_module_from_loading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A citizen's data over the API: sealed, shown with a reason, told whole, forgotten (R20). */
#include "site.h"

#include "base/base.h"
#include "crypto/crypto.h"
#include "ledger/ledger.h"

#include <onecard/module.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME   "Zhang Unforgettable"
#define NUMBER "410102199001010021"

static struct site site;

static int open_site(void **state)
{
    (void)state;
    site_open(&site, NULL);
    site_furnish(&site, false);
    return 0;
}

static int close_site(void **state)
{
    (void)state;
    site_close(&site);
    return 0;
}

static void add_citizen(char ret_id[32])
{
    json_t *j = site_call(&site, "POST", "/v1/citizens",
                          "{\"name\":\"" NAME "\",\"id\":\"" NUMBER
                          "\",\"phone\":\"13800138000\",\"born\":\"1990-01-01\",\"sex\":\"female\","
                          "\"address\":\"Zhengzhou, Renmin Road 1\",\"resident\":\"yes\"}",
                          NULL);
    (void)snprintf(ret_id, 32, "%s", text_of(j, "citizen"));
    assert_true(ret_id[0] == 'c');
    json_decref(j);
}

static json_t *about(const char *id, const char *verb, const char *body, int status)
{
    char path[96];
    (void)snprintf(path, sizeof path, "/v1/citizens/%s/%s", id, verb);
    return site_expect(&site, status, "POST", path, body);
}

static void check_refused(const char *id, const char *verb, const char *body, int status,
                          const char *code)
{
    json_t *j = about(id, verb, body, status);
    assert_string_equal(text_of(json_object_get(j, "error"), "code"), code);
    json_decref(j);
}

static void one_number_is_one_citizen_and_is_found(void **state)
{
    char a[32], b[32];
    (void)state;
    add_citizen(a);
    add_citizen(b);
    assert_string_equal(a, b);
    json_t *j = site_expect(&site, 200, "POST", "/v1/citizens/find", "{\"number\":\"" NUMBER "\"}");
    assert_string_equal(text_of(j, "citizen"), a);
    json_decref(j);
    json_decref(site_expect(&site, 404, "POST", "/v1/citizens/find", "{\"number\":\"41\"}"));
}

static void R20_data_are_shown_with_a_reason_and_the_look_is_told_to_the_citizen(void **state)
{
    char id[32];
    (void)state;
    add_citizen(id);
    check_refused(id, "show", "{}", 400, "missing_field");
    json_t *j = about(id, "show", "{\"reason\":\"call 4711\"}", 200);
    const json_t *p = json_object_get(j, "person");
    assert_string_equal(text_of(p, "name"), NAME);
    assert_string_equal(text_of(p, "id"), NUMBER);
    assert_string_equal(text_of(p, "born"), "1990-01-01");
    assert_string_equal(text_of(p, "resident"), "yes");
    json_decref(j);
    j = about(id, "export", "{\"reason\":\"asked for it\"}", 200);
    const json_t *access = json_object_get(j, "access");
    assert_int_equal(json_array_size(access), 2);
    p = json_object_get(json_array_get(access, 0), "document");
    assert_string_equal(text_of(p, "reason"), "call 4711");
    assert_string_equal(text_of(p, "service"), "citizen.show");
    assert_true(text_of(p, "who")[0] != '\0');
    assert_string_equal(text_of(json_object_get(j, "person"), "name"), NAME);
    json_decref(j);
}

static void what_is_changed_stands_and_the_rest_stays(void **state)
{
    char id[32];
    (void)state;
    add_citizen(id);
    json_decref(about(id, "change", "{\"phone\":\"13900139000\"}", 200));
    json_t *j = about(id, "show", "{\"reason\":\"x\"}", 200);
    assert_string_equal(text_of(json_object_get(j, "person"), "phone"), "13900139000");
    assert_string_equal(text_of(json_object_get(j, "person"), "name"), NAME);
    json_decref(j);
    check_refused(id, "change", "{\"id\":\"1\"}", 400, "unknown_field");
    check_refused(id, "change", "{\"sex\":\"f\"}", 400, "bad_field");
}

/* ---- files ---- */

static bool file_has(const char *path, const void *bytes, size_t len)
{
    struct buf b;
    ROLE_ENTER_WORKER();
    buf_init(&b, (size_t)256 << 20);
    bool has = file_read(path, &b) == 0 && memmem(b.data, b.len, bytes, len) != NULL;
    buf_fini(&b);
    return has;
}

static bool ledger_has(const void *bytes, size_t len)
{
    char path[96];
    (void)snprintf(path, sizeof path, "%s/ledger.db", site.dir);
    if (file_has(path, bytes, len))
        return true;
    (void)snprintf(path, sizeof path, "%s/ledger.db-wal", site.dir);
    return file_has(path, bytes, len);
}

/* The wrapped key of that citizen, as it lies in the ledger. */
static int read_key(const char *id, uint8_t ret[128])
{
    char path[96];
    int len = 0;
    sqlite3 *db;
    sqlite3_stmt *st;
    (void)snprintf(path, sizeof path, "%s/ledger.db", site.dir);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT sealed FROM citizen_key WHERE citizen = ? AND "
                                        "what = 1",
                                        -1, &st, NULL),
                     SQLITE_OK);
    (void)sqlite3_bind_text(st, 1, id, -1, SQLITE_STATIC);
    if (sqlite3_step(st) == SQLITE_ROW) {
        len = sqlite3_column_bytes(st, 0);
        memcpy(ret, sqlite3_column_blob(st, 0), (size_t)len);
    }
    (void)sqlite3_finalize(st);
    (void)sqlite3_close(db);
    return len;
}

static void register_holder(char ret_card[40], char ret_id[32])
{
    json_t *j =
        site_expect(&site, 201, "POST", "/v1/cards/register",
                    "{\"serial\":\"77\",\"profile\":\"pboc-ep\",\"holder\":{\"name\":\"" NAME
                    "\",\"id\":\"" NUMBER "\"}}");
    (void)snprintf(ret_card, 40, "%s", text_of(j, "id"));
    (void)snprintf(ret_id, 32, "%s", text_of(j, "citizen"));
    json_decref(j);
}

static void R20_erased_data_are_gone_from_file_and_backup_and_cards_stay_by_number(void **state)
{
    char id[32], again[32], card[40], path[128], body[200];
    uint8_t key[128];
    (void)state;
    register_holder(card, id);
    json_decref(about(id, "show", "{\"reason\":\"x\"}", 200));
    int len = read_key(id, key);
    assert_true(len > 32);
    assert_true(ledger_has(key, (size_t)len));
    assert_false(ledger_has(NAME, strlen(NAME)));

    check_refused(id, "erase", "{\"why\":\"wishes it\"}", 409, "card_works");
    (void)snprintf(path, sizeof path, "/v1/cards/%s/cancel", card);
    json_decref(site_expect(&site, 200, "POST", path, "{}"));
    json_t *j = about(id, "erase", "{\"why\":\"wishes it\"}", 200);
    assert_int_equal(json_array_size(json_object_get(j, "erased")), 2); /* no documents were kept */
    json_decref(j);

    check_refused(id, "show", "{\"reason\":\"x\"}", 409, "erased");
    check_refused(id, "change", "{\"phone\":\"1\"}", 409, "erased");
    json_decref(
        site_expect(&site, 404, "POST", "/v1/citizens/find", "{\"number\":\"" NUMBER "\"}"));
    (void)snprintf(path, sizeof path, "/v1/cards/%s", card);
    j = site_expect(&site, 200, "GET", path, NULL);
    assert_string_equal(text_of(j, "citizen"), id);
    assert_true(text_of(j, "number")[0] != '\0');
    json_decref(j);
    j = about(id, "export", "{\"reason\":\"what is left\"}", 200);
    assert_true(json_is_null(json_object_get(j, "person")));
    json_decref(j);

    (void)snprintf(body, sizeof body, "{\"path\":\"%s/copy.db\"}", site.dir);
    json_decref(site_expect(&site, 200, "POST", "/v1/ledger/backup", body));
    (void)snprintf(path, sizeof path, "%s/copy.db", site.dir);
    assert_false(file_has(path, key, (size_t)len));
    assert_false(file_has(path, NAME, strlen(NAME)));
    j = site_expect(&site, 200, "POST", "/v1/ledger/verify", "{}");
    assert_true(json_is_true(json_object_get(j, "good")));
    json_decref(j);

    add_citizen(again); /* comes back as somebody new */
    assert_string_not_equal(again, id);
}

/* ---- the night ---- */

/* Writes into the ledger of a site at rest. */
static void write_at_rest(struct ledger_op *ops, unsigned n)
{
    char path[96], store[96];
    uint8_t chain[32];
    struct keystore *ks = NULL;
    struct crypto *x = NULL;
    struct ledger *l = NULL;
    ROLE_ENTER_WORKER();
    (void)snprintf(store, sizeof store, "%s/keystore", site.dir);
    (void)snprintf(path, sizeof path, "%s/ledger.db", site.dir);
    assert_int_equal(keystore_open(store, NULL, &ks), 0);
    assert_int_equal(crypto_new(NULL, &x), 0);
    assert_int_equal(keystore_key(ks, x, "journal", chain), 0);
    const struct ledger_opts o = {.path = path, .clock = &clock_system, .chain_key = chain};
    assert_int_equal(ledger_open(&o, &l), 0);
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(ledger_submit(l, &ops[i]), 0);
    ledger_close(&l);
    crypto_free(&x);
    keystore_close(&ks);
}

static void R20_documents_whose_retention_is_over_are_erased_by_the_night(void **state)
{
    char id[32], path[64];
    bool both = false;
    struct ledger_op *ops = calloc(2, sizeof *ops);
    (void)state;
    assert_non_null(ops);
    json_t *j = site_expect(&site, 201, "POST", "/v1/citizens", "{\"name\":\"Old\"}");
    (void)snprintf(id, sizeof id, "%s", text_of(j, "citizen"));
    json_decref(j);
    site_stop(&site);
    for (int i = 0; i < 2; i++) {
        ops[i].type = LOP_ERASED;
        (void)snprintf(ops[i].who, sizeof ops[i].who, "test");
        (void)snprintf(ops[i].erased.citizen, sizeof ops[i].erased.citizen, "%s", id);
        ops[i].erased.what = (uint8_t)(i == 0 ? ERASE_PERSONAL : ERASE_DOCUMENTS);
        ops[i].erased.due = i == 0 ? 0 : 20200229;
    }
    write_at_rest(ops, 2);
    free(ops);
    site_start(&site);
    (void)snprintf(path, sizeof path, "/v1/citizens/%s", id);
    for (int i = 0; i < 100 && !both; i++) {
        j = site_expect(&site, 200, "GET", path, NULL);
        both = json_array_size(json_object_get(j, "erased")) == 2;
        json_decref(j);
        if (!both)
            (void)usleep(50000);
    }
    assert_true(both);
}

/* A site that does not load `medical` any more has its documents still. */
static void R20_documents_of_a_module_that_is_not_loaded_are_kept_as_long_and_told(void **state)
{
    char id[32];
    bool told = false;
    static const char doc[] = "{\"day\":20261101}"; /* what it says is not asked */
    char until[11];
    struct ledger_op *ops = calloc(3, sizeof *ops);
    (void)state;
    assert_non_null(ops);
    json_t *j = site_expect(&site, 201, "POST", "/v1/citizens", "{\"name\":\"Patient\"}");
    (void)snprintf(id, sizeof id, "%s", text_of(j, "citizen"));
    json_decref(j);
    site_stop(&site);
    ops[0].type = LOP_PARTICIPANT;
    (void)snprintf(ops[0].participant.id, LEDGER_ID, "h1");
    (void)snprintf(ops[0].participant.name, sizeof ops[0].participant.name, "h1");
    ops[1].type = LOP_TERMINAL;
    (void)snprintf(ops[1].terminal.id, LEDGER_ID, "sys-h1");
    (void)snprintf(ops[1].terminal.kind, sizeof ops[1].terminal.kind, "system");
    (void)snprintf(ops[1].terminal.participant, LEDGER_ID, "h1");
    (void)snprintf(ops[1].terminal.params, sizeof ops[1].terminal.params, "{}");
    ops[2].type = LOP_INTENT;
    struct op_intent *in = &ops[2].intent;
    in->plan_kind = OC_PLAN_NOTE;
    (void)snprintf(in->service, sizeof in->service, "medical.report_put");
    (void)snprintf(in->terminal, sizeof in->terminal, "sys-h1");
    (void)snprintf(in->participant, sizeof in->participant, "h1");
    (void)snprintf(in->plan, sizeof in->plan, "{}");
    (void)snprintf(in->reply, sizeof in->reply, "{}");
    in->business_date = city_date(clock_wall_ms(&clock_system), 480);
    date_t written = in->business_date;
    in->record_count = 1;
    (void)snprintf(in->records[0].scope, sizeof in->records[0].scope, "medical");
    (void)snprintf(in->records[0].owner, sizeof in->records[0].owner, "citizen:%s", id);
    (void)snprintf(in->records[0].key, sizeof in->records[0].key, "report/1");
    in->records[0].doc = (struct op_doc){doc, sizeof doc - 1};
    for (int i = 0; i < 3; i++)
        (void)snprintf(ops[i].who, sizeof ops[i].who, "test");
    write_at_rest(ops, 3);
    free(ops);
    site_start(&site);
    j = about(id, "export", "{\"reason\":\"asked for it\"}", 200);
    const json_t *records = json_object_get(j, "records");
    for (size_t i = 0; i < json_array_size(records); i++)
        told |= strcmp(text_of(json_array_get(records, i), "key"), "report/1") == 0;
    assert_true(told);
    json_decref(j);
    j = about(id, "erase", "{\"why\":\"wishes it\"}", 200);
    assert_int_equal(json_array_size(json_object_get(j, "erased")), 1);
    assert_string_equal(text_of(j, "documents_due"), date_text(written + 15 * 10000, until));
    json_decref(j);
}

/* A benefit, and a deposit for a stay: neither with a card of the citizen's. */
static struct op_intent *desk_plan(struct ledger_op *op, const char *service, const char *citizen,
                                   fen_t amount)
{
    struct op_intent *in = &op->intent;
    op->type = LOP_INTENT;
    in->plan_kind = OC_PLAN_ACCOUNT;
    in->amount = amount;
    (void)snprintf(in->service, sizeof in->service, "%s", service);
    (void)snprintf(in->terminal, sizeof in->terminal, "desk-d1");
    (void)snprintf(in->participant, sizeof in->participant, "d1");
    (void)snprintf(in->plan, sizeof in->plan, "{}");
    (void)snprintf(in->reply, sizeof in->reply, "{}");
    in->business_date = city_date(clock_wall_ms(&clock_system), 480);
    in->leg_count = 2;
    in->concerned_count = 1;
    (void)snprintf(in->concerned[0].citizen, LEDGER_ID, "%s", citizen);
    return in;
}

static bool has_service(const json_t *list, const char *service)
{
    bool found = false;
    for (size_t i = 0; i < json_array_size(list); i++)
        found |= strcmp(text_of(json_array_get(list, i), "service"), service) == 0;
    return found;
}

static void R20_export_has_what_no_card_had_a_part_in_and_a_deposit_postpones_erasure(void **state)
{
    char id[32];
    struct ledger_op *ops = calloc(4, sizeof *ops);
    (void)state;
    assert_non_null(ops);
    json_t *j = site_expect(&site, 201, "POST", "/v1/citizens", "{\"name\":\"Depositor\"}");
    (void)snprintf(id, sizeof id, "%s", text_of(j, "citizen"));
    json_decref(j);
    site_stop(&site);
    ops[0].type = LOP_PARTICIPANT;
    (void)snprintf(ops[0].participant.id, LEDGER_ID, "d1");
    ops[0].participant.load_quota = 1000000;
    ops[1].type = LOP_TERMINAL;
    (void)snprintf(ops[1].terminal.id, LEDGER_ID, "desk-d1");
    (void)snprintf(ops[1].terminal.kind, sizeof ops[1].terminal.kind, "desk");
    (void)snprintf(ops[1].terminal.participant, LEDGER_ID, "d1");
    (void)snprintf(ops[1].terminal.params, sizeof ops[1].terminal.params, "{}");
    struct op_intent *in = desk_plan(&ops[2], "social.personal_credit", id, 700);
    in->legs[0] = (struct leg){.kind = ACCT_FUND, .owner = "f1", .amount = -700};
    in->legs[1] = (struct leg){.kind = ACCT_FUND, .owner = "f2", .amount = 700};
    in = desk_plan(&ops[3], "medical.deposit", id, 500);
    in->legs[0] = (struct leg){.kind = ACCT_LOAD_RECEIVABLE, .owner = "d1", .amount = -500};
    in->legs[1] = (struct leg){.kind = ACCT_DEPOSIT, .owner = "stay/d1", .amount = 500};
    for (int i = 0; i < 4; i++)
        (void)snprintf(ops[i].who, sizeof ops[i].who, "test");
    write_at_rest(ops, 4);
    free(ops);
    site_start(&site);
    j = about(id, "export", "{\"reason\":\"asked for it\"}", 200);
    assert_true(has_service(json_object_get(j, "transactions"), "social.personal_credit"));
    assert_true(has_service(json_object_get(j, "transactions"), "medical.deposit"));
    const json_t *account = json_array_get(json_object_get(j, "accounts"), 0);
    assert_string_equal(text_of(account, "kind"), "deposit");
    assert_string_equal(text_of(account, "owner"), "stay/d1");
    assert_int_equal(json_integer_value(json_object_get(account, "balance_fen")), 500);
    json_decref(j);
    check_refused(id, "erase", "{\"why\":\"wishes it\"}", 409, "account_holds_money");
}

static void R20_rows_sealed_before_a_restart_open_after_it(void **state)
{
    char id[32];
    (void)state;
    add_citizen(id);
    site_stop(&site);
    site_start(&site);
    json_t *j = about(id, "show", "{\"reason\":\"x\"}", 200);
    assert_string_equal(text_of(json_object_get(j, "person"), "name"), NAME);
    json_decref(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_number_is_one_citizen_and_is_found),
        cmocka_unit_test(R20_data_are_shown_with_a_reason_and_the_look_is_told_to_the_citizen),
        cmocka_unit_test(what_is_changed_stands_and_the_rest_stays),
        cmocka_unit_test(R20_rows_sealed_before_a_restart_open_after_it),
        cmocka_unit_test(R20_documents_of_a_module_that_is_not_loaded_are_kept_as_long_and_told),
        cmocka_unit_test(R20_export_has_what_no_card_had_a_part_in_and_a_deposit_postpones_erasure),
        cmocka_unit_test(R20_documents_whose_retention_is_over_are_erased_by_the_night),
        cmocka_unit_test(R20_erased_data_are_gone_from_file_and_backup_and_cards_stay_by_number),
    };
    return cmocka_run_group_tests(tests, open_site, close_site);
}

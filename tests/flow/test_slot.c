/* The chip follows the ledger's slot (R17): written at the desk that granted it, or at the next
 * one; torn anywhere, refused, contradicted; and which slots a card has. */
#include "city.h"

#include <onecard/module.h>

#include <stdlib.h>
#include <string.h>

extern const struct onecard_module onecard_module; /* cardtest */

static struct city c;
static enum cardsim_profile kind;
static const char *profile;

static int setup(void **state)
{
    static const struct onecard_module *const modules[] = {&onecard_module, NULL};
    static const char *const names[] = {"cardtest"};
    struct conf_errors errors;
    (void)state;
    city_open(&c, kind, profile);
    struct modules_opts mo = {.names = names, .count = 1, .tree = &c.tree};
    module_set_free(&c.env.modules);
    conf_errors_init(&errors);
    assert_int_equal(module_set_static(&mo, modules, &errors, &c.env.modules), 0);
    conf_errors_fini(&errors);
    reader_sim_insert(c.sim, c.card[0]);
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    city_close(&c);
    return 0;
}

static struct txn_result *ask(const char *service, const char *term, const char *category,
                              const char *until)
{
    struct txn_request r = city_request(service, term, 0);
    if (category != NULL)
        city_param(&r, "category", category);
    if (until != NULL)
        city_param(&r, "until", until);
    return city_run(&c, &r);
}

static struct txn_result *grant(const char *category, const char *until)
{
    return ask("cardtest.grant", "desk", category, until);
}

static void expect(const struct txn_result *r, const char *chip)
{
    char text[64];
    if (r->outcome != OC_POSTED)
        fail_msg("%s %s %s", oc_outcome_name(r->outcome), oc_reason_code(r->reason), r->detail);
    (void)snprintf(text, sizeof text, "\"chip_transit\":{\"state\":\"%s\"", chip);
    if (*chip ? strstr(r->reply, text) == NULL : strstr(r->reply, "chip_transit") != NULL)
        fail_msg("not %s: %s", *chip ? chip : "silent", r->reply);
}

struct look {
    char doc[600];
    int rc;
};
static struct look seen;
static CO_FN int look(void *arg)
{
    struct record_row row;
    char owner[40];
    (void)arg;
    (void)snprintf(owner, sizeof owner, "card:%lld", (long long)c.card_id[0]);
    seen.rc = ledger_co_record(c.ledger, TXN_CARD_SCOPE, owner, "slot.transit", flow_arena(), &row);
    if (seen.rc == 0)
        (void)snprintf(seen.doc, sizeof seen.doc, "%s", row.doc);
    return 0;
}
static void marked(const char *state)
{
    char text[48];
    assert_int_equal(loop_run_flow(c.loop, "look", look, NULL), 0);
    assert_int_equal(seen.rc, 0);
    (void)snprintf(text, sizeof text, "\"state\":\"%s\"", state);
    if (strstr(seen.doc, text) == NULL)
        fail_msg("not %s: %s", state, seen.doc);
}

static struct event_row events[50];
static unsigned event_count;
static CO_FN int read_events(void *arg)
{
    (void)arg;
    return ledger_co_events(c.ledger, 0, events, ARRAY_LEN(events), &event_count);
}
static const struct event_row *last_event(const char *what)
{
    const struct event_row *found = NULL;
    assert_int_equal(loop_run_flow(c.loop, "events", read_events, NULL), 0);
    for (unsigned i = 0; i < event_count; i++)
        if (strcmp(events[i].item.kind, what) == 0)
            found = &events[i];
    return found;
}

/* What a gate that knows the chip only would see. */
static void chip_says(const char *category)
{
    const struct txn_result *r = ask("cardtest.claim", "shop", NULL, NULL);
    char text[48];
    assert_int_equal(r->outcome, OC_POSTED);
    (void)snprintf(text, sizeof text, "\"chip\":\"%s\"", category);
    if (strstr(r->reply, text) == NULL)
        fail_msg("not %s: %s", category, r->reply);
}

static void put_again(void)
{
    if (reader_sim_reader(c.sim)->state == READER_CARD)
        reader_sim_remove(c.sim);
    else
        reader_sim_return(c.sim), reader_sim_remove(c.sim);
    reader_sim_insert(c.sim, c.card[0]);
}

static void R17_concession_granted_at_a_desk_stands_on_the_chip(void **state)
{
    (void)state;
    expect(grant("student", "20990831"), "written");
    marked("written");
    chip_says("student");
    put_again();
    unsigned before = reader_sim_commands(c.sim);
    expect(ask("cardtest.who", "shop", NULL, NULL), "");
    unsigned shop = reader_sim_commands(c.sim) - before;
    before = reader_sim_commands(c.sim);
    expect(ask("cardtest.who", "desk", NULL, NULL), ""); /* at rest: not a command more */
    assert_int_equal(reader_sim_commands(c.sim) - before, shop);
    expect(grant("", NULL), "written");
    chip_says("adult");
    city_agrees(&c, 0, 0);
}

static void R17_concession_granted_elsewhere_is_written_at_the_next_desk(void **state)
{
    (void)state;
    expect(ask("cardtest.grant", "shop", "student", "20990831"),
           ""); /* no desk: it only leaves it due */
    marked("due");
    chip_says("adult");
    expect(ask("cardtest.who", "bus", NULL, NULL), "");
    marked("due");
    expect(ask("cardtest.who", "desk", NULL, NULL), "written");
    marked("written");
    chip_says("student");
}

static void R17_concession_granted_without_the_chip_is_due(void **state)
{
    (void)state;
    struct txn_request r = city_request("cardtest.grant", "desk", 0);
    r.presented = PRESENTED_NUMBER;
    (void)snprintf(r.presented_text, sizeof r.presented_text, "%s", city_card_row(&c, 0)->number);
    city_param(&r, "category", "student");
    expect(city_run(&c, &r), "");
    marked("due");
    expect(ask("cardtest.who", "desk", NULL, NULL), "written");
    chip_says("student");
}

/* Torn before and after each command that writes or reads back; the ledger's word stands, and the
 * next desk brings the chip after it. */
static void R17_card_torn_while_written_is_written_at_the_next_desk(void **state)
{
    static const char *const how[] = {"torn-before", "torn-after"};
    bool appends = kind != CARDSIM_MOHURD;
    const char *const where[] = {"@84", appends ? "@E2" : "@DC", "@84#2", "@D6"};
    (void)state;
    for (size_t w = 0; w < ARRAY_LEN(where); w++) {
        for (size_t h = 0; h < ARRAY_LEN(how); h++) {
            char spec[32];
            teardown(NULL);
            setup(NULL);
            (void)snprintf(spec, sizeof spec, "%s%s", how[h], where[w]);
            city_fault(&c, 0, spec);
            expect(grant("elder", "20990831"), "due");
            assert_int_equal(cardsim_fault_count(c.card[0]), 0);
            marked("due");
            assert_string_equal(city_card_row(&c, 0)->category, "elder");
            put_again();
            expect(ask("cardtest.who", "desk", NULL, NULL), "written");
            marked("written");
            chip_says("elder");
            city_agrees(&c, 0, 0);
        }
    }
}

static void chip_that_refuses_our_mac_is_not_asked_twice_for_the_same_word(void **state)
{
    (void)state;
    city_fault(&c, 0, kind == CARDSIM_MOHURD ? "sw:6988@DC" : "sw:6988@E2");
    expect(grant("student", "20990831"), "refused");
    marked("refused");
    put_again();
    unsigned before = reader_sim_commands(c.sim);
    expect(ask("cardtest.who", "shop", NULL, NULL), "");
    unsigned shop = reader_sim_commands(c.sim) - before;
    before = reader_sim_commands(c.sim);
    expect(ask("cardtest.who", "desk", NULL, NULL), "refused");
    assert_int_equal(reader_sim_commands(c.sim) - before, shop);
    expect(grant("elder", "20990831"), "written"); /* another word is another try … */
    chip_says("elder");
    city_fault(&c, 0, "sw:6988@DC");
    expect(grant("disabled", "20990831"), "refused");
    city_fault(&c, 0, "sw:6988@DC");
    expect(grant("veteran", "20990831"), "refused");
    expect(grant("student", "20990831"), "refused"); /* … but two refusals in a row are enough */
    marked("due");
    chip_says("elder");
}

static void R17_chip_that_contradicts_the_ledger_is_reported_once(void **state)
{
    (void)state;
    struct ledger_op *op = calloc(1, sizeof *op);
    assert_non_null(op);
    (void)snprintf(op->who, sizeof op->who, "test");
    op->type = LOP_SLOT; /* a card from elsewhere that nobody asked to write: as registered */
    op->slot = (struct op_slot){.card = c.card_id[1], .app = "transit", .category = "elder"};
    assert_int_equal(city_op(&c, op), 0);
    free(op);
    reader_sim_remove(c.sim);
    reader_sim_insert(c.sim, c.card[1]); /* its chip says student */
    expect(ask("cardtest.who", "desk", NULL, NULL), "differs");
    const struct event_row *e = last_event("slot_mismatch");
    assert_non_null(e);
    assert_int_equal(e->card, c.card_id[1]);
    unsigned before = event_count;
    expect(ask("cardtest.who", "desk", NULL, NULL), "differs");
    assert_non_null(last_event("slot_mismatch"));
    assert_int_equal(event_count, before);
    chip_says("student"); /* and nothing was written */
}

static void slot_that_the_profile_does_not_name_is_refused(void **state)
{
    (void)state;
    struct txn_request r = city_request("cardtest.grant", "desk", 0);
    city_param(&r, "slot", "park");
    city_param(&r, "category", "student");
    const struct txn_result *res = city_run(&c, &r);
    assert_int_equal(res->outcome, OC_REFUSED);
    assert_int_equal(res->reason, OC_R_UNSUPPORTED_CARD);
    assert_non_null(strstr(res->detail, "park"));
    r = city_request("cardtest.slot", "desk", 0);
    city_param(&r, "app", "park");
    char text[32];
    (void)snprintf(text, sizeof text, "\"rc\":%d", OC_EPROFILE);
    assert_non_null(strstr(city_run(&c, &r)->reply, text));
}

static void slot_of_any_application_that_the_profile_names_is_served(void **state)
{
    (void)state;
    char reply[64];
    struct txn_request r = city_request("cardtest.slot", "desk", 0);
    city_param(&r, "app", "transit");
    (void)snprintf(reply, sizeof reply, "\"rc\":%d", OC_ENOENT);
    assert_non_null(strstr(city_run(&c, &r)->reply, reply));
    expect(grant("student", "20990831"), "written");
    assert_non_null(strstr(city_run(&c, &r)->reply,
                           "\"category\":\"student\",\"from\":20260101,\"to\":20990831"));
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
static int play(enum cardsim_profile k, const char *p)
{
    const struct CMUnitTest tests[] = {
        EACH(R17_concession_granted_at_a_desk_stands_on_the_chip),
        EACH(R17_concession_granted_elsewhere_is_written_at_the_next_desk),
        EACH(R17_concession_granted_without_the_chip_is_due),
        EACH(R17_card_torn_while_written_is_written_at_the_next_desk),
        EACH(chip_that_refuses_our_mac_is_not_asked_twice_for_the_same_word),
        EACH(R17_chip_that_contradicts_the_ledger_is_reported_once),
        EACH(slot_that_the_profile_does_not_name_is_refused),
        EACH(slot_of_any_application_that_the_profile_names_is_served),
    };
    kind = k;
    profile = p;
    return cmocka_run_group_tests_name(p, tests, NULL, NULL);
}

int main(void)
{
    return play(CARDSIM_PBOC, "pboc-ep") + play(CARDSIM_MOHURD, "mohurd") +
           play(CARDSIM_TUNION, "tunion");
}

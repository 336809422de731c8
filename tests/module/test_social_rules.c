/* Rules as data: the sample of conf/bureau is sound, and every mistake is told with its place. */
#include "social_city.h"

#include "modules/social/social.h"

#include <unistd.h>

static char told[8192];
static struct onecard_host host;

static void keep_log(const char *module, enum onecard_log_level level, const char *text)
{
    (void)module;
    (void)level;
    strncat(told, text, sizeof(told) - strlen(told) - 2);
    strcat(told, "\n");
}

static const char good[] = "kind: insurance\n"
                           "insurance: employee\n"
                           "from: 2026-01-01\n"
                           "funds: {basic: fund-b}\n"
                           "ratios:\n"
                           "  - {kind: inpatient, share: 85.5%}\n"
                           "  - {share: 60%}\n";

/* Loads one file of `text`, in which `from` was replaced by `to`. */
static int load_one(const char *text, const char *from, const char *to)
{
    char folder[] = ONECARD_SCRATCH "/social-rules.XXXXXX", path[64];
    static struct onecard_conf conf;
    static char kept[64];
    told[0] = '\0';
    if (!mkdtemp(folder)) {
        return -1;
    }
    strcpy(kept, folder);
    snprintf(path, sizeof(path), "%s/a.yaml", folder);
    FILE *out = fopen(path, "w");
    const char *at = strstr(text, from);
    (void)fprintf(out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    (void)fclose(out);
    conf = (struct onecard_conf){.module = &onecard_module, .values = {{"rules", kept}}};
    host = *fake_host();
    host.log = keep_log;
    ctx = NULL;
    int rc = onecard_module.load(&host, &conf, &ctx);
    (void)unlink(path);
    (void)rmdir(folder);
    return rc;
}

static void sound(const char *from, const char *to)
{
    int rc = load_one(good, from, to);
    if (rc) {
        fail_msg("%s → %s: %s", from, to, told);
    }
    onecard_module.unload(ctx);
}

static void wrong(const char *text, const char *from, const char *to, const char *says)
{
    int rc = load_one(text, from, to);
    if (rc == 0) {
        onecard_module.unload(ctx);
    }
    if (rc != OC_EINVAL || !strstr(told, says)) {
        fail_msg("%s → %s is %d: \"%s\", not \"%s\"", from, to, rc, told, says);
    }
}

static void the_sample_of_a_city_is_sound(void **state)
{
    (void)state;
    assert_int_equal(city_load(ONECARD_SOURCE_DIR "/conf/bureau"), 0);
    const struct social *s = ctx;
    const struct social_rules *r = book_rules(&s->book, "employee", 20261121);
    assert_non_null(r);
    assert_int_equal(r->split.ceiling_all, 25000000);
    assert_int_equal(r->split.deductible[SPLIT_INPATIENT].level[SPLIT_RETIRED][2], 70000);
    assert_int_equal(r->split.serious[1].share, 7000);
    assert_null(book_rules(&s->book, "employee", 20251231));
    assert_null(book_rules(&s->book, "soldier", 20261121));
    const struct social_catalogue *c = book_catalogue(&s->book, 20261121);
    assert_int_equal(catalogue_item(c, "XA02BC01")->own_first, 1000);
    assert_int_equal(catalogue_item(c, "110200001")->limit, 1000);
    assert_null(catalogue_item(c, "nothing"));
    assert_null(catalogue_item(NULL, "nothing"));
    assert_int_equal(book_hospital(&s->book, "hospital")->level, 3);
    assert_int_equal(book_hospital(&s->book, "pharmacy")->level, 0);
    onecard_module.unload(ctx);
}

static void what_may_be_written_is_read(void **state)
{
    (void)state;
    sound("from: 2026-01-01", "from: 2026-02-28");
    sound("from: 2026-01-01", "from: 20260101");
    sound("85.5%", "100%");
    sound("85.5%", "0%");
    sound("kind: inpatient, ", "kind: any, level: 2, referral: emergency, ");
}

static void mistakes_of_form_have_a_place(void **state)
{
    (void)state;
    wrong(good, "85.5%", "101%", "a.yaml:6:30");
    wrong(good, "85.5%", "85", "a share from 0% to 100%");
    wrong(good, "85.5%", "8.555%", "a share");
    wrong(good, "85.5%", "-1%", "a share");
    wrong(good, "from: 2026-01-01", "from: 2026-02-29", "must be a day");
    wrong(good, "from: 2026-01-01", "from: soon", "must be a day");
    wrong(good, "from: 2026-01-01\n", "", "\"from\" is missing");
    wrong(good, "insurance: employee", "insurance: an-employee-of-the-city", "15 bytes");
    wrong(good, "kind: insurance", "kind: rules", "insurance, catalogue, hospitals, eligibility");
    wrong(good, "kind: inpatient", "kind: dental", "outpatient, inpatient, chronic, any");
    wrong(good, "kind: inpatient", "knd: inpatient", "\"knd\" is not known here");
    wrong(good, "kind: inpatient", "level: 4", "from 0 to 3");
    wrong(good, "basic: fund-b", "serious: fund-s", "\"basic\" is missing");
    wrong(good, "ratios:", "ratioes:", "\"ratioes\" is not known");
    wrong(good, "kind: insurance", "kind: [", "");
}

static void mistakes_of_sense_have_a_place(void **state)
{
    (void)state;
    wrong(good, "  - {share: 60%}\n", "", "no ratio for outpatient, level 1, working, local");
    wrong(good, "  - {kind: inpatient, share: 85.5%}\n  - {share: 60%}\n",
          "  - {share: 60%}\n  - {kind: inpatient, share: 85.5%}\n", "a.yaml:7:5: never used");
    wrong(good, "ratios:", "authority: upstream\nratios:", "\"bureau\" is missing");
    wrong(good, "ratios:", "civil: {share: 50%}\nratios:", "\"civil\" is missing");
    wrong(good, "ratios:", "personal: {authority: upstream}\nratios:", "cannot keep the accounts");
    wrong(good, "ratios:", "year_starts: 02-30\nratios:", "no such day");
    wrong(good, "ratios:", "outpatient: {deductible: {by: year, working: [1, 2]}}\nratios:",
          "of level 1, 2 and 3");
    wrong(good, "ratios:",
          "outpatient: {deductible: {by: year, working: [1, 2, 3], again: [50%]}}\nratios:",
          "by: admission");
    wrong(good,
          "ratios:", "serious: {tiers: [{over: 20, share: 1%}, {over: 10, share: 2%}]}\nratios:",
          "tiers must ascend");
    wrong(good, "ratios:", "serious: {tiers: [{over: 20, share: 1%}]}\nratios:",
          "\"serious\" is missing");
}

static void all_mistakes_are_told_at_once(void **state)
{
    (void)state;
    wrong(good, "from: 2026-01-01\nfunds: {basic: fund-b}", "frm: 1\nfunds: {bsic: 2}", "\"frm\"");
    assert_non_null(strstr(told, "\"bsic\""));
    assert_non_null(strstr(told, "\"from\" is missing"));
}

static void lists_refuse_what_stands_there_twice(void **state)
{
    (void)state;
    wrong("kind: catalogue\nfrom: 2026-01-01\nitems:\n  - {code: A, class: A}\n  - {code: B, "
          "class: B}\n",
          "code: B", "code: A", "stands there twice");
    wrong("kind: catalogue\nfrom: 2026-01-01\nitems:\n  - {code: A, class: A}\n", "class: A",
          "class: A, own_first: 5%", "only class B");
    wrong("kind: catalogue\nfrom: 2026-01-01\nitems:\n  - {code: A, class: A}\n", "class: A",
          "class: D", "A, B, C");
    wrong("kind: hospitals\nhospitals:\n  - {id: a, level: 1}\n  - {id: b, level: 2}\n", "id: b",
          "id: a", "a.yaml:4:5: a stands there twice");
    wrong("kind: hospitals\nhospitals:\n  - {id: a, level: 1}\n", ", level: 1", "",
          "\"level\" is missing");
    wrong("kind: eligibility\neligibility:\n  - {what: a}\n  - {what: b}\n", "what: b", "what: a",
          "stands there twice");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sample_of_a_city_is_sound),
        cmocka_unit_test(what_may_be_written_is_read),
        cmocka_unit_test(mistakes_of_form_have_a_place),
        cmocka_unit_test(mistakes_of_sense_have_a_place),
        cmocka_unit_test(all_mistakes_are_told_at_once),
        cmocka_unit_test(lists_refuse_what_stands_there_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

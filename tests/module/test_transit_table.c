/* Fare tables as files: what is wrong is told with its place and its reason. */
#include "fake_host.h"
#include "modules/transit/read.h"
#include "modules/transit/transit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct onecard_host host; /* the fake one, with our ears */
static char said[4096];

static void hear(const char *module, enum onecard_log_level level, const char *text)
{
    (void)module;
    (void)level;
    size_t len = strlen(said);
    snprintf(said + len, sizeof(said) - len, "%s\n", text);
}

static const struct onecard_conf none = {.module = &onecard_module};

static struct fare_table *read_text(const char *text, unsigned *faults)
{
    char path[] = ONECARD_SCRATCH "/fare-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    const char *why = "";
    host = *fake_host();
    host.log = hear;
    *said = '\0';
    struct onecard_doc *d = host.doc_load(&none, path, &why);
    unlink(path);
    if (!d) {
        fail_msg("no YAML: %s", why);
    }
    return fare_table_read(&host, d, "t.yaml", faults);
}

#define FLAT "name: t\nfrom: 2026-01-01\nkind: flat\nflat: 2.00\n"
#define ZONES                                                                                      \
    "name: t\nfrom: 2026-01-01\nkind: zones\nstations:\n- {id: 1, zone: 1}\n- {id: 2, zone: 3}\n"

static void a_wrong_table_is_refused_with_place_and_reason(void **state)
{
    (void)state;
    static const struct {
        const char *text, *place, *reason;
    } cases[] = {
        {"name: t\nfrom: 2026-01-01\nkind: flat\n", ":1:1", "needs flat, or lines"},
        {"from: 2026-01-01\nkind: flat\nflat: 2\n", ":1:1", "\"name\" is missing"},
        {FLAT "fare: 3\n", ":5:", "no key \"fare\""},
        {"name: t\nfrom: 2026-02-30\nkind: flat\nflat: 2\n", ":2:7", "no day"},
        {FLAT "until: 2025-12-31\n", ":5:8", "ends before it begins"},
        {"name: t\nfrom: 2026-01-01\nkind: round\nflat: 2\n", ":3:7", "flat, zones or distance"},
        {"name: t\nfrom: 2026-01-01\nkind: flat\nflat: free\n", ":4:7", "no amount"},
        {"name: t\nfrom: 2026-01-01\nkind: flat\nflat: 0\n", ":4:7", "above zero"},
        {"name: t\nfrom: 2026-01-01\nkind: flat\nflat: 2.005\n", ":4:7", "no amount"},
        {FLAT "lines: {x: 2.00}\n", ":5:12", "no number of a line"},
        {FLAT "concessions: {student: {pays: 50%}}\n", ":5:24", "nobody bears"},
        {FLAT "concessions: {student: {pays: 150%, borne: a}}\n", ":5:31", "neither 0% to 100%"},
        {FLAT "concessions: {student: {borne: a}}\n", ":5:24", "\"pays\" is missing"},
        {FLAT "concessions: {elder: {pays: free, borne: a, quota: 3, per: week}}\n", ":5:60",
         "day, month or year"},
        {FLAT "concessions: {elder: {pays: free, borne: {a: 50%, b: 60%}}}\n", ":5:42", "110%"},
        {FLAT "transfer: {minutes: 90}\n", ":5:11", "either off"},
        {FLAT "transfer: {minutes: 0, off: 1.00}\n", ":5:21", "1 to 1440"},
        {FLAT "transfer: {minutes: 90, off: 1.00, borne: operator.}\n", ":5:43", "names nobody"},
        {FLAT "steps: [{over: 20.00, pays: 80%}, {over: 10.00, pays: 50%}]\n", ":5:35", "upwards"},
        {FLAT "hours: [{from: \"22:00\", to: \"06:00\", pays: 50%}]\n", ":5:9",
         "before they begin"},
        {FLAT "hours: [{from: \"7\", to: \"09:00\", pays: 50%}]\n", ":5:16", "time of day"},
        {FLAT "hours: [{days: 89, from: \"07:00\", to: \"09:00\", pays: 50%}]\n", ":5:9", "Monday"},
        {FLAT "passes: {m: {days: 30}}\n", ":5:13", "\"price\" is missing"},
        {FLAT "same_station: {fare: 0}\n", ":5:15", "\"minutes\" is missing"},
        {FLAT "caps: 12.00\n", ":5:7", "a mapping"},
        {ZONES "bands: [{up_to: 2, fare: 2.00}]\n", ":1:1", "no fare from station 1 to 2"},
        {ZONES "bands: [{fare: 2.00}, {fare: 3.00}]\n", ":7:23", "bands go upwards"},
        {ZONES "bands: [{up_to: 0, fare: 2.00}]\n", ":7:17", "1 to 1000000"},
        {ZONES "- {id: 2, zone: 2}\nbands: [{fare: 2.00}]\n", ":7:3", "twice"},
        {ZONES "- {id: 3}\nbands: [{fare: 2.00}]\n", ":7:3", "no zone"},
        {ZONES "- {id: 123456789, zone: 1}\nbands: [{fare: 2.00}]\n", ":7:8", "1 to 99999999"},
        {ZONES "bands: [{fare: 2.00}]\nflat: 2.00\n", ":1:1", "belong to a table of kind flat"},
        {ZONES "bands: [{fare: 2.00}]\npairs: [{from: 1, to: 9, fare: 2.00}]\n", ":8:9",
         "no station of the table"},
        {ZONES "bands: [{fare: 2.00}]\n"
               "pairs: [{from: 1, to: 2, fare: 2.00}, {from: 2, to: 1, fare: 3.00}]\n",
         ":8:8", "twice"},
        {"name: t\nfrom: 2026-01-01\nkind: distance\nstations: [{id: 1}, {id: 2}, {id: 3}]\n"
         "links: [{a: 1, b: 2, metres: 900}]\nbands: [{fare: 2.00}]\n",
         ":1:1", "no fare from station 1 to 3"},
        {"name: t\nfrom: 2026-01-01\nkind: distance\nstations: [{id: 1}, {id: 2}]\n"
         "links: [{a: 1, b: 7, metres: 900}]\nbands: [{fare: 2.00}]\n",
         ":5:9", "between two stations"},
        {"name: t\nfrom: 2026-01-01\nkind: distance\nstations: [{id: 1}, {id: 2}]\n"
         "links: [{a: 1, b: 2, metres: 0}]\nbands: [{fare: 2.00}]\n",
         ":5:30", "1 to 1000000"},
        {"name: t\nfrom: 2026-01-01\nkind: distance\nbands: [{fare: 2.00}]\n", ":1:1",
         "needs stations"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned faults = 0;
        struct fare_table *t = read_text(cases[i].text, &faults);
        if (t || !faults || !strstr(said, cases[i].place) || !strstr(said, cases[i].reason)) {
            fail_msg("case %zu (%s %s): %s", i, cases[i].place, cases[i].reason, said);
        }
    }
}

static void all_mistakes_are_told_at_once(void **state)
{
    (void)state;
    unsigned faults = 0;
    assert_null(read_text(
        "name: t\nfrom: never\nkind: flat\nflat: much\ncaps: {day: -1, week: 2}\n", &faults));
    assert_int_equal(faults, 5);
}

static void a_table_is_read_as_it_is_written(void **state)
{
    (void)state;
    unsigned faults = 0;
    struct fare_table *t = read_text(
        FLAT
        "until: 2026-12-31\nlines: {7: 3}\n"
        "hours: [{days: weekend, from: \"00:00\", to: \"24:00\", pays: 80%}]\n"
        "concessions: {elder: {pays: free, borne: civil, quota: 100, per: month, beyond: 50%}}\n"
        "transfer: {minutes: 90, percent: 20%, same_line: true, after: [t], borne: {self: 40%, "
        "operator.metro: 60%}}\n"
        "caps: {day: 10.00, month: 100.00}\nsteps: [{over: 50.00, pays: 80%}]\n"
        "passes: {m: {title: Month, price: 80.00, days: 30, up_to: 2.00}}\n"
        "over_time: {minutes: 120, fare: 2.00}\nsame_station: {minutes: 5, fare: 0}\n"
        "missing_exit: {fare: 5.00}\npass_back_seconds: 60\nentry_least: 2.00\n",
        &faults);
    if (!t) {
        fail_msg("%s", said);
    }
    assert_int_equal(t->flat, 200);
    assert_int_equal(t->until, 20261231);
    assert_int_equal(t->lines[0].fare, 300);
    assert_int_equal(t->hours[0].days, 0x60);
    assert_int_equal(t->hours[0].to, 86400);
    assert_int_equal(t->concessions[0].quota, 100);
    assert_int_equal(t->concessions[0].per, FARE_PER_MONTH);
    assert_int_equal(t->concessions[0].beyond, 50);
    assert_true(t->concessions[0].borne.items[0].bearer);
    assert_int_equal(t->transfer.window, 5400);
    assert_true(t->transfer.same_line);
    assert_string_equal(t->transfer.borne.items[0].owner, "");
    assert_string_equal(t->transfer.borne.items[1].owner, "metro");
    assert_false(t->transfer.borne.items[1].bearer);
    assert_int_equal(t->day_cap, 1000);
    assert_int_equal(t->steps[0].over, 5000);
    assert_int_equal(t->passes[0].up_to, 200);
    assert_int_equal(t->time_most, 7200);
    assert_true(t->over_time.set && t->same_station.set && t->missing_exit.set);
    assert_false(t->missing_entry.set);
    fare_table_free(t);
}

static int load(const char *folder, const char *table, void **ret)
{
    const struct onecard_conf conf = {
        .module = &onecard_module,
        .values = {{"fares", folder}, {"table", table}, {"concessions.student", "50%"}}};
    return fake_load(&onecard_module, &conf, ret);
}

static void the_sample_tables_load_and_follow_one_another(void **state)
{
    (void)state;
    void *own = NULL;
    assert_int_equal(load(SAMPLES, "metro", &own), 0);
    const struct transit *t = own;
    fen_t fare = 0;
    assert_int_equal(t->set.count, 3);
    const struct fare_table *m = fare_table_at(&t->set, "metro", fare_time_of(20261231, 235959));
    assert_true(fare_base(m, 0, 101, 203, &fare));
    assert_int_equal(fare, 600); /* 1.4 + 1.8 + 4.1 + 17.5 = 24.8 km */
    m = fare_table_at(&t->set, "metro", fare_time_of(20270101, 0));
    assert_true(fare_base(m, 0, 101, 203, &fare));
    assert_int_equal(fare, 700);
    onecard_module.unload(own);
}

static void what_no_single_file_shows_keeps_the_daemon_from_starting(void **state)
{
    (void)state;
    char dir[] = ONECARD_SCRATCH "/fares-XXXXXX", path[64];
    void *own;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(load(dir, NULL, &own), OC_EINVAL); /* empty */
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/%d.yaml", dir, i);
        FILE *out = fopen(path, "w");
        assert_non_null(out);
        fputs(FLAT, out);
        assert_int_equal(fclose(out), 0);
        if (i == 0) {
            assert_int_equal(load(dir, "t", &own), 0);
            const struct transit *t = own;
            assert_int_equal(t->set.tables[0]->concession_count, 1); /* the configuration's */
            onecard_module.unload(own);
            assert_int_equal(load(dir, "other", &own), OC_EINVAL);
        }
    }
    assert_int_equal(load(dir, "t", &own), OC_EINVAL); /* the same name and day twice */
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs("name: u\nfrom: 2026-01-01\nkind: flat\nflat: 2\n"
          "transfer: {minutes: 9, off: 1, after: [nowhere]}\n",
          out);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(load(dir, "t", &own), OC_EINVAL);
    unlink(path);
    snprintf(path, sizeof(path), "%s/0.yaml", dir);
    unlink(path);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_table_is_refused_with_place_and_reason),
        cmocka_unit_test(all_mistakes_are_told_at_once),
        cmocka_unit_test(a_table_is_read_as_it_is_written),
        cmocka_unit_test(the_sample_tables_load_and_follow_one_another),
        cmocka_unit_test(what_no_single_file_shows_keeps_the_daemon_from_starting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

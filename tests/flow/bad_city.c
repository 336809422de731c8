/* See bad_city.h. */
#include "bad_city.h"

#include <ftw.h>
#include <sys/stat.h>

struct city c;
struct reader_sim *second;
static struct cardsim *second_card;
static char folder[64];

static const char metro[] =
    "name: metro\nfrom: 2000-01-01\nuntil: %s\nkind: zones\n"
    "stations: [{id: 101, zone: 1}, {id: 102, zone: 1}, {id: 103, zone: 2}]\n"
    "bands: [{up_to: 1, fare: 2.00}, {fare: 3.50}]\n"
    "concessions: {student: {pays: 50%%, borne: treasury}}\n"
    "transfer: {minutes: 60, off: 1.00, after: [bus], "
    "borne: {operator.bus: 50%%, operator.metro: 50%%}}\n"
    "same_station: {minutes: 10, fare: 0}\npass_back_seconds: 60\n";
static const char metro_dearer[] = "name: metro\nfrom: %s\nkind: zones\n"
                                   "stations: [{id: 101, zone: 1}, {id: 102, zone: 1}, "
                                   "{id: 103, zone: 2}]\nbands: [{up_to: 1, fare: 3.00}, "
                                   "{fare: 5.00}]\n"
                                   "concessions: {student: {pays: 50%%, borne: treasury}}\n";
static const char bus[] = "name: bus\nfrom: 2000-01-01\nkind: flat\nflat: 2.00\n"
                          "concessions: {student: {pays: 50%%, borne: treasury}}\n";
static const char asked_rules[] =
    "kind: insurance\ninsurance: employee\nfrom: 2000-01-01\nauthority: upstream\nbureau: bureau\n"
    "funds: {basic: fund-employee, serious: fund-serious, civil: fund-civil, "
    "assistance: fund-aid, personal: fund-personal}\npersonal: {authority: here}\n";

/* ---- the city ---- */

static void found(void)
{
    static const char *const hospitals[] = {H1, H2};
    static const char *const stations[] = {"101", "102", "103"};
    char id[16], params[96];
    city_participant(&c, "metro");
    city_participant(&c, "bureau");
    city_terminal(&c, "bureau", "bureau", 20, "{}");
    for (size_t i = 0; i < ARRAY_LEN(hospitals); i++) {
        city_participant(&c, hospitals[i]);
        city_terminal(&c, hospitals[i], hospitals[i], (uint8_t)(21 + i), "{}");
    }
    city_terminal(&c, "hall", H2, 30, "{}"); /* the second desk of that hospital */
    for (size_t i = 0; i < ARRAY_LEN(stations); i++) {
        snprintf(id, sizeof id, "m%s", stations[i]);
        snprintf(params, sizeof params, "{\"table\":\"metro\",\"station\":\"%s\",\"line\":\"1\"}",
                 stations[i]);
        city_terminal(&c, id, "metro", (uint8_t)(31 + i), params);
    }
    city_terminal(&c, "b7", "bus", 35, "{\"table\":\"bus\",\"line\":\"7\"}");
    city_citizen(&c, "c1");
    city_citizen(&c, "c2");
}

static void write_file(const char *dir, const char *name, const char *fmt, const char *word)
{
    char path[160], text[2048];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(text, sizeof text, fmt, word);
#pragma GCC diagnostic pop
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

/* The fares change with the coming midnight. */
static void write_tables(void)
{
    char from[11], until[11];
    (void)date_text(date_add(today(), 1), from);
    (void)date_text(today(), until);
    write_file(folder, "metro.yaml", metro, until);
    write_file(folder, "metro-next.yaml", metro_dearer, from);
    write_file(folder, "bus.yaml", bus, "");
}

static void load_modules(bool asked)
{
    static const char *const names[] = {"payment", "transit", "medical", "social"};
    char conf[512], rules[160];
    snprintf(rules, sizeof rules, "%s", ONECARD_SOURCE_DIR "/conf/bureau");
    if (asked) {
        snprintf(rules, sizeof rules, "%s/rules", folder);
        assert_int_equal(mkdir(rules, 0700), 0);
        write_file(rules, "employee.yaml", "%s", asked_rules);
    }
    snprintf(conf, sizeof conf,
             "modules: {transit: {fares: %s, same_card_seconds: 1}, social: {rules: %s}}", folder,
             rules);
    city_modules(&c, names, ARRAY_LEN(names), conf);
}

static int set_up(bool asked)
{
    city_open(&c, CARDSIM_PBOC, "pboc-ep");
    city_lane(&c, 1, &second, &second_card);
    reader_sim_remove(second);
    snprintf(folder, sizeof folder, ONECARD_SCRATCH "/onecard-bad.XXXXXX");
    assert_non_null(mkdtemp(folder));
    write_tables();
    load_modules(asked);
    city_vault(&c);
    found();
    connect_outside();
    for (int i = 1; i >= 0; i--) {
        lay(i);
        good(chip(with("payment.load", "desk", 100000, NULL)));
    }
    return 0;
}

int bad_setup(void **state)
{
    (void)state;
    return set_up(false);
}
int bad_setup_asked(void **state)
{
    (void)state;
    return set_up(true);
}

static int stop_flow(void *arg) CO_FN;
static int stop_flow(void *arg)
{
    loop_stop(arg, 200);
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

int bad_teardown(void **state)
{
    (void)state;
    int rc = loop_run_flow(c.loop, "stop", stop_flow, c.loop);
    rc = rc == 0 ? loop_run(c.loop) : rc;
    struct upstream *u = c.env.upstream;
    city_close(&c);
    upstream_close(&u);
    cardsim_free(&second_card);
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return rc;
}

/* onecardctl transit: fare tables for a clerk and for who makes them: quote, list, check, compare.
 */
#include "transit_compare.h"
#include "transit_fares.h"

#include <stdlib.h>
#include <string.h>

#define FARES_OPTION                                                                               \
    {                                                                                              \
        .name = "fares", .value = "FOLDER", .help = "fare tables of this folder, not the site's"   \
    }

/* ---- fare ---- */

static const struct cli_option fare_options[] = {
    {.name = "from", .value = "A", .help = "station, by number or name"},
    {.name = "to", .value = "B", .help = "station, by number or name"},
    {.name = "category", .value = "C", .help = "concession: student, elder, …"},
    {.name = "at", .value = "TIME", .help = "such as \"2026-12-01 08:30\" (now)"},
    {.name = "table", .value = "T", .help = "which table (the configured one, or the only one)"},
    {.name = "line",
     .value = "N",
     .kind = CLI_INT,
     .min = 1,
     .max = 99999999,
     .help = "of a flat table"},
    FARES_OPTION,
};

static const char *only_name(const struct fare_set *set)
{
    for (size_t i = 1; i < set->count; i++)
        if (strcmp(set->tables[i]->name, set->tables[0]->name) != 0)
            return "";
    return set->count > 0 ? set->tables[0]->name : "";
}

static const struct fare_table *table_for(struct ctl *c, const struct fares *f, const char *name,
                                          fare_time at, int *rc)
{
    const char *which = name                ? name
                        : *fares_default(f) ? fares_default(f)
                                            : only_name(fares_set(f));
    if (!*which) {
        *rc = ctl_usage(c, "there are several tables: which one? --table NAME");
        return NULL;
    }
    const struct fare_table *t = fare_table_at(fares_set(f), which, at);
    if (!t)
        *rc = ctl_fail(c, "no table \"%s\" is in force on %d", which, fare_date(at));
    return t;
}

static int station(struct ctl *c, const struct fare_table *t, const char *what, const char *word,
                   uint32_t *ret)
{
    if (!word)
        return t->kind == FARE_FLAT ? CTL_DONE
                                    : ctl_usage(c, "table %s needs --%s STATION", t->name, what);
    size_t len = strlen(word);
    *ret = len <= 8 && strspn(word, "0123456789") == len ? (uint32_t)strtoul(word, NULL, 10) : 0;
    for (unsigned i = 0; i < t->station_count; i++)
        if (strcmp(t->stations[i].name, word) == 0)
            *ret = t->stations[i].id;
    if (t->kind != FARE_FLAT && !fare_station(t, *ret))
        return ctl_fail(c, "--%s: table %s has no station \"%s\"", what, t->name, word);
    return CTL_DONE;
}

static const char *day_text(char out[16], int32_t day)
{
    (void)snprintf(out, 16, "%04d-%02d-%02d", day / 10000, day / 100 % 100, day % 100);
    return out;
}

static json_t *fare_json(const struct fare_table *t, const struct fare *f, fare_time at)
{
    char from[16], day[16], when[40], name[24];
    int32_t second = fare_second(at);
    (void)snprintf(when, sizeof when, "%s %02d:%02d", day_text(day, fare_date(at)), second / 3600,
                   second / 60 % 60);
    json_t *j = json_pack("{s:s, s:s, s:s, s:I, s:I, s:s}", "table", t->name, "table_from",
                          day_text(from, t->from), "at", when, "gross_fen", (json_int_t)f->gross,
                          "fare_fen", (json_int_t)f->citizen, "category",
                          f->applied ? f->applied->category : "");
    for (unsigned i = 0; i < f->cut_count; i++) {
        (void)snprintf(name, sizeof name, "%s_fen", fare_cut_name(f->cuts[i].kind));
        json_object_set_new(j, name, json_integer(f->cuts[i].amount));
    }
    return j;
}

static int quote(struct ctl *c, const struct cli_args *a, const struct fares *f)
{
    static const struct fare_sums none = {.day = 0};
    const char *category = cli_text(a, "category"), *at = cli_text(a, "at");
    struct fare_ride ride = {.at = fares_now(f), .category = category ? category : ""};
    struct fare fare;
    int rc = CTL_DONE;
    if (at && !fare_time_read(at, &ride.at))
        return ctl_usage(c, "--at looks like \"2026-12-01 08:30\"");
    const struct fare_table *t = table_for(c, f, cli_text(a, "table"), ride.at, &rc);
    if (t)
        rc = station(c, t, "from", cli_text(a, "from"), &ride.from);
    if (rc == CTL_DONE)
        rc = station(c, t, "to", cli_text(a, "to"), &ride.to);
    if (rc != CTL_DONE)
        return rc;
    if (*ride.category && strcmp(ride.category, "adult") != 0 && !fare_concession(t, ride.category))
        return ctl_fail(c, "table %s has no concession for \"%s\"", t->name, ride.category);
    ride.line = (uint32_t)cli_number(a, "line", 0);
    if (!fare_quote(t, &ride, &none, &fare))
        return ctl_fail(c, "table %s has no fare for that: --line?", t->name);
    json_t *j = fare_json(t, &fare, ride.at);
    out_answer(c, j);
    json_decref(j);
    return CTL_DONE;
}

static int fare_run(struct ctl *c, const struct cli_args *a)
{
    struct fares *f = NULL;
    ROLE_ENTER_WORKER();
    int rc = fares_open(c, cli_text(a, "fares"), &f);
    if (rc == CTL_DONE)
        rc = quote(c, a, f);
    fares_close(&f);
    return rc;
}

/* ---- tables ---- */

static const struct cli_option tables_options[] = {
    {.name = "at", .value = "TIME", .help = "in force then (now)"},
    FARES_OPTION,
};

static json_t *table_json(const struct fare_set *set, const struct fare_table *t, fare_time at)
{
    static const char *const kinds[] = {"", "flat", "zones", "distance"};
    bool holds = fare_table_at(set, t->name, at) == t;
    const char *state = holds ? "in_force" : t->from > fare_date(at) ? "to_come" : "past";
    json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:s}", "table", t->name, "title",
                          t->title, "title_zh", t->title_zh, "state", state, "kind", kinds[t->kind],
                          "stations", (json_int_t)t->station_count, "passes",
                          (json_int_t)t->pass_count, "file", t->file);
    char day[16];
    json_object_set_new(j, "from", json_string(day_text(day, t->from)));
    if (t->until)
        json_object_set_new(j, "until", json_string(day_text(day, t->until)));
    return j;
}

static int tables_run(struct ctl *c, const struct cli_args *a)
{
    static const struct out_column columns[] = {
        {"table", "table", OUT_TEXT},  {"from", "from", OUT_TEXT},
        {"until", "until", OUT_TEXT},  {"state", "state", OUT_STATE},
        {"kind", "kind", OUT_TEXT},    {"stations", "stations", OUT_INT},
        {"passes", "passes", OUT_INT}, {"title", "title", OUT_TEXT},
        {"", "title_zh", OUT_TEXT},    {"file", "file", OUT_TEXT},
    };
    const char *when = cli_text(a, "at");
    struct fares *f = NULL;
    fare_time at = 0;
    ROLE_ENTER_WORKER();
    if (when && !fare_time_read(when, &at))
        return ctl_usage(c, "--at looks like \"2026-12-01 08:30\"");
    int rc = fares_open(c, cli_text(a, "fares"), &f);
    if (rc != CTL_DONE)
        return rc;
    at = when ? at : fares_now(f);
    json_t *list = json_array();
    for (size_t i = 0; i < fares_set(f)->count; i++)
        json_array_append_new(list, table_json(fares_set(f), fares_set(f)->tables[i], at));
    if (c->json)
        out_json(c->out, list);
    else
        out_table(c, list, columns, ARRAY_LEN(columns));
    json_decref(list);
    fares_close(&f);
    return CTL_DONE;
}

/* ---- check ---- */

static int check_run(struct ctl *c, const struct cli_args *a)
{
    struct fares *f = NULL;
    int worst = CTL_DONE;
    ROLE_ENTER_WORKER();
    int rc = fares_none(c, &f);
    for (size_t i = 0; rc == CTL_DONE && i < a->word_count; i++) {
        const struct fare_table *t = NULL;
        int one = fares_file(f, a->word[i], &t);
        if (one == CTL_DONE && !c->json)
            (void)fprintf(
                c->out,
                "%s: good: table %s from %d, %u stations, fares %lld.%02lld to %lld.%02lld\n",
                a->word[i], t->name, t->from, t->station_count, (long long)fare_cheapest(t) / 100,
                (long long)fare_cheapest(t) % 100, (long long)fare_dearest(t) / 100,
                (long long)fare_dearest(t) % 100);
        else if (one != CTL_DONE)
            worst = one;
    }
    if (rc == CTL_DONE && c->json) {
        json_t *j = json_pack("{s:b}", "good", worst == CTL_DONE);
        out_json(c->out, j);
        json_decref(j);
    }
    fares_close(&f);
    return rc == CTL_DONE ? worst : rc;
}

/* ---- compare ---- */

static const struct cli_option compare_options[] = {
    {.name = "old",
     .value = "TABLE",
     .required = true,
     .help = "a file, a table's name (today's), or NAME@2026-12-01"},
    {.name = "new", .value = "TABLE", .required = true, .help = "likewise"},
    {.name = "from",
     .value = "DATE",
     .kind = CLI_DATE,
     .required = true,
     .help = "the first clearing day of the rides"},
    {.name = "to", .value = "DATE", .kind = CLI_DATE, .required = true, .help = "the last one"},
    {.name = "most",
     .value = "N",
     .kind = CLI_INT,
     .min = 1,
     .max = 10000000,
     .help = "look at so many rides at most (100000)"},
    {.name = "pairs",
     .value = "N",
     .kind = CLI_INT,
     .min = 0,
     .max = 100000,
     .help = "show so many pairs of stations (20), those that differ most"},
    FARES_OPTION,
};

/* "NAME", "NAME@DATE", or a file. */
static int named_table(struct ctl *c, struct fares *f, const char *word,
                       const struct fare_table **ret) WORKER_FN;
static int named_table(struct ctl *c, struct fares *f, const char *word,
                       const struct fare_table **ret)
{
    char name[FARE_NAME] = "";
    const char *day = strchr(word, '@');
    fare_time at = fares_now(f);
    size_t len = day ? (size_t)(day - word) : strlen(word);
    if (strchr(word, '/') || (len > 5 && strcmp(word + len - 5, ".yaml") == 0))
        return fares_file(f, word, ret);
    if (len == 0 || len >= sizeof name || (day && !fare_time_read(day + 1, &at)))
        return ctl_usage(c, "\"%s\" is no file, no NAME and no NAME@2026-12-01", word);
    memcpy(name, word, len);
    *ret = fare_table_at(fares_set(f), name, at);
    return *ret ? CTL_DONE : ctl_fail(c, "no table \"%s\" is in force on %d", name, fare_date(at));
}

static int compare_run(struct ctl *c, const struct cli_args *a)
{
    struct fares *f = NULL;
    struct compare_ask ask = {.most = cli_number(a, "most", 100000),
                              .pairs = (size_t)cli_number(a, "pairs", 20)};
    const char *old = cli_text(a, "old"), *new = cli_text(a, "new");
    ROLE_ENTER_WORKER();
    if (!fare_date_read(cli_text(a, "from"), &ask.from) ||
        !fare_date_read(cli_text(a, "to"), &ask.to) || ask.to < ask.from)
        return ctl_usage(c, "--from and --to are days, the first not after the last");
    bool files = strstr(old, ".yaml") && strstr(new, ".yaml");
    int rc = files ? fares_none(c, &f) : fares_open(c, cli_text(a, "fares"), &f);
    if (rc == CTL_DONE)
        rc = named_table(c, f, old, &ask.old);
    if (rc == CTL_DONE)
        rc = named_table(c, f, new, &ask.new);
    if (rc == CTL_DONE)
        rc = compare_tables(c, &ask);
    fares_close(&f);
    return rc;
}

static const struct cli_command commands[] = {
    {.name = "fare",
     .args = "",
     .summary = "Says what a journey costs, by the tables on this machine",
     CLI_TABLE(fare_options),
     .run = fare_run,
     .more =
         "Examples:\n"
         "  onecardctl transit fare --table metro --from 101 --to 203\n"
         "  onecardctl transit fare --table metro --from 火车站 --to 机场 --category student \\\n"
         "      --at \"2027-01-04 11:00\"\n\n"
         "For a card that has not ridden before: transfers, caps and passes depend on the card."},
    {.name = "tables",
     .args = "",
     .summary = "Lists the fare tables with their first days",
     CLI_TABLE(tables_options),
     .run = tables_run},
    {.name = "check",
     .args = "FILE [FILE] [FILE] [FILE]",
     .summary = "Checks fare tables before they are put in force; every mistake with its place",
     .run = check_run,
     .more = "Example:\n  onecardctl transit check fares/metro-2027.yaml\n\nStatus 1: a file has "
             "mistakes."},
    {.name = "compare",
     .args = "",
     .summary = "Counts past rides by two tables and shows the difference",
     CLI_TABLE(compare_options),
     .run = compare_run,
     .more =
         "Example:\n"
         "  onecardctl transit compare --old metro@2026-12-31 --new fares/metro-2027.yaml \\\n"
         "      --from 2026-11-01 --to 2026-11-30\n\n"
         "Each card's rides are counted in their order by both tables, with transfers, caps and "
         "steps of each.\nRides on a period pass are left out; nothing is changed."},
};
const struct cli_noun noun_transit = CLI_NOUN("transit", "fares and fare tables 票价", commands);

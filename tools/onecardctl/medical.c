/* onecardctl medical: what a hospital desk does in more than one request. Everything else is
 * 'onecardctl txn run medical.…'. */
#include "run.h"

#include <string.h>
#include <time.h>

#define PAGES_MAX 200 /* of one list; more is refused rather than shown in part */
#define SWEEP_MAX 100000

#define TERMINAL                                                                                   \
    {                                                                                              \
        .name = "terminal", .value = "T", .required = true,                                        \
        .help = "a terminal of the institution"                                                    \
    }
#define CITIZEN                                                                                    \
    {                                                                                              \
        .name = "citizen", .value = "ID", .help = "whom it concerns, where no card is presented"   \
    }
#define DAY                                                                                        \
    {                                                                                              \
        .name = "day", .value = "YYYYMMDD", .help = "the day"                                      \
    }

/* ---- one request ---- */

/* A value that is not UTF-8 ends `params`: ask() says so. Left out it would be another question. */
static void set(json_t **params, const char *name, const char *value)
{
    if (!value || !*value || json_object_set_new(*params, name, json_string(value)) == 0)
        return;
    json_decref(*params);
    *params = NULL;
}

/* Runs `medical.VERB`; takes `params` and `document` (NULL: none). *ret_reply: what it replied. An
 * enum ctl_exit; what is not CTL_DONE was printed. */
static int ask(struct ctl *c, const struct cli_args *a, const char *verb, json_t *params,
               json_t *document, json_t **ret_reply)
{
    char service[64];
    json_t *result = NULL;
    (void)snprintf(service, sizeof service, "medical.%s", verb);
    json_t *body = json_pack("{s:s, s:s, s:o, s:o*}", "service", service, "terminal",
                             cli_text(a, "terminal"), "params", params, "document", document);
    if (!body)
        return ctl_no_body(c);
    int rc = run_request(c, "/v1/requests", body, &result);
    json_decref(body);
    if (rc != CTL_DONE && result)
        run_print(c, result);
    if (rc == CTL_DONE)
        *ret_reply = json_incref(json_object_get(result, "reply"));
    json_decref(result);
    return rc;
}

/* ---- pages ---- */

/* What a page has goes to the end of what was there: lists grow, so do lists inside objects. */
static void merge(json_t *all, json_t *page)
{
    const char *name;
    json_t *v;
    json_object_foreach(page, name, v)
    {
        json_t *have = json_object_get(all, name);
        if (json_is_array(v) && json_is_array(have))
            (void)json_array_extend(have, v);
        else if (json_is_object(v) && json_is_object(have))
            merge(have, v);
        else
            (void)json_object_set_new(all, name, json_deep_copy(v));
    }
}

/* The member `next` of a page as what to ask the next one with: "" at the end. */
static const char *next_of(const json_t *reply, char *buf, size_t cap)
{
    const json_t *next = json_object_get(reply, "next");
    buf[0] = '\0';
    if (json_is_string(next))
        (void)snprintf(buf, cap, "%s", json_string_value(next));
    else if (json_integer_value(next) > 0)
        (void)snprintf(buf, cap, "%lld", (long long)json_integer_value(next));
    return buf;
}

/* Asks until there is no next page. `params` stays the caller's. */
static int all_pages(struct ctl *c, const struct cli_args *a, const char *verb,
                     const json_t *params, const char *cursor, json_t **ret)
{
    json_t *all = json_object(), *reply = NULL;
    char next[64] = "";
    int rc = CTL_DONE;
    for (int page = 0; page < PAGES_MAX; page++) {
        json_t *p = json_deep_copy(params);
        set(&p, cursor, next);
        rc = ask(c, a, verb, p, NULL, &reply);
        if (rc != CTL_DONE)
            break;
        merge(all, reply);
        const char *more = next_of(reply, next, sizeof next);
        json_decref(reply);
        reply = NULL;
        if (*more == '\0')
            break;
        if (page + 1 == PAGES_MAX)
            rc = ctl_fail(c, "the list is longer than %d pages", PAGES_MAX);
    }
    (void)json_object_del(all, "next");
    if (rc == CTL_DONE)
        *ret = all;
    else
        json_decref(all);
    return rc;
}

static void print_members(struct ctl *c, json_t *all)
{
    const char *name;
    json_t *v;
    if (c->json) {
        out_json(c->out, all);
        return;
    }
    json_object_foreach(all, name, v)
    {
        if (json_is_array(v) && json_array_size(v) == 0)
            (void)fprintf(c->out, "%s: none\n", name);
        else if (json_is_array(v))
            out_items(c, v);
        else if (json_is_object(v))
            out_object(c, v, 0);
    }
}

static int list(struct ctl *c, const struct cli_args *a, const char *verb, json_t *params)
{
    json_t *all = NULL;
    int rc = all_pages(c, a, verb, params, "after", &all);
    if (rc == CTL_DONE)
        print_members(c, all);
    json_decref(all);
    json_decref(params);
    return rc;
}

/* ---- lists ---- */

static json_t *given(const struct cli_args *a, const char *const *options)
{
    json_t *p = json_object();
    for (; *options; options++)
        set(&p, *options, cli_text(a, *options));
    return p;
}

static const struct cli_option slot_options[] = {
    TERMINAL,
    {.name = "hospital", .value = "H", .help = "whose; default: the terminal's own"},
    {.name = "department",
     .value = "D",
     .required = true,
     .help = "as 'onecardctl medical departments' lists it"},
    {.name = "practitioner", .value = "P", .help = "one doctor only"},
    DAY,
};

/* A doctor's day with its slots becomes a row a slot. */
static json_t *slot_rows(const json_t *all)
{
    static const char *const copied[] = {"date", "serviceType", "actor", "actorDisplay", "fee_fen"};
    json_t *rows = json_array(), *day, *slot;
    size_t i, j;
    json_array_foreach(json_object_get(all, "schedule"), i, day)
    {
        json_array_foreach(json_object_get(day, "slot"), j, slot)
        {
            json_t *row = json_copy(slot);
            for (size_t k = 0; k < ARRAY_LEN(copied); k++)
                (void)json_object_set(row, copied[k], json_object_get(day, copied[k]));
            (void)json_array_append_new(rows, row);
        }
    }
    return rows;
}

static int slots_run(struct ctl *c, const struct cli_args *a)
{
    static const char *const options[] = {"hospital", "department", "practitioner", "day", NULL};
    static const struct out_column columns[] = {
        {"day", "date", OUT_INT},      {"slot", "start", OUT_INT},     {"free", "free", OUT_INT},
        {"doctor", "actor", OUT_TEXT}, {"", "actorDisplay", OUT_TEXT}, {"fee", "fee_fen", OUT_FEN},
    };
    json_t *params = given(a, options), *all = NULL;
    int rc = all_pages(c, a, "slots", params, "after", &all);
    json_decref(params);
    if (rc != CTL_DONE)
        return rc;
    json_t *rows = slot_rows(all);
    if (c->json)
        out_json(c->out, rows);
    else if (json_array_size(rows) == 0)
        (void)fputs("no free slots\n", c->out);
    else
        out_table(c, rows, columns, ARRAY_LEN(columns));
    json_decref(rows);
    json_decref(all);
    return CTL_DONE;
}

static const struct cli_option department_options[] = {
    TERMINAL,
    {.name = "hospital", .value = "H", .help = "whose departments; default: lists the hospitals"},
};

static int departments_run(struct ctl *c, const struct cli_args *a)
{
    static const char *const options[] = {"hospital", NULL};
    return list(c, a, "departments", given(a, options));
}

static const struct cli_option bill_options[] = {
    TERMINAL,
    CITIZEN,
    {.name = "all", .kind = CLI_FLAG, .help = "those that are settled, too"},
};

static int bills_run(struct ctl *c, const struct cli_args *a)
{
    static const char *const options[] = {"citizen", NULL};
    json_t *params = given(a, options);
    if (cli_given(a, "all"))
        set(&params, "all", "yes");
    return list(c, a, "bills", params);
}

static const struct cli_option log_options[] = {TERMINAL};

/* How far the city's time is east of UTC, from what the daemon says the city's time is. */
static int city_offset_s(struct ctl *c)
{
    json_t *status = NULL;
    int hours = 0, minutes = 0;
    char sign = '+';
    if (ctl_call(c, "GET", "/v1/status", NULL, 0, &status) == CTL_DONE) {
        const char *text = json_string_value(json_object_get(status, "city_time"));
        size_t len = text ? strlen(text) : 0;
        if (len >= 25 && sscanf(text + len - 6, "%c%2d:%2d", &sign, &hours, &minutes) != 3)
            hours = minutes = 0;
    }
    json_decref(status);
    return (sign == '-' ? -60 : 60) * (hours * 60 + minutes);
}

/* Moments become texts; the end of the time to read, and what every line says, are left out. */
static void log_rows(json_t *rows, int offset_s)
{
    static const char *const left_out[] = {"resourceType", "until_ms", "at_ms", "id"};
    size_t i;
    json_t *row;
    char text[32];
    json_array_foreach(rows, i, row)
    {
        time_t at = (time_t)(json_integer_value(json_object_get(row, "at_ms")) / 1000) + offset_s;
        struct tm tm;
        json_t *shown = json_pack(
            "{s:s}", "time",
            gmtime_r(&at, &tm) && strftime(text, sizeof text, "%F %T", &tm) > 0 ? text : "?");
        for (size_t k = 0; k < ARRAY_LEN(left_out); k++)
            (void)json_object_del(row, left_out[k]);
        (void)json_object_update(shown, row);
        (void)json_array_set_new(rows, i, shown);
    }
}

static int log_run(struct ctl *c, const struct cli_args *a)
{
    json_t *all = NULL, *params = json_object();
    int rc = all_pages(c, a, "access_log", params, "after", &all);
    json_decref(params);
    if (rc == CTL_DONE && !c->json)
        log_rows(json_object_get(all, "accesses"), city_offset_s(c));
    if (rc == CTL_DONE)
        print_members(c, all);
    json_decref(all);
    return rc;
}

/* ---- documents ---- */

static const char *const kinds[] = {"schedule", "bill", "report", "dispense", "admission", NULL};
static const struct cli_option put_options[] = {TERMINAL, CITIZEN};

static int put_run(struct ctl *c, const struct cli_args *a)
{
    static const char *const verbs[] = {"schedule_put", "bill_put", "report_put", "dispense_put",
                                        "admit"};
    static const char *const options[] = {"citizen", NULL};
    json_error_t error;
    size_t kind = 0;
    while (kinds[kind] && strcmp(kinds[kind], a->word[0]) != 0)
        kind++;
    if (!kinds[kind])
        return ctl_usage(c, "what is put is a schedule, bill, report, dispense or admission");
    json_t *document = strcmp(a->word[1], "-") == 0
                           ? json_loadf(stdin, JSON_REJECT_DUPLICATES, &error)
                           : json_load_file(a->word[1], JSON_REJECT_DUPLICATES, &error);
    if (!document)
        return ctl_fail(c, "%s:%d:%d: %s", a->word[1], error.line, error.column, error.text);
    json_t *reply = NULL;
    int rc = ask(c, a, verbs[kind], given(a, options), document, &reply);
    if (rc == CTL_DONE)
        out_answer(c, reply);
    json_decref(reply);
    return rc;
}

/* ---- reading with consent: opened, then read page by page ---- */

static int read_opened(struct ctl *c, const struct cli_args *a, const json_t *opened)
{
    json_t *params = json_object(), *all = NULL;
    set(&params, "access", json_string_value(json_object_get(opened, "access")));
    set(&params, "citizen", json_string_value(json_object_get(opened, "citizen")));
    int rc = all_pages(c, a, "read", params, "from", &all);
    json_decref(params);
    if (rc == CTL_DONE)
        print_members(c, all);
    json_decref(all);
    return rc;
}

static const char *const opened_words[] = {"report", "reports", "medication", NULL};
static const struct cli_option read_options[] = {
    TERMINAL,
    {.name = "hospital", .value = "H", .help = "whose report; default: the terminal's own"},
    {.name = "report", .value = "N", .help = "its number at that hospital"},
    {.name = "check", .value = "CODES", .help = "medication: substances to be dispensed: A,B"},
    {.name = "emergency",
     .value = "WHY",
     .min = 4,
     .max = 127,
     .help = "without the card: why, for the record; the citizen sees it"},
    {.name = "citizen", .value = "ID", .help = "whose, in an emergency"},
};

static int read_run(struct ctl *c, const struct cli_args *a)
{
    static const char *const options[] = {"hospital", "report", "check", NULL};
    const char *what = a->word[0], *why = cli_text(a, "emergency");
    size_t i = 0;
    while (opened_words[i] && strcmp(opened_words[i], what) != 0)
        i++;
    if (!opened_words[i])
        return ctl_usage(c, "what is read is report, reports or medication");
    if (!why != !cli_given(a, "citizen"))
        return ctl_usage(c,
                         "--emergency and --citizen belong together; else the card is presented");
    json_t *params = given(a, options), *opened = NULL;
    if (why) {
        set(&params, "what", what);
        set(&params, "reason", why);
        set(&params, "citizen", cli_text(a, "citizen"));
    }
    int rc = ask(c, a, why ? "emergency" : what, params, NULL, &opened);
    if (rc == CTL_DONE)
        rc = read_opened(c, a, opened);
    json_decref(opened);
    return rc;
}

/* ---- the night ---- */

static const struct cli_option sweep_options[] = {TERMINAL, DAY};

static int sweep_run(struct ctl *c, const struct cli_args *a)
{
    static const char *const options[] = {"day", NULL};
    int missed = 0;
    for (; missed < SWEEP_MAX; missed++) {
        json_t *reply = NULL;
        int rc = ask(c, a, "sweep", given(a, options), NULL, &reply);
        bool more = json_integer_value(json_object_get(reply, "missed")) > 0;
        json_decref(reply);
        if (rc != CTL_DONE)
            return rc;
        if (!more)
            break;
    }
    if (c->json)
        (void)fprintf(c->out, "{\"missed\":%d}\n", missed);
    else
        (void)fprintf(c->out, "%d missed appointments counted\n", missed);
    return CTL_DONE;
}

static const struct cli_command commands[] = {
    {.name = "departments",
     .args = "",
     .summary = "Lists hospitals, or the departments of one",
     CLI_TABLE(department_options),
     .run = departments_run},
    {.name = "slots",
     .args = "",
     .summary = "Lists free slots of a department on a day",
     CLI_TABLE(slot_options),
     .run = slots_run,
     .more = "Example:\n"
             "  onecardctl medical slots --terminal hall1 --hospital hospital --department neike "
             "--day 20261123"},
    {.name = "bills",
     .args = "",
     .summary = "Lists a citizen's bills that are open",
     CLI_TABLE(bill_options),
     .run = bills_run},
    {.name = "put",
     .args = "KIND FILE",
     .summary = "Brings a hospital's document: schedule, bill, report, dispense or admission",
     CLI_TABLE(put_options),
     .run = put_run,
     .more = "FILE is JSON as docs/services/medical.md describes it; - reads it from standard "
             "input. The same\ndocument again changes nothing."},
    {.name = "read",
     .args = "WHAT",
     .summary = "Opens and reads a report, the list of reports, or the medication",
     CLI_TABLE(read_options),
     .run = read_run,
     .more = "The card is presented, or an emergency is written down. Either is recorded before "
             "anything is shown,\nand the citizen sees it with 'onecardctl medical log'.\n\n"
             "Examples:\n"
             "  onecardctl medical read report --terminal ward2 --hospital hospital --report R-17\n"
             "  onecardctl medical read medication --terminal pharmacy --check N02BA01,C07AB02\n"
             "  onecardctl medical read reports --terminal er1 --citizen c835 --emergency "
             "'unconscious'"},
    {.name = "log",
     .args = "",
     .summary = "Lists who looked at the records of the card's holder",
     CLI_TABLE(log_options),
     .run = log_run},
    {.name = "sweep",
     .args = "",
     .summary = "Counts the missed appointments of a day that is over",
     CLI_TABLE(sweep_options),
     .run = sweep_run},
};
const struct cli_noun noun_medical =
    CLI_NOUN("medical", "a hospital's desk: slots, bills, documents, reports", commands);

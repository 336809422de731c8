/* onecardctl benefit: payment lists of the bureau. A list is checked whole before anything moves;
 * then each good line is one transaction, which the ledger does once however often it is sent. So
 * an import that was broken off, by whatever, is gone on with by the same command. */
#include "benefit_list.h"
#include "run.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TRIES       5
#define FIND_MS     15000
#define PROGRESS_NS (2 * INT64_C(1000000000))

struct import {
    struct ctl *c;
    const char *terminal, *file;
    struct benefit_list list;
    int64_t told_ns;
    bool broken_off;
    char stop[BENEFIT_WHY];
};

static const char *text_of(const json_t *obj, const char *name, const char *dflt)
{
    const char *s = json_string_value(json_object_get(obj, name));
    return s ? s : dflt;
}

/* ---- asking the daemon ---- */

static bool again(const json_t *result)
{
    const char *reason = text_of(result, "reason", "");
    return strcmp(reason, "stale_record") == 0 || strcmp(reason, "busy") == 0;
}

/* Some reasons are not the line's: nothing after it would go better. */
static bool stops(int rc, const json_t *result)
{
    static const char *const reasons[] = {
        "not_sent",         "cancelled",        "store_unavailable", "unknown_service",
        "terminal_unknown", "terminal_may_not", "terminal_closed",   "busy"};
    const char *reason = text_of(result, "reason", "");
    if (!result || rc == CTL_DOUBT)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (strcmp(reasons[i], reason) == 0)
            return true;
    return false;
}

static int ask(struct import *im, const char *path, const json_t *body, json_t **ret)
{
    int rc;
    for (int i = 0;; i++) {
        rc = run_request(im->c, path, body, ret);
        if (!*ret || !again(*ret) || i == TRIES)
            break;
        json_decref(*ret);
        *ret = NULL;
        struct timespec t = {.tv_nsec = 200 * NS_PER_MS};
        (void)nanosleep(&t, NULL);
    }
    if (stops(rc, *ret)) {
        im->broken_off = true;
        (void)snprintf(im->stop, sizeof im->stop, "%s",
                       *ret ? text_of(*ret, "detail", "")[0] != '\0'
                                  ? text_of(*ret, "detail", "")
                                  : text_of(*ret, "reason_text", "no answer")
                            : "no answer");
    }
    return rc;
}

static json_t *line_body(const struct import *im, const struct benefit_line *l)
{
    char nr[24];
    (void)snprintf(nr, sizeof nr, "%lld", (long long)l->number);
    return json_pack("{s:s, s:s, s:I, s:i, s:{s:s, s:s, s:s}}", "service", "social.benefit_line",
                     "terminal", im->terminal, "amount_fen", (json_int_t)l->fen, "wait_ms", 0,
                     "params", "batch", im->list.batch, "line", nr,
                     l->by == BENEFIT_BY_CARD ? "card_number" : "citizen", l->who);
}

static void progress(struct import *im, const char *what, size_t done)
{
    int64_t now = clock_mono_ns(&clock_system);
    if (now - im->told_ns < PROGRESS_NS)
        return;
    im->told_ns = now;
    (void)fprintf(im->c->err, "onecardctl: %s %zu of %zu lines\n", what, done, im->list.line_count);
    (void)fflush(im->c->err);
}

static void refused_line(struct benefit_line *l, const json_t *result)
{
    const char *detail = text_of(result, "detail", "");
    benefit_line_bad(l, "%s",
                     detail[0] != '\0' ? detail : text_of(result, "reason_text", "refused"));
}

/* Personal numbers become citizens' ids before anything else: they are searched by their keyed hash
 * and stand in no request that is kept. */
static void find_line(struct import *im, struct benefit_line *l)
{
    struct api_answer answer = {0};
    json_t *body = json_pack("{s:s}", "number", l->who);
    int rc = ctl_connect(im->c) == CTL_DONE
                 ? api_call(im->c->api, "POST", "/v1/citizens/find", body, FIND_MS, &answer)
                 : OC_ECLOSED;
    const char *id = json_string_value(json_object_get(answer.json, "citizen"));
    char *who = rc == 0 && id ? strdup(id) : NULL;
    if (who) {
        secret_wipe(l->who, strlen(l->who));
        free(l->who);
        l->who = who;
        l->by = BENEFIT_BY_CITIZEN;
    } else if (rc == 0 && answer.status == 404) {
        benefit_line_bad(l, "no such citizen is registered");
    } else {
        im->broken_off = true;
        (void)snprintf(im->stop, sizeof im->stop, "%s",
                       rc != 0 ? oc_strerror(rc)
                               : text_of(json_object_get(answer.json, "error"), "message",
                                         "the daemon could not look for a citizen"));
    }
    if (rc == 0)
        api_answer_fini(&answer);
    json_decref(body);
}

static void find_lines(struct import *im)
{
    for (size_t i = 0; i < im->list.line_count && !im->broken_off; i++) {
        struct benefit_line *l = &im->list.lines[i];
        if (l->outcome[0] == '\0' && l->by == BENEFIT_BY_NUMBER)
            find_line(im, l);
    }
}

/* Who is unknown is found before the first is paid: the plan is shown and nothing is written. A
 * batch that is not opened yet is no fault of the line. */
static void check_lines(struct import *im)
{
    struct benefit_list *list = &im->list;
    for (size_t i = 0; i < list->line_count && !im->broken_off; i++) {
        struct benefit_line *l = &list->lines[i];
        if (l->outcome[0] != '\0')
            continue;
        json_t *body = line_body(im, l), *result = NULL;
        int rc = ask(im, "/v1/plan", body, &result);
        const char *reason = text_of(result, "reason", "");
        if (!im->broken_off && rc != CTL_DONE && strcmp(reason, "not_found") != 0 &&
            strcmp(reason, "limit") != 0)
            refused_line(l, result);
        json_decref(result);
        json_decref(body);
        progress(im, "checked", i + 1);
    }
}

static void pay_line(struct import *im, struct benefit_line *l)
{
    json_t *body = line_body(im, l), *result = NULL;
    int rc = ask(im, "/v1/requests", body, &result);
    const json_t *reply = json_object_get(result, "reply");
    if (im->broken_off && rc == CTL_DOUBT) {
        (void)snprintf(l->outcome, sizeof l->outcome, "unknown");
        (void)snprintf(l->why, sizeof l->why, "the same command finds out");
    } else if (!im->broken_off && rc == CTL_DONE) {
        bool before = strcmp(text_of(reply, "paid", "now"), "before") == 0;
        (void)snprintf(l->outcome, sizeof l->outcome, "%s", before ? "before" : "paid");
        (void)snprintf(l->txn, sizeof l->txn, "%s", text_of(result, "txn", ""));
    } else if (!im->broken_off) {
        refused_line(l, result);
    }
    json_decref(result);
    json_decref(body);
}

static void pay_lines(struct import *im)
{
    for (size_t i = 0; i < im->list.line_count && !im->broken_off; i++) {
        if (im->list.lines[i].outcome[0] == '\0')
            pay_line(im, &im->list.lines[i]);
        progress(im, "done with", i + 1);
    }
}

/* ---- the batch ---- */

static json_t *batch_body(const char *terminal, const char *batch, const char *action)
{
    return json_pack("{s:s, s:s, s:i, s:{s:s, s:s}}", "service", "social.benefit_batch", "terminal",
                     terminal, "wait_ms", 0, "params", "batch", batch, "action", action);
}

static int open_batch(struct import *im, bool accept_total)
{
    const struct benefit_list *list = &im->list;
    char total[FEN_TEXT], count[24];
    json_t *body = batch_body(im->terminal, list->batch, "open"), *result = NULL;
    json_t *params = json_object_get(body, "params");
    (void)snprintf(count, sizeof count, "%lld",
                   (long long)(accept_total ? (int64_t)list->line_count : list->count));
    (void)json_object_set_new(params, "program", json_string(list->program));
    (void)json_object_set_new(params, "fund", json_string(list->fund));
    (void)json_object_set_new(params, "count", json_string(count));
    (void)json_object_set_new(
        params, "total",
        json_string(fen_plain(accept_total ? list->real_total : list->total, total)));
    int rc = ask(im, "/v1/requests", body, &result);
    if (rc != CTL_DONE)
        (void)ctl_fail(im->c, "the batch cannot be opened: %s",
                       text_of(result, "detail", text_of(result, "reason_text", "no answer")));
    json_decref(result);
    json_decref(body);
    return rc;
}

static int batch_run(struct ctl *c, const struct cli_args *a, const char *action)
{
    json_t *body = batch_body(cli_text(a, "terminal"), a->word[0], action), *result = NULL;
    int rc = run_request(c, "/v1/requests", body, &result);
    if (result)
        run_print(c, result);
    json_decref(result);
    json_decref(body);
    return rc;
}

static int show_run(struct ctl *c, const struct cli_args *a)
{
    return batch_run(c, a, "show");
}

static int close_run(struct ctl *c, const struct cli_args *a)
{
    return batch_run(c, a, "close");
}

/* ---- what came of it ---- */

static void tell_bad(struct import *im)
{
    for (size_t i = 0; i < im->list.line_count; i++) {
        const struct benefit_line *l = &im->list.lines[i];
        if (strcmp(l->outcome, "bad") == 0 || strcmp(l->outcome, "unknown") == 0) {
            (void)fprintf(im->c->err, "line %d: ", l->place);
            out_text(im->c->err, l->why);
            (void)fputc('\n', im->c->err);
        }
    }
}

static bool wrong_total(const struct benefit_list *l)
{
    return l->count != (int64_t)l->line_count || l->total != l->real_total;
}

static void tell_total(struct import *im)
{
    char said[FEN_TEXT], real[FEN_TEXT];
    const struct benefit_list *l = &im->list;
    if (wrong_total(l))
        (void)fprintf(
            im->c->err,
            "onecardctl: the list declares %lld lines and %s yuan, and has %zu lines and %s yuan\n",
            (long long)l->count, fen_text(l->total, said), l->line_count,
            fen_text(l->real_total, real));
}

static json_t *errors_of(const struct benefit_list *l)
{
    json_t *all = json_array();
    for (size_t i = 0; i < l->line_count; i++)
        if (strcmp(l->lines[i].outcome, "bad") == 0 || strcmp(l->lines[i].outcome, "unknown") == 0)
            (void)json_array_append_new(all, json_pack("{s:i, s:s}", "line", l->lines[i].place,
                                                       "message", l->lines[i].why));
    return all;
}

static int summary(struct import *im, bool checked_only)
{
    const struct benefit_list *l = &im->list;
    fen_t paid_fen, before_fen, bad_fen, left_fen;
    char a[FEN_TEXT], b[FEN_TEXT];
    size_t paid = benefit_list_count(l, "paid", &paid_fen),
           before = benefit_list_count(l, "before", &before_fen);
    size_t bad = benefit_list_count(l, "bad", &bad_fen),
           left = benefit_list_count(l, "", &left_fen);
    size_t unknown = benefit_list_count(l, "unknown", &bad_fen);
    if (im->c->json) {
        json_t *j = json_pack("{s:s, s:i, s:i, s:I, s:i, s:i, s:i, s:b, s:b, s:o}", "batch",
                              l->batch, "lines", (int)l->line_count, "paid", (int)paid, "paid_fen",
                              (json_int_t)paid_fen, "before", (int)before, "bad", (int)bad, "left",
                              (int)(left + unknown), "total_ok", !wrong_total(l), "broken_off",
                              im->broken_off, "errors", errors_of(l));
        out_json(im->c->out, j);
        json_decref(j);
    } else if (checked_only) {
        (void)fprintf(im->c->out, "%s: %zu good (%s yuan), %zu bad\n", l->batch, left,
                      fen_text(left_fen, a), bad);
    } else {
        (void)fprintf(im->c->out,
                      "%s: %zu paid now (%s yuan), %zu before (%s yuan), %zu bad, %zu left\n",
                      l->batch, paid, fen_text(paid_fen, a), before, fen_text(before_fen, b), bad,
                      left + unknown);
    }
    if (im->broken_off)
        return ctl_fail(im->c, "broken off: %s. The same command goes on", im->stop);
    return bad + unknown > 0 ? CTL_FAILED : CTL_DONE;
}

static int write_result(struct import *im, const char *path)
{
    char own[CTL_PATH];
    if (!path && snprintf(own, sizeof own, "%s.result.csv", im->file) >= (int)sizeof own)
        return ctl_fail(im->c, "the file's name is too long for a result beside it: name one with --result");
    path = path ? path : own;
    ROLE_ENTER_WORKER();
    int rc = benefit_list_write(&im->list, path);
    if (rc != 0)
        return ctl_fail(im->c, "%s: the result cannot be written", path);
    (void)fprintf(im->c->err, "onecardctl: the result of each line is in %s\n", path);
    return CTL_DONE;
}

/* ---- import ---- */

static int read_list(struct import *im)
{
    ROLE_ENTER_WORKER();
    int rc = benefit_list_read(&im->list, im->file);
    if (rc == 0)
        return CTL_DONE;
    return ctl_fail(im->c, "%s: %s", im->file,
                    rc == OC_EPARSE && im->list.why[0] != '\0' ? im->list.why
                    : rc == OC_ENOENT                          ? "there is no such file"
                                                               : oc_strerror(rc));
}

static int pay(struct import *im, const struct cli_args *a)
{
    bool accept = cli_given(a, "accept-total");
    fen_t sum;
    if (wrong_total(&im->list) && !accept)
        return ctl_fail(
            im->c, "nothing was paid: mend the list, or pay its good lines with --accept-total");
    if (benefit_list_count(&im->list, "", &sum) == 0)
        return ctl_fail(im->c, "nothing was paid: no line is good");
    int rc = open_batch(im, accept && wrong_total(&im->list));
    if (rc != CTL_DONE)
        return rc;
    pay_lines(im);
    int wrote = write_result(im, cli_text(a, "result"));
    rc = summary(im, false);
    if (rc == CTL_DONE || (cli_given(a, "close") && !im->broken_off)) {
        json_t *body = batch_body(im->terminal, im->list.batch, "close"), *result = NULL;
        int closed = run_request(im->c, "/v1/requests", body, &result);
        rc = rc != CTL_DONE ? rc : closed;
        json_decref(result);
        json_decref(body);
    }
    return rc != CTL_DONE ? rc : wrote;
}

static int import_run(struct ctl *c, const struct cli_args *a)
{
    struct import im = {.c = c, .terminal = cli_text(a, "terminal"), .file = a->word[0]};
    int rc = read_list(&im);
    if (rc == CTL_DONE) {
        im.told_ns = clock_mono_ns(&clock_system);
        find_lines(&im);
        check_lines(&im);
        tell_total(&im);
        if (im.broken_off) {
            rc = ctl_fail(c, "nothing was paid: %s", im.stop);
        } else if (cli_given(a, "check")) {
            tell_bad(&im);
            rc = summary(&im, true);
            rc = wrong_total(&im.list) ? CTL_FAILED : rc;
        } else {
            rc = pay(&im, a);
            tell_bad(&im);
        }
    }
    benefit_list_fini(&im.list);
    return rc;
}

#define TERMINAL_OPTION                                                                            \
    {                                                                                              \
        .name = "terminal", .value = "T", .required = true,                                        \
        .help = "a terminal of the bureau's, without a reader"                                     \
    }

static const struct cli_option import_options[] = {
    TERMINAL_OPTION,
    {.name = "check", .kind = CLI_FLAG, .help = "only check: nothing is opened, nothing is paid"},
    {.name = "accept-total",
     .kind = CLI_FLAG,
     .help = "pay the good lines although count or total are not what the list declares"},
    {.name = "close", .kind = CLI_FLAG, .help = "close the batch also when lines are bad"},
    {.name = "result",
     .value = "PATH",
     .max = 900,
     .help = "what became of each line (default: FILE.result.csv)"},
};
static const struct cli_option batch_options[] = {TERMINAL_OPTION};

static const struct cli_command commands[] = {
    {.name = "import",
     .args = "FILE",
     .summary = "Pays a list of benefits, CSV or JSON, each line once",
     CLI_TABLE(import_options),
     .run = import_run,
     .more = "The list declares batch, program, fund, count and total, a line each, then "
             "line,citizen,amount:\n"
             "  batch,pension-202611\n  program,pension\n  fund,fund-pension\n  count,2\n  "
             "total,5120.50\n"
             "  line,citizen,amount\n  1,c835923643148716,2560.25\n  2,c112233445566778,2560.25\n"
             "It is checked whole first: duplicates, citizens that nobody knows, amounts, count "
             "and total. Every bad "
             "line is\nreported with its place; the good ones are paid. The same list again goes "
             "on where it was "
             "broken off and pays\nnobody twice. When every line is paid the batch is closed."},
    {.name = "show",
     .args = "BATCH",
     .summary = "Shows what of a batch is paid",
     CLI_TABLE(batch_options),
     .run = show_run},
    {.name = "close",
     .args = "BATCH",
     .summary = "Closes a batch: no further line of it is paid",
     CLI_TABLE(batch_options),
     .run = close_run},
};
const struct cli_noun noun_benefit =
    CLI_NOUN("benefit", "payment lists of the bureau 待遇发放", commands);

/* The clerk's side of one request. What always holds: once the request may have been created, an
 * outcome that cannot be learned is CTL_DOUBT and never a failure that invites to try again; before
 * that nothing was sent, which is CTL_FAILED.
 *
 *   POST ──► poll (each renews the lease) ──► done
 *              │ SIGINT, SIGTERM: DELETE once, then poll on
 *              │ a second signal, or the daemon gone: doubt */
#include "run.h"

#include "memory.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define QUICK_MS 400  /* a card that lies there needs no words */
#define POLL_MS  4000 /* under half of the shortest usual lease */
#define CALL_MS  15000
#define TRIES    10

struct run {
    struct ctl *c;
    const json_t *body;
    char id[64];
    int signals; /* signalfd */
    unsigned signalled;
    bool cancelled; /* the daemon said so */
    const char *told;
    int64_t begun_ns;
    json_t *result;
};

static const char *text_of(const json_t *obj, const char *name, const char *dflt)
{
    const char *s = json_string_value(json_object_get(obj, name));
    return s ? s : dflt;
}

/* ---- outcomes that the daemon did not tell ---- */

static json_t *made_result(const struct run *r, const char *outcome, const char *reason,
                           const char *why)
{
    const json_t *b = r->body;
    json_t *j = json_pack(
        "{s:n, s:s, s:s, s:s, s:s, s:s, s:n, s:I, s:n}", "txn", "outcome", outcome, "reason",
        reason, "reason_text", why, "service", text_of(b, "service", "card.issue"), "terminal",
        text_of(b, "terminal", ""), "card", "amount_fen",
        (json_int_t)json_integer_value(json_object_get(b, "amount_fen")), "balance_fen");
    return j ? j : json_object();
}

static int lost(struct run *r, const char *why)
{
    char text[512];
    if (r->cancelled) {
        r->result = made_result(r, "refused", "cancelled",
                                "the request was cancelled before anything moved");
        return CTL_FAILED;
    }
    (void)snprintf(text, sizeof text,
                   "%s: whether the card was charged is not known here. Look with 'onecardctl txn "
                   "list --terminal %s' "
                   "before anybody charges again",
                   why, text_of(r->body, "terminal", "T"));
    r->result = made_result(r, "in_doubt", "unknown", text);
    return CTL_DOUBT;
}

static int refused(struct run *r, const struct api_answer *a)
{
    const json_t *e = json_object_get(a->json, "error");
    const char *code = text_of(e, "reason", text_of(e, "code", "refused"));
    r->result = made_result(r, "refused", code,
                            text_of(e, "message", "the daemon refused without an explanation"));
    return CTL_FAILED;
}

static int status_of(const json_t *result)
{
    const char *outcome = text_of(result, "outcome", "");
    if (strcmp(outcome, "posted") == 0)
        return CTL_DONE;
    return strcmp(outcome, "refused") == 0 || strcmp(outcome, "voided") == 0 ? CTL_FAILED
                                                                             : CTL_DOUBT;
}

/* ---- signals ---- */

static int watch_signals(struct run *r, sigset_t *ret_before)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    if (pthread_sigmask(SIG_BLOCK, &set, ret_before) != 0)
        return CTL_FAILED;
    r->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return r->signals >= 0 ? CTL_DONE : CTL_FAILED;
}

static bool take_signal(struct run *r)
{
    struct signalfd_siginfo info;
    bool came = read(r->signals, &info, sizeof info) == (ssize_t)sizeof info;
    r->signalled += came;
    return came;
}

/* A pause that a signal ends. */
static void pause_ms(const struct run *r, int ms)
{
    struct pollfd p = {.fd = r->signals, .events = POLLIN};
    (void)poll(&p, 1, ms);
}

/* ---- the three calls ---- */

static int create(struct run *r, const char *path)
{
    struct api_answer a = {0};
    int rc = api_call(r->c->api, "POST", path, r->body, CALL_MS, &a);
    if (rc == OC_ECLOSED || rc == OC_ENOMEM) {
        r->result =
            made_result(r, "refused", "not_sent",
                        rc == OC_ENOMEM ? "out of memory: nothing was asked of the daemon"
                                        : "the daemon went away before it was asked: nothing happened");
        return CTL_FAILED;
    }
    if (rc != 0)
        return lost(r, "the daemon went away when it was asked");
    const json_t *id = json_object_get(a.json, "request");
    int status = CTL_DONE;
    if (a.status == 500) /* it broke while it was at it */
        status = lost(r, text_of(json_object_get(a.json, "error"), "message", "the daemon failed"));
    else if (a.status >= 400)
        status = refused(r, &a);
    else if (json_is_string(id))
        (void)snprintf(r->id, sizeof r->id, "%s", json_string_value(id));
    else if (a.status == 200 && json_is_object(a.json))
        r->result = json_incref(a.json); /* answered at once */
    else
        status = lost(r, "the daemon's answer makes no sense");
    api_answer_fini(&a);
    return status;
}

static void cancel(struct run *r)
{
    char path[512];
    struct api_answer a = {0};
    (void)fputs("onecardctl: cancelling …\n", r->c->err);
    api_watch(r->c->api, -1);
    if (api_call(r->c->api, "DELETE", ctl_path(path, "/v1/requests/", r->id, ""), NULL, CALL_MS,
                 &a) == 0) {
        r->cancelled = json_is_true(json_object_get(a.json, "cancelled"));
        if (!r->cancelled && a.status < 400)
            (void)fputs("onecardctl: too late to cancel: the card is at work. Its outcome follows; "
                        "once more Ctrl-C "
                        "leaves without it.\n",
                        r->c->err);
        api_answer_fini(&a);
    }
    api_watch(r->c->api, r->signals);
}

static void tell(struct run *r, const char *state)
{
    static const struct {
        const char *state, *en, *zh;
    } words[] = {{"waiting_card", "present the card", "请放卡"},
                 {"waiting_return", "put the same card back", "请放回原卡"}};
    bool quick = clock_mono_ns(&clock_system) - r->begun_ns < QUICK_MS * NS_PER_MS;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(words[i].state, state) != 0 || words[i].state == r->told || (quick && i == 0))
            continue;
        r->told = words[i].state;
        (void)fputs("onecardctl: ", r->c->err);
        (void)fprintf(r->c->err, "%s at terminal ", words[i].en);
        out_text(r->c->err, text_of(r->body, "terminal", ""));
        (void)fprintf(r->c->err, ": %s\n", words[i].zh);
        (void)fflush(r->c->err);
    }
}

/* One poll. True: it is over, *ret_status says how. */
static bool poll_once(struct run *r, unsigned *tries, int *ret_status)
{
    char prefix[128], path[512];
    struct api_answer a = {0};
    bool quick = clock_mono_ns(&clock_system) - r->begun_ns < QUICK_MS * NS_PER_MS;
    (void)snprintf(prefix, sizeof prefix, "?wait_ms=%d", quick ? QUICK_MS : POLL_MS);
    int rc = api_call(r->c->api, "GET", ctl_path(path, "/v1/requests/", r->id, prefix), NULL,
                      CALL_MS, &a);
    if (rc == OC_ECANCELED)
        return false;
    if (rc == OC_ENOMEM || (rc == 0 && !a.json && memory_missed())) { /* it would only miss more */
        api_answer_fini(&a);
        *ret_status = lost(r, "out of memory");
        return true;
    }
    if (rc != 0 || a.status == 503) {
        api_answer_fini(&a);
        pause_ms(r, 500);
        if (++*tries < TRIES)
            return false;
        *ret_status = lost(r, "the daemon went away");
        return true;
    }
    *tries = 0;
    if (a.status >= 400) {
        *ret_status = lost(
            r, a.status == 404 ? "the daemon was started anew and knows nothing of this request"
                               : text_of(json_object_get(a.json, "error"), "message", "refused"));
        api_answer_fini(&a);
        return true;
    }
    const char *state = text_of(a.json, "state", "");
    json_t *result = json_object_get(a.json, "result");
    bool over = strcmp(state, "done") == 0 && json_is_object(result);
    if (over)
        r->result = json_incref(result);
    else
        tell(r, state);
    api_answer_fini(&a);
    *ret_status = over ? status_of(r->result) : CTL_DOUBT;
    return over;
}

static int wait_for_end(struct run *r)
{
    unsigned tries = 0;
    int status;
    for (;;) {
        if (take_signal(r)) {
            if (r->signalled > 1)
                return lost(r, "left before the outcome came");
            cancel(r);
        }
        if (poll_once(r, &tries, &status))
            return status;
    }
}

int run_request(struct ctl *c, const char *path, const json_t *body, json_t **ret_result)
{
    struct run r = {.c = c, .body = body, .signals = -1, .begun_ns = clock_mono_ns(&clock_system)};
    sigset_t before;
    int status = ctl_connect(c);
    if (status != CTL_DONE)
        return status;
    if (watch_signals(&r, &before) != CTL_DONE)
        return ctl_fail(c, "cannot watch for Ctrl-C: %s", strerror(errno));
    status = create(&r, path);
    api_watch(c->api, r.signals);
    if (status == CTL_DONE)
        status = r.id[0] != '\0' ? wait_for_end(&r) : status_of(r.result);
    c->moved = status == CTL_DONE;
    api_watch(c->api, -1);
    while (take_signal(&r)) /* what came after the outcome must not kill us before it is printed */
        continue;
    (void)close(r.signals);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    *ret_result = r.result;
    return status;
}

/* ---- for people ---- */

static void line(struct ctl *c, const char *label, const json_t *obj, const char *member,
                 enum out_kind kind)
{
    struct out_column col = {.path = member, .kind = kind};
    char *s = out_cell(c, obj, &col);
    if (s && *s != '\0') {
        (void)fprintf(c->out, "  %-15s", label);
        out_text(c->out, s);
        (void)fputc('\n', c->out);
    }
    free(s);
}

static void settled_lines(struct ctl *c, const json_t *result)
{
    size_t i;
    json_t *s;
    char fen[FEN_TEXT];
    json_array_foreach(json_object_get(result, "settled"), i, s)
    {
        const char *outcome = text_of(s, "outcome", "?");
        (void)fprintf(c->out, "  earlier doubt  %s is %s%s%s (%s, by %s)\n", text_of(s, "txn", "?"),
                      out_colour(c, outcome), outcome, out_plain(c),
                      fen_text(json_integer_value(json_object_get(s, "amount_fen")), fen),
                      text_of(s, "evidence", "?"));
    }
}

static void why_line(struct ctl *c, const json_t *r)
{
    const char *zh = text_of(r, "reason_zh", ""), *detail = text_of(r, "detail", "");
    (void)fprintf(c->out, "  %-15s", "reason");
    out_text(c->out, text_of(r, "reason_text", ""));
    (void)fprintf(c->out, " (%s)", text_of(r, "reason", "unknown"));
    if (c->zh && *zh != '\0')
        (void)fprintf(c->out, " %s", zh);
    (void)fputc('\n', c->out);
    if (*detail != '\0') {
        (void)fprintf(c->out, "  %-15s", "");
        out_text(c->out, detail);
        (void)fputc('\n', c->out);
    }
}

static void headline(struct ctl *c, const json_t *r, const char *outcome)
{
    char fen[FEN_TEXT];
    int64_t amount = json_integer_value(json_object_get(r, "amount_fen"));
    const char *shown = strcmp(outcome, "in_doubt") == 0 ? "IN DOUBT" : outcome;
    (void)fprintf(c->out, "%s%s%s  ", out_colour(c, outcome), shown, out_plain(c));
    out_text(c->out, text_of(r, "service", ""));
    if (amount != 0)
        (void)fprintf(c->out, "  %s yuan", fen_text(amount, fen));
    (void)fputc('\n', c->out);
}

void run_print(struct ctl *c, const json_t *r)
{
    const char *outcome = text_of(r, "outcome", "unknown"), *txn = text_of(r, "txn", "");
    const json_t *reply = json_object_get(r, "reply");
    if (c->json) {
        out_json(c->out, r);
        return;
    }
    headline(c, r, outcome);
    if (strcmp(outcome, "posted") != 0)
        why_line(c, r);
    line(c, "transaction", r, "txn", OUT_TEXT);
    line(c, "card", r, "card|serial", OUT_TEXT);
    line(c, "balance", r, "balance_fen", OUT_FEN);
    line(c, "PIN", r, "pin", OUT_TEXT);
    line(c, "PIN tries left", r, "pin_tries_left", OUT_INT);
    settled_lines(c, r);
    if (json_object_size(reply) > 0) {
        (void)fputs("  answer:\n", c->out);
        out_object(c, reply, 4);
    }
    if (strcmp(outcome, "in_doubt") == 0 && *txn != '\0')
        (void)fprintf(
            c->out,
            "  Do not charge again. The next tap of this card at any terminal settles it: "
            "onecardctl doubt show %s\n",
            txn);
}

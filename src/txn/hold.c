/* The hold at an institution (R12): asked when the intent is durable, before any card command; what
 * it answered is durable before anything else goes on.
 *
 *   the institution …                            hold row   transaction
 *   holds it, and the answer is as expected      HELD       goes on
 *   holds it, but answers something else         HELD       VOIDED upstream_refused, reversal due
 *   refuses                                      REFUSED    VOIDED upstream_refused
 *   was not reached: nothing was sent            REFUSED    VOIDED upstream_away
 *   did not answer, or not in words              UNKNOWN    VOIDED upstream_away, reversal due
 *   answered, and the store fails                as it was  INTENDED until store or restart end it
 *
 * Never asked twice: what came of the first question is found out by reversing it. */
#include "txn/dialogue.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define TRIES    4
#define PAUSE_MS 500

static void PRINTF_FN(4, 5)
    say(struct hold_answer *a, enum hold_state to, enum oc_reason reason, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(a->note, sizeof a->note, fmt, ap);
    va_end(ap);
    text_trim_utf8(a->note);
    a->to = (uint8_t)to;
    a->reason = reason;
}

/* ---- what it answered ---- */

static bool is_reference(const char *s)
{
    size_t len = strlen(s);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)s[i] < ' ' || s[i] == 0x7F)
            return false;
    return len < sizeof((struct hold_answer *)NULL)->reference;
}

static json_t *parse(const char *text, size_t len)
{
    return text_depth_ok(text, len, TEXT_DEPTH_MAX)
               ? json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL)
               : NULL;
}

/* The first member that did not come back as it was expected; NULL: all did. */
static const char *differs(const json_t *expect, const json_t *document)
{
    const char *key;
    json_t *value, *all;
    memcpy(&all, &expect, sizeof all); /* jansson iterates over what is not const */
    json_object_foreach(all, key, value)
    {
        if (!json_equal(value, json_object_get(document, key)))
            return key;
    }
    return NULL;
}

static void held(const struct op_hold_plan *h, const json_t *body, struct hold_answer *a)
{
    const json_t *reference = json_object_get(body, "reference");
    const char *text = reference == NULL ? "" : json_string_value(reference);
    if (text == NULL || !is_reference(text)) {
        say(a, HOLD_UNKNOWN, OC_R_UPSTREAM_AWAY, "it holds, with a reference that is none");
        return;
    }
    say(a, HOLD_HELD, OC_R_NONE, "%s", "");
    (void)snprintf(a->reference, sizeof a->reference, "%s", text);
    if (h->expect.len == 0)
        return;
    json_t *expect = parse(h->expect.text, h->expect.len);
    const char *key = expect != NULL ? differs(expect, json_object_get(body, "document")) : "?";
    if (key != NULL)
        say(a, HOLD_HELD, OC_R_UPSTREAM_REFUSED, "it answered another %.40s than was asked", key);
    json_decref(expect);
}

static void refused(const json_t *body, struct hold_answer *a)
{
    const char *reason = json_string_value(json_object_get(body, "reason"));
    const char *detail = json_string_value(json_object_get(body, "detail"));
    say(a, HOLD_REFUSED, OC_R_UPSTREAM_REFUSED, "%.40s%s%.80s", reason != NULL ? reason : "",
        reason != NULL && detail != NULL ? ": " : "", detail != NULL ? detail : "");
}

void hold_read_answer(const struct op_hold_plan *h, int status, const char *text, size_t len,
                      struct hold_answer *ret)
{
    json_t *root = parse(text, len);
    const json_t *yes = json_object_get(root, "held"), *no = json_object_get(root, "refused");
    memset(ret, 0, sizeof *ret);
    if (status == 200 && json_is_object(yes) && no == NULL)
        held(h, yes, ret);
    else if ((status == 200 || (status >= 400 && status < 500)) && json_is_object(no) &&
             yes == NULL)
        refused(no, ret);
    else
        say(ret, HOLD_UNKNOWN, OC_R_UPSTREAM_AWAY,
            "it answered %d in words that are not the protocol's", status);
    json_decref(root);
}

/* ---- asking ---- */

static char *question(int64_t txn, const struct op_hold_plan *h, size_t *ret_len)
{
    char id[IDENT_TEXT];
    struct buf b;
    size_t cap = h->doc.len + 256 + 6 * sizeof h->kind;
    char *mem = arena_alloc(flow_arena(), cap);
    if (mem == NULL)
        return NULL;
    buf_over(&b, mem, cap - 1);
    (void)ident_text(txn, id);
    buf_printf(&b, "{\"id\":\"%s\",\"kind\":", id);
    plan_json_text(&b, h->kind);
    buf_printf(&b, ",\"amount_fen\":%lld,\"txn\":\"%s\",\"document\":", (long long)h->amount, id);
    if (h->doc.len > 0)
        buf_put(&b, h->doc.text, h->doc.len);
    else
        buf_puts(&b, "{}");
    buf_puts(&b, "}");
    *ret_len = b.len;
    return b.err == 0 ? mem : NULL;
}

static CO_FN void ask(struct dialogue *d, int64_t txn, struct hold_answer *ret)
{
    struct op_hold_plan clear = d->hold;
    const struct op_hold_plan *h = &clear;
    clear.doc = d->say;
    clear.expect = d->expect;
    char key[SIGNED_KEY_MAX + 1], id[IDENT_TEXT];
    struct upstream_answer answer;
    size_t len = 0;
    char *body = question(txn, h, &len);
    (void)snprintf(key, sizeof key, "hold-%s", ident_text(txn, id));
    int rc = body == NULL ? OC_ENOMEM
                          : upstream_co_post(d->env->upstream, h->to, "hold", key, body, len,
                                             FLOW_FOREVER, flow_arena(), &answer);
    if (rc == 0) {
        hold_read_answer(h, answer.status, answer.body, answer.len, ret);
        return;
    }
    bool unsent = upstream_unsent(rc);
    *ret = (struct hold_answer){.to = (uint8_t)(unsent ? HOLD_REFUSED : HOLD_UNKNOWN),
                                .reason = OC_R_UPSTREAM_AWAY};
    char text[256];
    (void)snprintf(text, sizeof text, "%.31s: %.60s%s%.80s", h->to, oc_strerror(rc),
                   unsent ? "; nothing was sent. " : ". ", upstream_why(d->env->upstream, h->to));
    (void)snprintf(ret->note, sizeof ret->note, "%.127s", text);
    text_trim_utf8(ret->note);
}

static CO_FN int write_answer(struct dialogue *d, int64_t txn, const struct hold_answer *a)
{
    int rc = OC_EINTERNAL;
    for (int i = 0; i < TRIES; i++) {
        struct op_hold *o = &dialogue_op(d, LOP_HOLD)->hold;
        o->txn = txn;
        o->to = a->to;
        memcpy(o->reference, a->reference, sizeof o->reference);
        memcpy(o->note, a->note, sizeof o->note);
        rc = dialogue_co_submit(d);
        if (rc == 0 || rc == OC_ESTATE || rc == OC_ENOENT || rc == OC_EINVAL)
            break;
        char id[IDENT_TEXT];
        log_error("txn", "hold's answer not written txn=%s err=%d (%s), try %d",
                  ident_text(txn, id), rc, oc_strerror(rc), i + 1);
        if (i + 1 < TRIES && flow_co_sleep_ms(PAUSE_MS) != 0)
            break;
    }
    return rc;
}

int hold_check(struct dialogue *d, const struct op_hold_plan *h)
{
    if (h->to[0] == '\0' || upstream_has(d->env->upstream, h->to))
        return 0;
    return dialogue_refuse(d, OC_R_UPSTREAM_AWAY, "there is no route to %s", h->to);
}

/* The transaction has not begun at the card: it ends here. */
static CO_FN int give_up(struct dialogue *d, int64_t txn, enum oc_reason why, const char *note)
{
    int rc = outcome_co_not_sent(d, txn, why, note);
    if (rc != 0) /* no card can tell: recover.c ends it */
        (void)snprintf(d->res->detail, sizeof d->res->detail,
                       "the ledger could not take the outcome: it is undone as soon as it can");
    return OC_EREFUSED;
}

int hold_co_ask(struct dialogue *d, int64_t txn)
{
    if (d->hold.to[0] == '\0')
        return 0;
    char note[128];
    struct hold_answer *a = arena_alloc(flow_arena(), sizeof *a);
    if (a == NULL)
        return give_up(d, txn, OC_R_BUSY, "no memory to ask for the hold: nothing was sent");
    timing_wait(d);
    ask(d, txn, a);
    timing_waited(d, false);
    if (d->session != NULL) /* the institution took of the time that the card command had */
        d->session->deadline_ns = flow_deadline_ms(COMMAND_WITHIN_MS);
    int rc = write_answer(d, txn, a);
    if (rc == 0 && a->reason == OC_R_NONE)
        return 0;
    if (rc != 0) {
        a->reason = OC_R_STORE;
        (void)snprintf(a->note, sizeof a->note, "the answer of %s could not be written: %s",
                       d->hold.to, oc_strerror(rc));
    }
    memcpy(note, a->note, sizeof note);
    return give_up(d, txn, a->reason, note);
}

int hold_co_execute(struct dialogue *d, const struct op_intent *in)
{
    int rc = hold_co_ask(d, in->txn);
    if (rc != 0)
        return 0; /* how it ended is in the result */
    struct op_outcome *o = outcome_begin(d, in->txn, OC_TXN_POSTED, EV_ANSWER);
    memcpy(o->reply, in->reply, sizeof o->reply);
    if (outcome_co_write(d) != 0)
        (void)snprintf(d->res->detail, sizeof d->res->detail,
                       "the ledger could not take the outcome: it is undone as soon as it can");
    return 0;
}

void hold_tell_outbox(const struct dialogue *d)
{
    if (d->hold.to[0] != '\0')
        txn_outbox_kick(d->env, d->hold.to);
    for (unsigned i = 0; i < d->tell_count; i++)
        txn_outbox_kick(d->env, d->tell[i]);
}

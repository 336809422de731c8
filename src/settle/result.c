/* The bank's result file, line by line (R18): what is paid is posted, once; what came back 退汇 or
 * failed is booked and opens the item anew. Which line may follow which state is one table. */
#include "settle/item.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct applying {
    struct settle_env *env;
    const char *file;
    struct settle_line *line;
    struct settle_item item;
    struct settle_group group;
    uint32_t item_version, group_version;
};

static int PRINTF_FN(2, 3) refuse(struct applying *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(a->line->why, sizeof a->line->why, fmt, ap);
    va_end(ap);
    a->line->outcome = LINE_REFUSED;
    return 0;
}

/* ---- what is asked of a line ---- */

static bool text_ok(const char *s, size_t cap)
{
    size_t left = strnlen(s, cap);
    if (left == cap)
        return false;
    while (left > 0) {
        size_t len = text_utf8_len(s, left);
        if (len == 0 || (unsigned char)*s < 0x20 || *s == 0x7f)
            return false;
        s += len;
        left -= len;
    }
    return true;
}

static bool form_ok(struct applying *a)
{
    const struct settle_line *l = a->line;
    if (!text_ok(l->reference, sizeof l->reference) || l->reference[0] == '\0')
        return refuse(a, "the bank's reference is 1 to %d bytes of text", SETTLE_REFERENCE - 1),
               false;
    if (!text_ok(l->reason, sizeof l->reason))
        return refuse(a, "the reason is at most %d bytes of text", SETTLE_REASON - 1), false;
    if (!date_valid(l->on))
        return refuse(a, "the date is none"), false;
    if (settle_item_parse(l->item, &a->item.id) != 0)
        return refuse(a, "\"%.60s\" is no item: such as 2026-11-21/busco/m/1", l->item), false;
    return true;
}

static bool fits(struct applying *a)
{
    const struct settle_line *l = a->line;
    char said[FEN_TEXT], is[FEN_TEXT];
    if (strcmp(l->payee, a->item.id.payee) != 0)
        return refuse(a, "the payee of %s is %s, not %.31s", l->item, a->item.id.payee, l->payee),
               false;
    if (l->amount != a->item.amount)
        return refuse(a, "%s is of %s yuan, not %s", l->item, fen_text(a->item.amount, is),
                      fen_text(l->amount, said)),
               false;
    return true;
}

/* ---- bookings ---- */

static void say(struct applying *a, struct booking *b, struct settle_said *to)
{
    const struct settle_line *l = a->line;
    booking_number(b, a->item.id.group, &a->group);
    *to = (struct settle_said){.number = b->op.intent.request_no, .on = l->on};
    memcpy(to->reference, l->reference, sizeof to->reference);
    memcpy(to->reason, l->reason, sizeof to->reason);
    (void)snprintf(to->file, sizeof to->file, "%s", a->file);
}

static void move(struct booking *b, const struct settle_item *it, fen_t amount)
{
    booking_leg(b, (enum acct_kind)it->id.account, it->id.payee, -amount);
    booking_leg(b, ACCT_RESERVE, "", amount);
}

static int co_submit(struct applying *a, struct booking *b) CO_FN;
static int co_submit(struct applying *a, struct booking *b)
{
    int rc = booking_co_submit(a->env, b);
    if (rc == 0) {
        a->line->outcome = LINE_DONE;
        a->line->txn = b->op.intent.txn;
    } else if (rc == OC_EREFUSED || rc == OC_EEXIST || rc == OC_ECONFLICT) {
        rc = refuse(a, "not booked: %s",
                    *b->op.detail ? b->op.detail : "it changed meanwhile, bring the file again");
    }
    free(b);
    return rc;
}

/* OPEN → PAID: against the reserve account 备付金 (R19). */
static int co_pay(struct applying *a) CO_FN;
static int co_pay(struct applying *a)
{
    struct booking *b = booking_new(a->env, LEDGER_HOUSE "paid", a->item.amount);
    if (!b)
        return OC_ENOMEM;
    move(b, &a->item, a->item.amount);
    a->item.state = ITEM_PAID;
    say(a, b, &a->item.paid);
    a->group.open--;
    booking_item(b, &a->item, a->item_version);
    booking_group(b, a->item.id.group, &a->group, a->group_version);
    return co_submit(a, b);
}

/* The next attempt's row, behind the one that ended. */
static bool add_again(struct applying *a, struct booking *b)
{
    struct settle_item again = {.id = a->item.id, .amount = a->item.amount, .state = ITEM_OPEN};
    if (++again.id.attempt > SETTLE_ATTEMPTS)
        return refuse(a, "%s was tried %d times: pay it outside and say so", a->line->item,
                      SETTLE_ATTEMPTS),
               false;
    booking_item(b, &again, 0);
    return true;
}

static int co_end(struct applying *a, struct booking *b, const char *event) CO_FN;
static int co_end(struct applying *a, struct booking *b, const char *event)
{
    say(a, b, &a->item.back);
    a->group.items++;
    booking_item(b, &a->item, a->item_version);
    booking_group(b, a->item.id.group, &a->group, a->group_version);
    booking_event(b, event, "%s: %s", a->line->item, a->line->reference);
    if (!add_again(a, b)) {
        free(b);
        return 0;
    }
    return co_submit(a, b);
}

/* PAID → RETURNED 退汇: what was posted is posted back, linked to it. */
static int co_return (struct applying *a) CO_FN;
static int co_return (struct applying *a)
{
    int64_t paid = 0;
    int rc = settle_co_booking(a->env, &a->item.paid, &paid);
    if (rc)
        return rc == OC_ENOENT ? OC_EBOOKS : rc;
    struct booking *b = booking_new(a->env, LEDGER_HOUSE "returned", a->item.amount);
    if (!b)
        return OC_ENOMEM;
    move(b, &a->item, -a->item.amount);
    b->op.intent.link = paid;
    a->item.state = ITEM_RETURNED;
    a->group.open++;
    a->group.returned++;
    return co_end(a, b, "payment_returned");
}

/* OPEN → FAILED: the bank never paid it, so nothing is posted. */
static int co_fail(struct applying *a) CO_FN;
static int co_fail(struct applying *a)
{
    struct booking *b = booking_new(a->env, LEDGER_HOUSE "failed", 0);
    if (!b)
        return OC_ENOMEM;
    a->item.state = ITEM_FAILED;
    a->group.failed++;
    return co_end(a, b, "payment_failed");
}

/* ---- states ---- */

static int co_same(struct applying *a, const struct settle_said *before) CO_FN;
static int co_same(struct applying *a, const struct settle_said *before)
{
    char day[11];
    if (strcmp(before->reference, a->line->reference) != 0)
        return refuse(a, "%s is %s already: reference %s of %s", a->line->item,
                      settle_state_name((enum settle_state)a->line->result), before->reference,
                      date_text(before->on, day));
    a->line->outcome = LINE_UNCHANGED;
    return 0;
}

static int co_same_paid(struct applying *a) CO_FN;
static int co_same_paid(struct applying *a)
{
    return co_same(a, &a->item.paid);
}

static int co_same_back(struct applying *a) CO_FN;
static int co_same_back(struct applying *a)
{
    return co_same(a, &a->item.back);
}

static int co_never_left(struct applying *a) CO_FN;
static int co_never_left(struct applying *a)
{
    return refuse(a, "%s was never reported paid: a payment that did not leave is \"failed\"",
                  a->line->item);
}

static int co_contradicts(struct applying *a) CO_FN;
static int co_contradicts(struct applying *a)
{
    const struct settle_item *it = &a->item;
    const struct settle_said *last = it->state == ITEM_PAID ? &it->paid : &it->back;
    char day[11], next[SETTLE_ITEM] = "";
    struct settle_item_id again = it->id;
    again.attempt++;
    if (it->state != ITEM_PAID)
        (void)settle_item_text(&again, next);
    return refuse(a, "%s was %s on %s, reference %s%s%s", a->line->item,
                  settle_state_name((enum settle_state)it->state), date_text(last->on, day),
                  last->reference, *next ? ": it goes on as " : "", next);
}

static const struct edge {
    uint8_t from, said;
    int (*co_take)(struct applying *a);
} edges[] = {
    {ITEM_OPEN, ITEM_PAID, co_pay},
    {ITEM_OPEN, ITEM_FAILED, co_fail},
    {ITEM_OPEN, ITEM_RETURNED, co_never_left},
    {ITEM_PAID, ITEM_PAID, co_same_paid},
    {ITEM_PAID, ITEM_RETURNED, co_return },
    {ITEM_PAID, ITEM_FAILED, co_contradicts},
    {ITEM_RETURNED, ITEM_PAID, co_same_paid},
    {ITEM_RETURNED, ITEM_RETURNED, co_same_back},
    {ITEM_RETURNED, ITEM_FAILED, co_contradicts},
    {ITEM_FAILED, ITEM_PAID, co_contradicts},
    {ITEM_FAILED, ITEM_RETURNED, co_contradicts},
    {ITEM_FAILED, ITEM_FAILED, co_same_back},
};

static int co_take(struct applying *a) CO_FN;
static int co_take(struct applying *a)
{
    for (size_t i = 0; i < ARRAY_LEN(edges); i++)
        if (edges[i].from == a->item.state && edges[i].said == a->line->result)
            return edges[i].co_take(a);
    return refuse(a, "the result is paid, returned or failed");
}

static int co_line(struct applying *a) CO_FN;
static int co_line(struct applying *a)
{
    if (!form_ok(a))
        return 0;
    int rc = item_co_load(a->env, &a->item.id, &a->item, &a->item_version);
    if (rc == OC_ENOENT)
        return refuse(a, "there is no item %s", a->line->item);
    if (rc == 0)
        rc = item_co_group(a->env, a->item.id.group, &a->group, &a->group_version);
    if (rc == 0 && a->item.state == ITEM_OPEN && a->group.open == 0)
        rc = OC_EBOOKS; /* the two records contradict each other */
    if (rc == 0 && fits(a))
        rc = co_take(a);
    return rc;
}

int settle_co_results(struct settle_env *env, const char *file, struct settle_line *lines,
                      unsigned n)
{
    char name[SETTLE_REFERENCE];
    struct applying *a = calloc(1, sizeof *a);
    if (!a)
        return OC_ENOMEM;
    if (env->busy) {
        free(a);
        return OC_EBUSY;
    }
    env->busy = true;
    (void)snprintf(name, sizeof name, "%s", text_ok(file, SETTLE_PATH) ? file : "");
    (void)text_trim_utf8(name);
    int rc = 0;
    for (unsigned i = 0; i < n && rc == 0; i++) {
        *a = (struct applying){.env = env, .file = name, .line = &lines[i]};
        rc = co_line(a);
    }
    env->busy = false;
    free(a);
    return rc;
}

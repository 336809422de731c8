/* From the price to the fare. Nothing but arithmetic may live in this file. */
#include "fare.h"

#include <string.h>

static const struct fare_sharing by_operator = {.count = 0};

/* ---- claims ---- */

/* What a claim is worth on that day: its category, or "" outside its days and for those who pay in
 * full anyway. The ledger's is the issuer's latest word; a chip can contradict it, but one that
 * claims nothing, or no longer, only has not been written since. */
static const char *worth(const struct fare_claim *c, int32_t day)
{
    if ((c->from && day < c->from) || (c->until && day > c->until)) {
        return "";
    }
    return strcmp(c->category, "adult") == 0 ? "" : c->category;
}

const char *fare_category(const struct fare_claim *card, const struct fare_claim *ledger,
                          int32_t day, bool *ret_mismatch)
{
    const char *of_card = worth(card, day), *of_ledger = worth(ledger, day);
    *ret_mismatch = *of_card && strcmp(of_card, of_ledger) != 0;
    return *ret_mismatch ? "" : of_ledger;
}

/* ---- what was ridden before ---- */

static fen_t paid_on(const struct fare_sums *s, fare_time at)
{
    return s->day == fare_date(at) ? s->day_fen : 0;
}

static fen_t paid_in_month(const struct fare_sums *s, fare_time at)
{
    return s->month == fare_month(at) ? s->month_fen : 0;
}

const struct fare_own *fare_own(const struct fare_sums *sums, const char *table)
{
    for (int i = 0; i < FARE_OWN_MAX; i++) {
        if (*sums->own[i].table && strcmp(sums->own[i].table, table) == 0) {
            return &sums->own[i];
        }
    }
    return NULL;
}

void fare_own_put(struct fare_sums *sums, const struct fare_own *own)
{
    int at = 0;
    for (int i = 0; i < FARE_OWN_MAX; i++) {
        if (strcmp(sums->own[i].table, own->table) == 0) {
            at = i;
            break;
        }
        if (sums->own[i].day < sums->own[at].day) { /* a free one's day is 0 */
            at = i;
        }
    }
    sums->own[at] = *own;
}

static int32_t period_of(const struct fare_concession *c, fare_time at)
{
    int32_t day = fare_date(at);
    return c->per == FARE_PER_DAY ? day : c->per == FARE_PER_MONTH ? day / 100 : day / 10000;
}

static unsigned used_of(const struct fare_concession *c, const struct fare_sums *s, fare_time at)
{
    return s->quota_period == period_of(c, at) ? s->quota_used : 0;
}

static int pass_for(const struct fare_table *t, const struct fare_sums *s, fare_time at,
                    fen_t price)
{
    int32_t day = fare_date(at);
    for (int i = 0; i < FARE_HELD_MAX; i++) {
        const struct fare_pass *p = &s->passes[i];
        const struct fare_pass_kind *k =
            *p->id && strcmp(p->table, t->name) == 0 ? fare_pass_kind(t, p->id) : NULL;
        if (k && day >= p->from && day <= p->until && p->left != 0 &&
            (!k->up_to || price <= k->up_to)) {
            return i;
        }
    }
    return -1;
}

/* ---- the steps ---- */

/* The price becomes `to`; what that is less has a bearer. */
static void cut(struct fare *f, enum fare_cut_kind kind, fen_t to, const struct fare_sharing *borne)
{
    if (to < f->citizen && f->cut_count < FARE_CUTS_MAX) {
        f->cuts[f->cut_count++] =
            (struct fare_cut){.kind = kind, .amount = f->citizen - to, .borne = borne};
        f->citizen = to;
    }
}

static fen_t percent_of(fen_t amount, unsigned percent)
{
    return (amount * (fen_t)percent + 50) / 100;
}

static void cut_hours(const struct fare_table *t, const struct fare_ride *r, struct fare *f)
{
    int32_t second = fare_second(r->at);
    for (unsigned i = 0; i < t->hours_count; i++) {
        const struct fare_hours *h = &t->hours[i];
        if ((h->days >> fare_weekday(r->at) & 1) && second >= h->from && second < h->to) {
            cut(f, FARE_CUT_HOURS, percent_of(f->citizen, h->percent), &t->hours_borne);
            return;
        }
    }
}

static void cut_concession(const struct fare_table *t, const struct fare_ride *r,
                           const struct fare_sums *s, struct fare *f)
{
    const struct fare_concession *c = fare_concession(t, r->category ? r->category : "");
    if (!c) {
        return;
    }
    f->applied = c;
    f->quota_over = c->quota && used_of(c, s, r->at) >= c->quota;
    cut(f, FARE_CUT_CONCESSION, percent_of(f->citizen, f->quota_over ? c->beyond : c->percent),
        &c->borne);
}

static void cut_steps(const struct fare_table *t, const struct fare_ride *r,
                      const struct fare_sums *s, struct fare *f)
{
    fen_t paid = paid_in_month(s, r->at);
    unsigned percent = 100;
    for (unsigned i = 0; i < t->step_count && paid > t->steps[i].over; i++) {
        percent = t->steps[i].percent;
    }
    cut(f, FARE_CUT_STEP, percent_of(f->citizen, percent), &t->step_borne);
}

static bool may_transfer(const struct fare_table *t, const struct fare_ride *r,
                         const struct fare_sums *s)
{
    if (!t->transfer.window || !s->last_end || r->at < s->last_end ||
        r->at - s->last_end > t->transfer.window ||
        (t->transfer.most && s->transfers >= t->transfer.most)) {
        return false;
    }
    if (!t->transfer.same_line && strcmp(s->last_table, t->name) == 0 && r->line &&
        r->line == s->last_line) {
        return false;
    }
    bool fits = t->transfer.after_count == 0;
    for (unsigned i = 0; i < t->transfer.after_count; i++) {
        fits = fits || strcmp(t->transfer.after[i], s->last_table) == 0;
    }
    return fits;
}

static void cut_transfer(const struct fare_table *t, const struct fare_ride *r,
                         const struct fare_sums *s, struct fare *f)
{
    if (!may_transfer(t, r, s)) {
        return;
    }
    fen_t to = t->transfer.off ? f->citizen - t->transfer.off
                               : percent_of(f->citizen, 100 - t->transfer.percent);
    unsigned before = f->cut_count;
    cut(f, FARE_CUT_TRANSFER, to > 0 ? to : 0, &t->transfer.borne);
    f->transfer = f->cut_count > before;
}

static void cut_caps(const struct fare_table *t, const struct fare_ride *r,
                     const struct fare_sums *s, struct fare *f)
{
    static const struct fare_own none = {.day = 0};
    const struct fare_own *own = fare_own(s, t->name);
    own = own ? own : &none;
    fen_t left = f->citizen;
    fen_t today = own->day == fare_date(r->at) ? own->day_fen : 0;
    fen_t in_month = own->month == fare_month(r->at) ? own->month_fen : 0;
    fen_t day = t->day_cap - (t->caps_shared ? paid_on(s, r->at) : today);
    fen_t month = t->month_cap - (t->caps_shared ? paid_in_month(s, r->at) : in_month);
    if (t->day_cap && day < left) {
        left = day;
    }
    if (t->month_cap && month < left) {
        left = month;
    }
    cut(f, FARE_CUT_CAP, left > 0 ? left : 0, &t->cap_borne);
}

bool fare_quote(const struct fare_table *t, const struct fare_ride *ride,
                const struct fare_sums *sums, struct fare *ret)
{
    struct fare f = {.pass = -1, .surcharge = ride->surcharge};
    fen_t price = ride->price;
    if (!ride->priced && !fare_base(t, ride->line, ride->from, ride->to, &price)) {
        return false;
    }
    f.gross = f.citizen = price;
    if (!ride->plain) {
        f.pass = pass_for(t, sums, ride->at, price);
        if (f.pass >= 0) {
            cut(&f, FARE_CUT_PASS, 0, &fare_pass_kind(t, sums->passes[f.pass].id)->borne);
        } else {
            cut_hours(t, ride, &f);
            cut_concession(t, ride, sums, &f);
            cut_steps(t, ride, sums, &f);
            cut_transfer(t, ride, sums, &f);
            cut_caps(t, ride, sums, &f);
        }
    }
    f.gross += ride->surcharge;
    f.citizen += ride->surcharge;
    *ret = f;
    return true;
}

/* ---- what has been ridden after it ---- */

/* A ride that began on an earlier day than the last one counted (a night's journey after a bus ride
 * past midnight) adds nothing to the later day. */
static void count_paid(const struct fare_ride *r, fen_t paid, int32_t *of_day, fen_t *day_fen,
                       int32_t *of_month, fen_t *month_fen)
{
    int32_t day = fare_date(r->at), month = day / 100;
    if (day > *of_day) {
        *of_day = day;
        *day_fen = 0;
    }
    if (month > *of_month) {
        *of_month = month;
        *month_fen = 0;
    }
    *day_fen += *of_day == day ? paid : 0;
    *month_fen += *of_month == month ? paid : 0;
}

/* Of a table that caps what is paid by itself. */
static void count_own(const struct fare_table *t, const struct fare_ride *r, fen_t paid,
                      struct fare_sums *s)
{
    const struct fare_own *had = fare_own(s, t->name);
    struct fare_own own = {.day = 0};
    if (t->caps_shared || (!t->day_cap && !t->month_cap)) {
        return;
    }
    if (had) {
        own = *had;
    }
    strcpy(own.table, t->name);
    count_paid(r, paid, &own.day, &own.day_fen, &own.month, &own.month_fen);
    fare_own_put(s, &own);
}

static void count_quota(const struct fare_ride *r, const struct fare *f, struct fare_sums *s)
{
    const struct fare_concession *c = f->applied;
    if (!c || !c->quota || f->quota_over) {
        return;
    }
    s->quota_used = used_of(c, s, r->at) + 1;
    s->quota_period = period_of(c, r->at);
}

void fare_count(const struct fare_table *t, const struct fare_ride *ride, const struct fare *f,
                struct fare_sums *sums)
{
    if (ride->plain) {
        return;
    }
    fen_t paid = f->citizen - f->surcharge;
    count_paid(ride, paid, &sums->day, &sums->day_fen, &sums->month, &sums->month_fen);
    count_own(t, ride, paid, sums);
    count_quota(ride, f, sums);
    sums->transfers = f->transfer ? sums->transfers + 1 : 0;
    sums->last_end = ride->end;
    sums->last_line = ride->line;
    strcpy(sums->last_table, t->name);
    if (f->pass >= 0 && sums->passes[f->pass].left > 0) {
        sums->passes[f->pass].left--;
    }
}

/* ---- who bears what ---- */

fen_t fare_cut_of(const struct fare *f, enum fare_cut_kind kind)
{
    fen_t sum = 0;
    for (unsigned i = 0; i < f->cut_count; i++) {
        sum += f->cuts[i].kind == kind ? f->cuts[i].amount : 0;
    }
    return sum;
}

const char *fare_cut_name(enum fare_cut_kind kind)
{
    static const char *const names[] = {"",         "hours", "concession", "steps",
                                        "transfer", "cap",   "pass"};
    return names[kind];
}

bool fare_leg_add(struct fare_leg legs[FARE_LEGS_MAX], unsigned *count, const char *owner,
                  bool bearer, fen_t amount)
{
    if (amount == 0) {
        return true;
    }
    for (unsigned i = 0; i < *count; i++) {
        if (legs[i].bearer == bearer && (legs[i].amount > 0) == (amount > 0) &&
            strcmp(legs[i].owner, owner) == 0) {
            legs[i].amount += amount;
            return true;
        }
    }
    if (*count == FARE_LEGS_MAX) {
        return false;
    }
    struct fare_leg *leg = &legs[(*count)++];
    strcpy(leg->owner, owner);
    leg->bearer = bearer;
    leg->amount = amount;
    return true;
}

/* Each share is rounded down, the first one takes what is left over. */
static void borne(const struct fare_cut *c, const char *op, struct fare_leg *legs, unsigned *count)
{
    const struct fare_sharing *s = c->borne->count ? c->borne : &by_operator;
    fen_t left = c->amount;
    for (unsigned i = s->count; i > 1; i--) {
        const struct fare_share *share = &s->items[i - 1];
        fen_t part = c->amount * (fen_t)share->percent / 100;
        const char *owner = *share->owner ? share->owner : op;
        if (fare_leg_add(legs, count, owner, share->bearer, -part)) {
            left -= part;
        }
    }
    const char *first = s->count && *s->items[0].owner ? s->items[0].owner : op;
    if (!fare_leg_add(legs, count, first, s->count && s->items[0].bearer, -left)) {
        legs[0].amount -= left; /* the operator's own: always the first leg */
    }
}

unsigned fare_legs(const struct fare *f, const char *op, struct fare_leg ret[FARE_LEGS_MAX])
{
    unsigned count = 0;
    fare_leg_add(ret, &count, op, false, f->gross);
    for (unsigned i = 0; i < f->cut_count; i++) {
        borne(&f->cuts[i], op, ret, &count);
    }
    return count;
}

bool fare_percent(const char *text, unsigned *ret_percent)
{
    if (strcmp(text, "free") == 0) {
        *ret_percent = 0;
        return true;
    }
    unsigned n = 0;
    size_t digits = strspn(text, "0123456789");
    for (size_t i = 0; i < digits && n <= 100; i++) {
        n = n * 10 + (unsigned)(text[i] - '0');
    }
    bool ends = !text[digits] || (text[digits] == '%' && !text[digits + 1]);
    if (digits == 0 || n > 100 || !ends) {
        return false;
    }
    *ret_percent = n;
    return true;
}

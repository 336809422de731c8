/* See split.h: the steps stand in the order in which the money is taken, one function each. */
#include "split.h"

#include <onecard/err.h>
#include <onecard/module.h>

#include <string.h>

static fen_t least(fen_t a, fen_t b)
{
    return a < b ? a : b;
}

static fen_t above_zero(fen_t a)
{
    return a > 0 ? a : 0;
}

/* What a ceiling leaves; 0 means that there is none. */
static fen_t room(fen_t ceiling, fen_t used, fen_t wanted)
{
    return ceiling == 0 ? wanted : least(wanted, above_zero(ceiling - used));
}

fen_t split_part_of(fen_t amount, int32_t share)
{
    return (amount * share + SPLIT_WHOLE / 2) / SPLIT_WHOLE;
}

int32_t split_year(int32_t date, int32_t starts)
{
    return date / 10000 - (date % 10000 < starts ? 1 : 0);
}

void split_used_add(struct split_used *y, const struct split_used *d, int sign)
{
    for (int k = 0; k < SPLIT_KINDS; k++) {
        y->deductible[k] = above_zero(y->deductible[k] + sign * d->deductible[k]);
        y->fund[k] = above_zero(y->fund[k] + sign * d->fund[k]);
    }
    y->serious_base = above_zero(y->serious_base + sign * d->serious_base);
    y->serious = above_zero(y->serious + sign * d->serious);
    y->civil = above_zero(y->civil + sign * d->civil);
    y->assistance = above_zero(y->assistance + sign * d->assistance);
    y->admissions = above_zero(y->admissions + sign * d->admissions);
}

int32_t split_share(const struct split_rules *r, const struct split_bill *b,
                    enum split_status status, unsigned *ret_row)
{
    for (unsigned i = 0; i < r->ratio_count; i++) {
        const struct split_ratio *q = &r->ratios[i];
        if ((q->kind == SPLIT_ANY || q->kind == (int)b->kind) &&
            (q->level == SPLIT_ANY || q->level == b->level) &&
            (q->status == SPLIT_ANY || q->status == (int)status) &&
            (q->referral == SPLIT_ANY || q->referral == (int)b->referral)) {
            if (ret_row) {
                *ret_row = i;
            }
            return q->share;
        }
    }
    return -1;
}

/* ---- giving a sum to the lines -----------------------------------------------------------------
 */

/* Nobody gets more than his weight as long as the sum is not more than all weights, because a line
 * without a remainder gets none of the odd fen. */
static void odd_fen(struct split_deal *d, size_t n, fen_t left)
{
    while (left > 0) {
        size_t best = n;
        for (size_t i = 0; i < n; i++) {
            if (d->remainder[i] > 0 && (best == n || d->remainder[i] > d->remainder[best])) {
                best = i;
            }
        }
        if (best == n) {
            return;
        }
        d->share[best]++;
        d->remainder[best] = 0;
        left--;
    }
}

static void deal_out(struct split_deal *d, size_t n, fen_t sum)
{
    fen_t all = 0, given = 0;
    for (size_t i = 0; i < n; i++) {
        all += d->weight[i];
    }
    for (size_t i = 0; i < n; i++) {
        /* at most 1e9 × 1e9: fits */
        d->share[i] = all > 0 ? sum * d->weight[i] / all : 0;
        d->remainder[i] = all > 0 ? sum * d->weight[i] % all : 0;
        given += d->share[i];
    }
    odd_fen(d, n, sum - given);
}

/* What of a line's in-scope expense nobody has paid yet. */
static fen_t rest_of(const struct split_part *p)
{
    return p->in_scope - p->fund - p->serious - p->civil - p->assistance;
}

static fen_t patient_of(const struct split_part *p)
{
    return p->amount - p->fund - p->serious - p->civil - p->assistance;
}

typedef fen_t weight_fn(const struct split_part *p);

static fen_t fund_weight(const struct split_part *p)
{
    return p->in_scope - p->deductible;
}

static fen_t personal_rest(const struct split_part *p)
{
    return rest_of(p) - p->personal - p->family;
}

static fen_t patient_rest(const struct split_part *p)
{
    return patient_of(p) - p->personal - p->family;
}

static fen_t *member(struct split_part *p, size_t offset)
{
    return (fen_t *)(void *)((char *)p + offset);
}

static void to_lines(struct split_result *r, size_t n, fen_t sum, weight_fn *weight, size_t offset)
{
    struct split_deal *d = &r->deal;
    for (size_t i = 0; i < n; i++) {
        d->weight[i] = weight(&r->lines[i]);
    }
    deal_out(d, n, sum);
    for (size_t i = 0; i < n; i++) {
        *member(&r->lines[i], offset) += d->share[i];
    }
    *member(&r->total, offset) += sum;
}

/* ---- the steps ----------------------------------------------------------------------------------
 */

static void scope_line(const struct split_line *l, struct split_part *p)
{
    p->amount = l->amount;
    if (l->cls == SPLIT_CLASS_C) {
        p->excluded = l->amount;
        return;
    }
    fen_t allowed = l->limit < 0 ? l->amount : least(l->amount, l->limit);
    p->over_limit = l->amount - allowed;
    p->own_first = l->cls == SPLIT_CLASS_B ? split_part_of(allowed, l->own_first) : 0;
    p->in_scope = allowed - p->own_first;
}

static int scope(const struct split_bill *b, struct split_result *r)
{
    for (size_t i = 0; i < b->line_count; i++) {
        const struct split_line *l = &b->lines[i];
        struct split_part *p = &r->lines[i];
        if (l->amount <= 0 || l->own_first < 0 || l->own_first > SPLIT_WHOLE) {
            return OC_EINVAL;
        }
        if (l->amount > ONECARD_AMOUNT_MAX - r->total.amount) {
            return OC_ELIMIT;
        }
        scope_line(l, p);
        r->total.amount += p->amount;
        r->total.over_limit += p->over_limit;
        r->total.own_first += p->own_first;
        r->total.excluded += p->excluded;
        r->total.in_scope += p->in_scope;
    }
    return 0;
}

static int32_t nth(const struct split_deductible *d, int64_t ordinal)
{
    if (d->again_count == 0) {
        return SPLIT_WHOLE;
    }
    int64_t i = ordinal - 1;
    return d->again[i < (int64_t)d->again_count ? i : (int64_t)d->again_count - 1];
}

static fen_t deductible_left(const struct split_rules *rules, const struct split_insured *who,
                             const struct split_used *year, const struct split_bill *b,
                             struct split_result *r)
{
    const struct split_deductible *d = &rules->deductible[b->kind];
    fen_t whole = d->level[who->status][b->level - 1];
    if (!d->by_admission) {
        return above_zero(whole - year->deductible[b->kind]);
    }
    if (r->admission.ordinal == 0) {
        r->admission.ordinal = year->admissions + 1;
        r->used.admissions = 1;
    }
    return above_zero(split_part_of(whole, nth(d, r->admission.ordinal)) - r->admission.deductible);
}

/* In the order of the lines: the first ones bear it. */
static void take_deductible(const struct split_rules *rules, const struct split_bill *b,
                            struct split_result *r, fen_t left)
{
    for (size_t i = 0; i < b->line_count; i++) {
        struct split_part *p = &r->lines[i];
        p->deductible = least(p->in_scope, left);
        left -= p->deductible;
        r->total.deductible += p->deductible;
    }
    if (rules->deductible[b->kind].by_admission) {
        r->admission.deductible += r->total.deductible;
    } else {
        r->used.deductible[b->kind] = r->total.deductible;
    }
}

static fen_t fund_used(const struct split_used *year)
{
    fen_t all = 0;
    for (int k = 0; k < SPLIT_KINDS; k++) {
        all += year->fund[k];
    }
    return all;
}

static void take_fund(const struct split_rules *rules, const struct split_used *year,
                      const struct split_bill *b, struct split_result *r)
{
    fen_t wanted = split_part_of(r->total.in_scope - r->total.deductible, r->share);
    fen_t fund = room(rules->ceiling[b->kind], year->fund[b->kind], wanted);
    fund = room(rules->ceiling_all, fund_used(year), fund);
    r->over_ceiling = wanted - fund;
    r->used.fund[b->kind] = fund;
    to_lines(r, b->line_count, fund, fund_weight, offsetof(struct split_part, fund));
}

/* What serious-illness insurance pays in a year whose own in-scope expense is `base`. */
static fen_t serious_of(const struct split_rules *rules, fen_t base)
{
    fen_t parts = 0; /* in hundredths of a percent of a fen */
    for (unsigned i = 0; i < rules->serious_count; i++) {
        const struct split_tier *t = &rules->serious[i];
        fen_t end = i + 1 < rules->serious_count ? least(base, t[1].over) : base;
        parts += above_zero(end - t->over) * t->share;
    }
    return parts / SPLIT_WHOLE;
}

static void take_serious(const struct split_rules *rules, const struct split_used *year,
                         const struct split_bill *b, struct split_result *r)
{
    fen_t own = rest_of(&r->total);
    fen_t wanted =
        serious_of(rules, year->serious_base + own) - serious_of(rules, year->serious_base);
    fen_t pays = room(rules->serious_ceiling, year->serious, wanted);
    r->used.serious_base = own;
    r->used.serious = pays;
    to_lines(r, b->line_count, pays, rest_of, offsetof(struct split_part, serious));
}

static void take_civil(const struct split_rules *rules, const struct split_insured *who,
                       const struct split_used *year, size_t n, struct split_result *r)
{
    if (!who->civil) {
        return;
    }
    fen_t pays = room(rules->civil_ceiling, year->civil,
                      split_part_of(rest_of(&r->total), rules->civil_share));
    r->used.civil = pays;
    to_lines(r, n, pays, rest_of, offsetof(struct split_part, civil));
}

static void take_assistance(const struct split_rules *rules, const struct split_insured *who,
                            const struct split_used *year, size_t n, struct split_result *r)
{
    for (unsigned i = 0; i < rules->aid_count && who->aid[0]; i++) {
        const struct split_aid *a = &rules->aids[i];
        if (strcmp(a->category, who->aid) == 0) {
            fen_t pays =
                room(a->ceiling, year->assistance, split_part_of(rest_of(&r->total), a->share));
            r->used.assistance = pays;
            to_lines(r, n, pays, rest_of, offsetof(struct split_part, assistance));
            return;
        }
    }
}

/* Accounts of people: their own first, then the family's in the order given. */
static void take_accounts(const struct split_rules *rules, const struct split_bill *b,
                          struct split_result *r)
{
    weight_fn *weight = rules->personal_all ? patient_rest : personal_rest;
    fen_t pays = least(above_zero(b->personal), weight(&r->total));
    to_lines(r, b->line_count, pays, weight, offsetof(struct split_part, personal));
    for (unsigned i = 0; i < b->family_count; i++) {
        r->family[i] = least(above_zero(b->family[i].can), weight(&r->total));
        to_lines(r, b->line_count, r->family[i], weight, offsetof(struct split_part, family));
    }
}

static bool in_range(const struct split_insured *who, const struct split_bill *b)
{
    return b->kind < SPLIT_KINDS && b->level >= 1 && b->level <= SPLIT_LEVELS &&
           b->referral < SPLIT_REFERRALS && who->status < SPLIT_STATUSES && b->line_count > 0 &&
           b->line_count <= SPLIT_LINES_MAX && b->family_count <= SPLIT_FAMILY_MAX;
}

static void take_cash(size_t n, struct split_result *r)
{
    for (size_t i = 0; i < n; i++) {
        r->lines[i].cash = patient_rest(&r->lines[i]);
    }
    r->total.cash = patient_rest(&r->total);
}

int split_bill(const struct split_rules *rules, const struct split_insured *who,
               const struct split_used *year, const struct split_admission *admission,
               const struct split_bill *b, struct split_result *ret)
{
    struct split_result *r = ret;
    if (!in_range(who, b)) {
        return OC_EINVAL;
    }
    memset(r, 0, sizeof(*r));
    r->share = split_share(rules, b, who->status, NULL);
    if (r->share < 0) {
        return OC_ENOENT;
    }
    if (admission) {
        r->admission = *admission;
    }
    int rc = scope(b, r);
    if (rc) {
        return rc;
    }
    take_deductible(rules, b, r, deductible_left(rules, who, year, b, r));
    take_fund(rules, year, b, r);
    take_serious(rules, year, b, r);
    take_civil(rules, who, year, b->line_count, r);
    take_assistance(rules, who, year, b->line_count, r);
    take_accounts(rules, b, r);
    take_cash(b->line_count, r);
    return 0;
}

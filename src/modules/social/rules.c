/* One insurance's rules from its file. What is checked here beyond the form: every combination of
 * kind, level, status and referral has a ratio, no ratio is hidden behind earlier ones, tiers
 * ascend, and whoever pays is named (R14). */
#include "read.h"

#include <string.h>

static const char *const kinds[] = {"outpatient", "inpatient", "chronic", NULL};
static const char *const kinds_any[] = {"outpatient", "inpatient", "chronic", "any", NULL};
static const char *const statuses[] = {"working", "retired", "any", NULL};
static const char *const referrals[] = {"local",     "referred", "unreferred",
                                        "emergency", "any",      NULL};
static const char *const authorities[] = {"here", "upstream", NULL};

static void read_levels(struct reader *r, const struct onecard_doc *d, fen_t to[SPLIT_LEVELS])
{
    if (r->h->doc_count(d) != SPLIT_LEVELS) {
        read_wrong(r, d, "three amounts are wanted: of level 1, 2 and 3");
        return;
    }
    for (size_t i = 0; i < SPLIT_LEVELS; i++) {
        to[i] = read_yuan_of(r, r->h->doc_at(d, i, NULL));
    }
}

static void read_deductible(struct reader *r, const struct onecard_doc *d,
                            struct split_deductible *to)
{
    static const char *const by[] = {"year", "admission", NULL};
    const struct onecard_host *h = r->h;
    if (!d || !read_known(r, d, "by working retired again")) {
        return;
    }
    to->by_admission = read_choice(r, d, "by", by, 0) == 1;
    const struct onecard_doc *working = h->doc_get(d, "working");
    const struct onecard_doc *retired = h->doc_get(d, "retired");
    if (!working) {
        read_wrong(r, d, "\"working\" is missing");
        return;
    }
    read_levels(r, working, to->level[SPLIT_WORKING]);
    read_levels(r, retired ? retired : working, to->level[SPLIT_RETIRED]);
    const struct onecard_doc *again = h->doc_get(d, "again");
    size_t n = h->doc_count(again);
    if (n > SPLIT_AGAIN_MAX || (n > 0 && !to->by_admission)) {
        read_wrong(r, again, "\"again\" has at most %d shares, and belongs to by: admission",
                   SPLIT_AGAIN_MAX);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        to->again[i] = read_share_of(r, h->doc_at(again, i, NULL));
    }
    to->again_count = (unsigned)n;
}

static void read_kinds(struct reader *r, const struct onecard_doc *d, struct split_rules *to)
{
    for (int k = 0; k < SPLIT_KINDS; k++) {
        const struct onecard_doc *kind = r->h->doc_get(d, kinds[k]);
        if (kind && read_known(r, kind, "deductible ceiling")) {
            read_deductible(r, r->h->doc_get(kind, "deductible"), &to->deductible[k]);
            to->ceiling[k] = read_yuan(r, kind, "ceiling", 0);
        }
    }
    to->ceiling_all = read_yuan(r, d, "ceiling", 0);
}

static int any(int word, int any_word)
{
    return word == any_word ? SPLIT_ANY : word;
}

static void read_ratio(struct reader *r, const struct onecard_doc *d, struct split_ratio *to)
{
    if (!read_known(r, d, "kind level status referral share")) {
        return;
    }
    to->kind = any(read_choice(r, d, "kind", kinds_any, SPLIT_KINDS), SPLIT_KINDS);
    to->level = any((int)read_int(r, d, "level", 0, SPLIT_LEVELS, 0), 0);
    to->status = any(read_choice(r, d, "status", statuses, SPLIT_STATUSES), SPLIT_STATUSES);
    to->referral = any(read_choice(r, d, "referral", referrals, SPLIT_REFERRALS), SPLIT_REFERRALS);
    to->share = read_share(r, d, "share", -1);
}

/* Which row each case takes; a case without a row and a row without a case are mistakes. */
static void check_ratios(struct reader *r, const struct onecard_doc *list,
                         const struct split_rules *rules)
{
    bool taken[SPLIT_RATIOS_MAX] = {false};
    unsigned row = 0;
    for (int i = 0; i < SPLIT_KINDS * SPLIT_LEVELS * SPLIT_STATUSES * SPLIT_REFERRALS; i++) {
        struct split_bill b = {.kind = (enum split_kind)(i % SPLIT_KINDS),
                               .level = 1 + i / SPLIT_KINDS % SPLIT_LEVELS};
        int rest = i / (SPLIT_KINDS * SPLIT_LEVELS);
        enum split_status status = (enum split_status)(rest % SPLIT_STATUSES);
        b.referral = (enum split_referral)(rest / SPLIT_STATUSES);
        if (split_share(rules, &b, status, &row) >= 0) {
            taken[row] = true;
        } else {
            read_wrong(r, list, "no ratio for %s, level %d, %s, %s", kinds[b.kind], b.level,
                       statuses[status], referrals[b.referral]);
            return; /* one is enough: there may be dozens */
        }
    }
    for (unsigned i = 0; i < rules->ratio_count; i++) {
        if (!taken[i]) {
            read_wrong(r, r->h->doc_at(list, i, NULL), "never used: the rows above take all of it");
        }
    }
}

static void read_ratios(struct reader *r, const struct onecard_doc *d, struct split_rules *to)
{
    const struct onecard_doc *list = r->h->doc_get(d, "ratios");
    size_t n = r->h->doc_count(list);
    unsigned before = r->mistakes;
    if (n == 0 || n > SPLIT_RATIOS_MAX) {
        read_wrong(r, list ? list : d, "\"ratios\" has 1 to %d rows", SPLIT_RATIOS_MAX);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        read_ratio(r, r->h->doc_at(list, i, NULL), &to->ratios[i]);
    }
    to->ratio_count = (unsigned)n;
    if (r->mistakes == before) {
        check_ratios(r, list, to);
    }
}

static void read_serious(struct reader *r, const struct onecard_doc *d, struct split_rules *to)
{
    if (!d || !read_known(r, d, "tiers ceiling")) {
        return;
    }
    const struct onecard_doc *tiers = r->h->doc_get(d, "tiers");
    size_t n = r->h->doc_count(tiers);
    if (n == 0 || n > SPLIT_TIERS_MAX) {
        read_wrong(r, d, "\"tiers\" has 1 to %d rows", SPLIT_TIERS_MAX);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const struct onecard_doc *t = r->h->doc_at(tiers, i, NULL);
        if (!read_known(r, t, "over share")) {
            continue;
        }
        to->serious[i] =
            (struct split_tier){read_yuan(r, t, "over", -1), read_share(r, t, "share", -1)};
        if (i > 0 && to->serious[i].over <= to->serious[i - 1].over) {
            read_wrong(r, t, "tiers must ascend");
        }
    }
    to->serious_count = (unsigned)n;
    to->serious_ceiling = read_yuan(r, d, "ceiling", 0);
}

static void read_aids(struct reader *r, const struct onecard_doc *list, struct split_rules *to)
{
    size_t n = r->h->doc_count(list);
    if (n > SPLIT_AIDS_MAX) {
        read_wrong(r, list, "\"assistance\" has at most %d rows", SPLIT_AIDS_MAX);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const struct onecard_doc *a = r->h->doc_at(list, i, NULL);
        if (read_known(r, a, "category share ceiling")) {
            read_text(r, a, "category", NULL, to->aids[i].category, sizeof(to->aids[i].category));
            to->aids[i].share = read_share(r, a, "share", -1);
            to->aids[i].ceiling = read_yuan(r, a, "ceiling", 0);
        }
    }
    to->aid_count = (unsigned)n;
}

/* Whoever pays a part has to be named, whatever part the rules give out (R14). */
static void read_funds(struct reader *r, const struct onecard_doc *d, struct social_rules *to)
{
    static const char *const names[FUNDS] = {"basic", "serious", "civil", "assistance", "personal"};
    const struct onecard_doc *funds = r->h->doc_get(d, "funds");
    const bool needed[FUNDS] = {true, to->upstream || to->split.serious_count > 0,
                                to->upstream || to->split.civil_share > 0,
                                to->upstream || to->split.aid_count > 0, to->personal_upstream};
    if (!funds) {
        read_wrong(r, d, "\"funds\" is missing: who pays?");
        return;
    }
    read_known(r, funds, "basic serious civil assistance personal");
    for (int f = 0; f < FUNDS; f++) {
        read_text(r, funds, names[f], needed[f] ? NULL : "", to->fund[f], sizeof(to->fund[f]));
    }
}

static void read_personal(struct reader *r, const struct onecard_doc *d, struct social_rules *to)
{
    static const char *const pays[] = {"in_scope", "all", NULL};
    const struct onecard_doc *p = r->h->doc_get(d, "personal");
    if (p && read_known(r, p, "authority pays")) {
        to->personal_upstream = read_choice(r, p, "authority", authorities, 0) == 1;
        to->split.personal_all = read_choice(r, p, "pays", pays, 0) == 1;
    }
    if (to->personal_upstream && !to->upstream) {
        read_wrong(r, p, "the bureau cannot keep the accounts where the insurance is decided here");
    }
}

static void read_year(struct reader *r, const struct onecard_doc *d, struct social_rules *to)
{
    char text[8];
    const char *v = text;
    read_text(r, d, "year_starts", "01-01", text, sizeof(text));
    if (strlen(v) != 5 || v[2] != '-' || strspn(v, "0123456789") != 2 ||
        strspn(v + 3, "0123456789") != 2) {
        read_wrong(r, r->h->doc_get(d, "year_starts"),
                   "\"year_starts\" is month-day, such as 01-01");
        return;
    }
    to->year_starts = (v[0] - '0') * 1000 + (v[1] - '0') * 100 + (v[3] - '0') * 10 + (v[4] - '0');
    if (date_check(20240000 + to->year_starts)) {
        read_wrong(r, r->h->doc_get(d, "year_starts"), "there is no such day");
    }
}

void read_insurance(struct reader *r, const struct onecard_doc *d, struct social_rules *to)
{
    const struct onecard_doc *civil = r->h->doc_get(d, "civil");
    read_known(r, d,
               "kind insurance title from year_starts authority bureau funds personal "
               "outpatient inpatient chronic ceiling ratios serious civil assistance");
    read_text(r, d, "insurance", NULL, to->insurance, sizeof(to->insurance));
    to->from = read_date(r, d, "from");
    read_year(r, d, to);
    to->upstream = read_choice(r, d, "authority", authorities, 0) == 1;
    read_text(r, d, "bureau", to->upstream ? NULL : "", to->bureau, sizeof(to->bureau));
    read_personal(r, d, to);
    if (!to->upstream) {
        read_kinds(r, d, &to->split);
        read_ratios(r, d, &to->split);
        read_serious(r, r->h->doc_get(d, "serious"), &to->split);
        read_aids(r, r->h->doc_get(d, "assistance"), &to->split);
    }
    if (civil && read_known(r, civil, "share ceiling")) {
        to->split.civil_share = read_share(r, civil, "share", -1);
        to->split.civil_ceiling = read_yuan(r, civil, "ceiling", 0);
    }
    read_funds(r, d, to);
}

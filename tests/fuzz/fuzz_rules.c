/* The bureau's files (rules of insurances, catalogue, hospitals, eligibility), and bills by
 * whatever rules load: the parts of a bill are all of it, none is negative (R13, R14), and taking a
 * bill back leaves the year as it was. */
#include "fuzz_files.h"
#include "modules/social/social.h"

#include "base/base.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_part(const struct split_part *p)
{
    fen_t insured = p->fund + p->serious + p->civil + p->assistance;
    CHECK(p->over_limit >= 0 && p->own_first >= 0 && p->excluded >= 0 && p->in_scope >= 0);
    CHECK(p->deductible >= 0 && p->fund >= 0 && p->serious >= 0 && p->civil >= 0 &&
          p->assistance >= 0 && p->personal >= 0 && p->family >= 0 && p->cash >= 0);
    CHECK(p->over_limit + p->own_first + p->excluded + p->in_scope == p->amount);
    CHECK(p->deductible + p->fund <= p->in_scope && insured <= p->in_scope);
    CHECK(insured + p->personal + p->family + p->cash == p->amount);
}

static void a_bill(struct split_line lines[4], struct split_bill *b)
{
    b->line_count = 1 + fuzz_files_number(4);
    for (size_t i = 0; i < b->line_count; i++)
        lines[i] = (struct split_line){
            .cls = (enum split_class)fuzz_files_number(3),
            .own_first = (int32_t)fuzz_files_number(SPLIT_WHOLE + 1),
            .amount = 1 + (fen_t)fuzz_files_number(10000000),
            .limit = fuzz_files_number(3) == 1 ? (fen_t)fuzz_files_number(100000) : -1};
    b->lines = lines;
    b->kind = (enum split_kind)fuzz_files_number(SPLIT_KINDS);
    b->level = 1 + (int)fuzz_files_number(SPLIT_LEVELS);
    b->referral = (enum split_referral)fuzz_files_number(SPLIT_REFERRALS);
    b->personal = fuzz_files_number(200000);
    b->family_count = fuzz_files_number(3);
    for (unsigned i = 0; i < b->family_count; i++)
        b->family[i].can = fuzz_files_number(100000);
}

static void pay_by(const struct split_rules *rules)
{
    static struct split_result r;
    struct split_insured who = {.status = (enum split_status)fuzz_files_number(SPLIT_STATUSES),
                                .civil = fuzz_files_number(2) == 1};
    struct split_used year = {0}, before;
    struct split_admission admission = {0};
    if (rules->aid_count > 0 && fuzz_files_number(2) == 1)
        memcpy(who.aid, rules->aids[0].category, sizeof who.aid);
    for (int i = 0; i < 6; i++) {
        struct split_line lines[4];
        struct split_bill b = {0};
        struct split_part sum = {0};
        a_bill(lines, &b);
        bool stay = b.kind == SPLIT_INPATIENT;
        int rc = split_bill(rules, &who, &year, stay ? &admission : NULL, &b, &r);
        CHECK(rc == 0); /* what loads has a share for everybody */
        check_part(&r.total);
        for (size_t k = 0; k < b.line_count; k++) {
            check_part(&r.lines[k]);
            CHECK(r.lines[k].amount == lines[k].amount);
            sum.fund += r.lines[k].fund;
            sum.cash += r.lines[k].cash;
        }
        CHECK(sum.fund == r.total.fund && sum.cash == r.total.cash);
        CHECK(r.total.personal <= b.personal);
        before = year;
        split_used_add(&year, &r.used, 1);
        CHECK(rules->ceiling_all == 0 ||
              year.fund[0] + year.fund[1] + year.fund[2] <= rules->ceiling_all);
        struct split_used back = year;
        split_used_add(&back, &r.used, -1);
        CHECK(memcmp(&back, &before, sizeof back) == 0);
        admission = stay ? r.admission : admission;
    }
}

static void look_up(const struct social_book *b)
{
    for (size_t i = 0; i < b->rule_count; i++) {
        const struct social_rules *r = book_rules(b, b->rules[i].insurance, b->rules[i].from);
        CHECK(r && r->from == b->rules[i].from);
        if (!b->rules[i].upstream)
            pay_by(&b->rules[i].split);
    }
    for (size_t i = 0; i < b->catalogue_count; i++)
        for (size_t k = 0; k < b->catalogues[i].count; k++)
            CHECK(catalogue_item(&b->catalogues[i], b->catalogues[i].items[k].code));
    for (size_t i = 0; i < b->hospital_count; i++)
        CHECK(book_hospital(b, b->hospitals[i].id));
    for (size_t i = 0; i < b->entitlement_count; i++)
        CHECK(book_entitlement(b, b->entitlements[i].what));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct social_book b = {0};
    int rc = book_load(fuzz_files(data, size, "rules"), NULL, "folder", &b);
    CHECK(rc == 0 || fuzz_files_mistakes() > 0);
    if (rc == 0)
        look_up(&b);
    book_free(&b);
    fuzz_files_done();
    return 0;
}

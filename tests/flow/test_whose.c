/* Whose presence a presentation proves (R21): that of the card's holder, and of nobody else. */
#include "bad_city.h"

static char unnamed[24];

/* Everybody may buy such a card, and have codes made for it. */
static int setup(void **state)
{
    static struct ledger_op op;
    int rc = bad_setup(state);
    memset(&op, 0, sizeof op);
    op.type = LOP_CARD_ADD;
    snprintf(op.who, sizeof op.who, "test");
    struct op_card_add *a = &op.card_add;
    memset(a->issuer, 0x77, sizeof a->issuer);
    a->serial[9] = 0x77;
    snprintf(a->number, sizeof a->number, "7700000000000000077");
    snprintf(a->profile, sizeof a->profile, "pboc-ep");
    a->kind = CARD_ANONYMOUS;
    a->state = CARD_ACTIVE;
    a->registered = 1;
    a->ceiling = 100000;
    memcpy(unnamed, a->number, sizeof a->number);
    return rc == 0 ? city_op(&c, &op) : rc;
}

/* A hospital's own system asks about a citizen, with a code that was checked. */
static const struct txn_result *asked(const char *service, const char *citizen, const char *number)
{
    static struct txn_request q;
    q = city_request(service, H1, 0);
    q.institution = true;
    snprintf(q.citizen, sizeof q.citizen, "%s", citizen);
    q.presented = PRESENTED_CODE;
    q.strength = OC_STRENGTH_CODE;
    snprintf(q.presented_text, sizeof q.presented_text, "oc2:%s.1.00", number);
    return bare(q);
}

static void R21_the_holders_code_opens_the_holders_reports(void **state)
{
    char number[24];
    (void)state;
    snprintf(number, sizeof number, "%s", city_card_row(&c, 0)->number);
    good(asked("medical.reports", "c1", number));
    good(asked("medical.reports", "", number));
    no(OC_R_PARAMETER, asked("medical.reports", "c2", number));
}

static void R21_an_unnamed_cards_code_is_nobodys_presence(void **state)
{
    static const char *const services[] = {"medical.reports", "medical.medication",
                                           "medical.referrals", "medical.bills"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(services); i++)
        no(OC_R_PARAMETER, asked(services[i], "c1", unnamed));
    no(OC_R_NO_CITIZEN, asked("medical.reports", "", unnamed));
}

/* At a desk the citizen is a parameter. */
static void R21_nor_is_it_at_a_desk(void **state)
{
    (void)state;
    struct txn_request q = with("social.eligible", H1, 0, "what", "student", "citizen", "c1", NULL);
    q.presented = PRESENTED_CODE;
    q.strength = OC_STRENGTH_CODE;
    snprintf(q.presented_text, sizeof q.presented_text, "oc2:%s.1.00", unnamed);
    no(OC_R_PARAMETER, bare(q));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, bad_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(R21_the_holders_code_opens_the_holders_reports),
        T(R21_an_unnamed_cards_code_is_nobodys_presence),
        T(R21_nor_is_it_at_a_desk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

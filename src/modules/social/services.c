/* The services' table: what each needs before it is asked, and its parameters. The needs say how
 * sure it must be that the citizen is there (R21); docs/services/social.md says the same in words.
 */
#include "social.h"

#define PARAMS(p) .params = (p), .param_count = sizeof(p) / sizeof((p)[0])
/* Card, or a code that its holder made just now. */
#define PRESENT (OC_NEEDS_CARD | OC_TAKES_NUMBER | OC_NEEDS_PRESENCE | OC_NEEDS_CITIZEN)

static const struct onecard_param identity_params[] = {
    {"ask", "questions, with commas: is_resident, over_65, insured, student …", true},
};
static const struct onecard_param insured_put_params[] = {
    {"citizen", "citizen id", false},
};
static const struct onecard_param eligible_params[] = {
    {"what", "elder, student, disabled, insured, resident …", true},
    {"citizen", "citizen id", false},
};
static const struct onecard_param concession_grant_params[] = {
    {"what", "elder, student, disabled …", true},  {"citizen", "citizen id", false},
    {"from", "first day (default: today)", false}, {"until", "last day (default: open)", false},
    {"revoke", "yes: takes it back", false},
};
static const struct onecard_param personal_pay_params[] = {
    {"from", "relative whose account pays", false},
};
static const struct onecard_param personal_credit_params[] = {
    {"batch", "name of the list", true},
    {"line", "its number in the list", true},
    {"fund", "whose contributions", true},
    {"citizen", "citizen id", false},
    {"card_number", "or a printed card number", false},
};
static const struct onecard_param family_bind_params[] = {
    {"member", "citizen whose bills may be paid", false},
    {"member_card", "or the printed number of that citizen's card", false},
    {"relation", "spouse, parent, child, grandparent or sibling", true},
    {"limit", "yuan a calendar year (default: no limit)", false},
};
static const struct onecard_param family_unbind_params[] = {
    {"member", "relative who is taken off", false},
    {"owner", "relative whose account is left", false},
};
static const struct onecard_param split_params[] = {
    {"bill", "the bill, a document as text (default: the request's document)", false},
    {"citizen", "whose bill", false},
    {"hospital", "participant whose bill it is", false},
    {"personal", "yes (default) or no: use the personal account", false},
    {"family", "no (default) or yes: use accounts that relatives bound", false},
    {"replaces", "settlement that this one takes the place of", false},
};
static const struct onecard_param split_cancel_params[] = {
    {"settlement_id", "which", true},
    {"citizen", "whose", false},
};
static const struct onecard_param differences_params[] = {
    {"insurance", "employee, resident …", true},
    {"date", "the day that was compared (default: today)", false},
    {"piece", "which piece of the list (default: the first)", false},
    {"from", "how many to leave out", false},
};
static const struct onecard_param benefit_batch_params[] = {
    {"batch", "name of the list", true},
    {"action", "open (default), show or close", false},
    {"program", "what is paid, a word", false},
    {"fund", "who pays: owner of the bearer account", false},
    {"count", "lines that the list declares", false},
    {"total", "yuan that the list declares", false},
};
static const struct onecard_param benefit_line_params[] = {
    {"batch", "name of the list", true},
    {"line", "its number in the list", true},
    {"citizen", "citizen id", false},
    {"card_number", "or a printed card number", false},
};
static const struct onecard_service identity_service = {
    .size = sizeof(identity_service),
    .name = "social.identity",
    .title_en = "Identity with minimum disclosure",
    .title_zh = "身份核验",
    .needs = PRESENT | OC_SEES_PERSON,
    PARAMS(identity_params),
    .decide = social_identity,
};
static const struct onecard_service identity_pin_service = {
    .size = sizeof(identity_pin_service),
    .name = "social.identity_pin",
    .title_en = "Identity with minimum disclosure, with the PIN",
    .title_zh = "身份核验（密码）",
    .needs = OC_NEEDS_CARD | OC_NEEDS_CITIZEN | OC_NEEDS_PIN | OC_SEES_PERSON,
    PARAMS(identity_params),
    .decide = social_identity,
};
static const struct onecard_service status_service = {
    .size = sizeof(status_service),
    .name = "social.status",
    .title_en = "The five insurances",
    .title_zh = "五险参保查询",
    .needs = PRESENT,
    .decide = social_status,
};
static const struct onecard_service insured_put_service = {
    .size = sizeof(insured_put_service),
    .name = "social.insured_put",
    .title_en = "The bureau says how a citizen is insured",
    .title_zh = "参保信息推送",
    .needs = OC_NEEDS_CITIZEN | OC_BY_PARTICIPANT | OC_NEEDS_DOCUMENT,
    PARAMS(insured_put_params),
    .decide = social_insured_put,
};
static const struct onecard_service eligible_service = {
    .size = sizeof(eligible_service),
    .name = "social.eligible",
    .title_en = "Is a citizen eligible?",
    .title_zh = "资格核验",
    .needs = OC_NEEDS_CITIZEN | OC_TAKES_NUMBER | OC_ASKABLE | OC_SEES_PERSON,
    PARAMS(eligible_params),
    .decide = social_eligible,
};
static const struct onecard_service concession_grant_service = {
    .size = sizeof(concession_grant_service),
    .name = "social.concession_grant",
    .title_en = "Grant or revoke an eligibility",
    .title_zh = "优待资格登记",
    .needs = OC_NEEDS_CITIZEN | OC_BY_PARTICIPANT,
    PARAMS(concession_grant_params),
    .decide = social_concession_grant,
};
static const struct onecard_service personal_service = {
    .size = sizeof(personal_service),
    .name = "social.personal",
    .title_en = "Balance of the personal account",
    .title_zh = "个人账户查询",
    .needs = PRESENT,
    .decide = social_personal,
};
static const struct onecard_service personal_pay_service = {
    .size = sizeof(personal_pay_service),
    .name = "social.personal_pay",
    .title_en = "Pay medical goods from the personal account",
    .title_zh = "个人账户支付",
    .needs = PRESENT | OC_NEEDS_AMOUNT,
    PARAMS(personal_pay_params),
    .decide = social_personal_pay,
};
static const struct onecard_service personal_credit_service = {
    .size = sizeof(personal_credit_service),
    .name = "social.personal_credit",
    .title_en = "One line of the month's contributions",
    .title_zh = "个人账户划入",
    .needs = OC_NEEDS_AMOUNT | OC_BY_PARTICIPANT,
    PARAMS(personal_credit_params),
    .decide = social_personal_credit,
};
static const struct onecard_service family_bind_service = {
    .size = sizeof(family_bind_service),
    .name = "social.family_bind",
    .title_en = "Let a relative's bills be paid",
    .title_zh = "家庭共济绑定",
    .needs = OC_NEEDS_CARD | OC_NEEDS_CITIZEN | OC_NEEDS_PIN,
    PARAMS(family_bind_params),
    .decide = social_family_bind,
};
static const struct onecard_service family_unbind_service = {
    .size = sizeof(family_unbind_service),
    .name = "social.family_unbind",
    .title_en = "End it",
    .title_zh = "家庭共济解绑",
    .needs = PRESENT,
    PARAMS(family_unbind_params),
    .decide = social_family_unbind,
};
static const struct onecard_service family_list_service = {
    .size = sizeof(family_list_service),
    .name = "social.family_list",
    .title_en = "Who may pay for whom",
    .title_zh = "家庭共济查询",
    .needs = PRESENT,
    .decide = social_family_list,
};
static const struct onecard_service split_service = {
    .size = sizeof(split_service),
    .name = "social.split",
    .title_en = "Split a medical bill",
    .title_zh = "医保结算分割",
    .needs = OC_NEEDS_CITIZEN | OC_ASKABLE,
    PARAMS(split_params),
    .decide = social_split,
};
static const struct onecard_service split_cancel_service = {
    .size = sizeof(split_cancel_service),
    .name = "social.split_cancel",
    .title_en = "Take a settlement back",
    .title_zh = "医保结算撤销",
    .needs = OC_NEEDS_CITIZEN | OC_ASKABLE,
    PARAMS(split_cancel_params),
    .decide = social_split_cancel,
};
static const struct onecard_service presettle_service = {
    .size = sizeof(presettle_service),
    .name = "social.presettle",
    .title_en = "Show how a bill would be split",
    .title_zh = "医保预结算",
    .needs = PRESENT | OC_ASKABLE,
    PARAMS(split_params),
    .decide = social_presettle,
};
static const struct onecard_service reconcile_service = {
    .size = sizeof(reconcile_service),
    .name = "social.reconcile",
    .title_en = "The bureau's list of a day against the books",
    .title_zh = "日对账",
    .needs = OC_BY_PARTICIPANT | OC_NEEDS_DOCUMENT,
    .decide = social_reconcile,
};
static const struct onecard_service differences_service = {
    .size = sizeof(differences_service),
    .name = "social.differences",
    .title_en = "What differed in the bureau's list",
    .title_zh = "对账差异查询",
    .needs = OC_BY_PARTICIPANT,
    PARAMS(differences_params),
    .decide = social_differences,
};
static const struct onecard_service benefit_batch_service = {
    .size = sizeof(benefit_batch_service),
    .name = "social.benefit_batch",
    .title_en = "Open, show or close a payment list",
    .title_zh = "待遇发放批次",
    .needs = OC_BY_PARTICIPANT,
    PARAMS(benefit_batch_params),
    .decide = social_benefit_batch,
};
static const struct onecard_service benefit_line_service = {
    .size = sizeof(benefit_line_service),
    .name = "social.benefit_line",
    .title_en = "Pay one line of a list",
    .title_zh = "待遇发放",
    .needs = OC_NEEDS_AMOUNT | OC_BY_PARTICIPANT,
    PARAMS(benefit_line_params),
    .decide = social_benefit_line,
};
static const struct onecard_service collect_service = {
    .size = sizeof(collect_service),
    .name = "social.collect",
    .title_en = "Take a benefit in cash",
    .title_zh = "待遇领取",
    .needs = OC_NEEDS_CARD | OC_NEEDS_OPERATOR | OC_NEEDS_ACCOUNT | OC_NEEDS_CITIZEN,
    .decide = social_collect,
};
static const struct onecard_service collect_pin_service = {
    .size = sizeof(collect_pin_service),
    .name = "social.collect_pin",
    .title_en = "Take a benefit in cash, with the PIN",
    .title_zh = "待遇领取（密码）",
    .needs = OC_NEEDS_CARD | OC_NEEDS_OPERATOR | OC_NEEDS_ACCOUNT | OC_NEEDS_CITIZEN | OC_NEEDS_PIN,
    .decide = social_collect,
};

const struct onecard_service *const social_services[SOCIAL_SERVICES] = {
    &identity_service,     &identity_pin_service,  &status_service,
    &insured_put_service,  &eligible_service,      &concession_grant_service,
    &personal_service,     &personal_pay_service,  &personal_credit_service,
    &family_bind_service,  &family_unbind_service, &family_list_service,
    &split_service,        &split_cancel_service,  &presettle_service,
    &reconcile_service,    &differences_service,   &benefit_batch_service,
    &benefit_line_service, &collect_service,       &collect_pin_service,
};

/* Inside the social-security module: what it knows since load(), and one decide function a service.
 *
 * Records (scope "social"); owners that begin with "citizen:" are sealed:
 *   citizen:ID            insured           the five insurances, as the bureau pushed them
 *   citizen:ID            year/YYYY         what that year has used of deductibles and ceilings
 *   citizen:ID            adm/HASH          what an admission has used of its deductible
 *   citizen:ID            settle/SID        one settlement: its parts, its delta of the year, its
 * state citizen:OWNER         family/MEMBER     MEMBER's bills may be paid from OWNER's personal
 * account citizen:MEMBER        payer/OWNER       the same, found from the other side citizen:ID
 * elig/WHAT         an eligibility that was granted, from, until day:INSURANCE/DATE    SID or SID-c
 * settlements and cancellations of a day, for the bureau's list benefit:BATCH         batch,
 * NNNNNNNNN  a payment list and its lines credit:BATCH          NNNNNNNNN         contributions to
 * personal accounts, once each */
#ifndef SOCIAL_SOCIAL_H
#define SOCIAL_SOCIAL_H

#include "split.h"

#include <onecard/module.h>

#define SOCIAL_ID         32 /* a citizen, a participant, an owner; with NUL */
#define SOCIAL_OWNER      40 /* of a record */
#define SOCIAL_KEY        40
#define SOCIAL_LEGS       5 /* that social.split adds at most */
#define SOCIAL_ASKS_MAX   8
#define SOCIAL_PLACE      96
#define SOCIAL_INSURANCES 5

enum social_fund {
    FUND_BASIC,
    FUND_SERIOUS,
    FUND_CIVIL,
    FUND_ASSISTANCE,
    FUND_PAID, /* so many pay bills */
    FUND_PERSONAL = FUND_PAID,
    FUNDS
};

/** One insurance's rules from a date on. */
struct social_rules {
    char insurance[16];
    int32_t from, year_starts; /* YYYYMMDD, MMDD */
    bool upstream, personal_upstream;
    char bureau[SOCIAL_ID]; /* participant that is asked where the authority is upstream */
    char fund[FUNDS][SOCIAL_ID];
    struct split_rules split;
    char place[SOCIAL_PLACE]; /* of the file, for messages */
};
struct social_item { /* of the catalogue */
    char code[24];
    enum split_class cls;
    int32_t own_first;
    fen_t limit; /* a unit; -1: none */
};
struct social_catalogue {
    int32_t from;
    int32_t class_b; /* own share first of what a hospital calls class B and we do not list */
    struct social_item *items; /* ascending by code */
    size_t count;
};
struct social_hospital {
    char id[SOCIAL_ID];
    int level; /* 0: a pharmacy: personal accounts only */
};
struct social_entitlement { /* an eligibility that others may ask for */
    char what[16], category[16];
    int age;       /* years that give it without a grant; 0: granted only */
    bool resident; /* and only to residents */
};
/** Everything of the rules' folder. Arrays are the context's. */
struct social_book {
    struct social_rules *rules; /* ascending by insurance, then date */
    size_t rule_count;
    struct social_catalogue *catalogues; /* ascending by date */
    size_t catalogue_count;
    struct social_hospital *hospitals;
    size_t hospital_count;
    struct social_entitlement *entitlements;
    size_t entitlement_count;
};
struct social {
    struct social_book book;
    const char *bureau; /* participant that may push and pay */
    const char *city;   /* an address that begins so is a resident's */
    int64_t family_max;
    int identity_strength; /* enum onecard_strength */
    fen_t collect_max, collect_without_pin;
};

/* ---- rules (read.c, rules.c, lists.c, book.c) ---- */

/** Reads all files of the folder; every mistake is logged with its place. OC_EINVAL: there was one.
 */
int book_load(const struct onecard_host *h, const struct onecard_conf *conf, const char *folder,
              struct social_book *ret);
void book_free(struct social_book *b);
/** In force on that day; NULL: none. */
const struct social_rules *book_rules(const struct social_book *b, const char *insurance,
                                      int32_t date);
const struct social_catalogue *book_catalogue(const struct social_book *b, int32_t date);
const struct social_item *catalogue_item(const struct social_catalogue *c, const char *code);
const struct social_hospital *book_hospital(const struct social_book *b, const char *id);
const struct social_entitlement *book_entitlement(const struct social_book *b, const char *what);

/* ---- services ---- */

typedef int social_decide_fn(void *ctx, const struct onecard_request *req,
                             struct onecard_plan *plan);
social_decide_fn social_identity, social_status, social_insured_put, social_eligible,
    social_concession_grant;
social_decide_fn social_personal, social_personal_pay, social_personal_credit, social_family_bind,
    social_family_unbind, social_family_list;
social_decide_fn social_split, social_split_cancel, social_presettle, social_reconcile,
    social_differences;
social_decide_fn social_benefit_batch, social_benefit_line, social_collect;

#define SOCIAL_SERVICES 21
extern const struct onecard_service *const social_services[SOCIAL_SERVICES];

/* ---- what they share (common.c) ---- */

/** "citizen:ID" into `to`; an id that is too long gives "citizen:?", which nobody has. */
const char *social_owner(char to[SOCIAL_OWNER], const char *citizen);
/** "prefix" and `word`; false where it does not fit or has characters that keys may not have. */
bool social_key(char to[SOCIAL_KEY], const char *prefix, const char *word);
/** Is `s` a word of 1 to max letters, digits, '.', '_' and '-'? */
bool social_word(const char *s, size_t max);
/** Texts, numbers of a document; the default where absent or of another kind. */
const char *get_text(const struct onecard_request *req, const struct onecard_doc *d,
                     const char *member, const char *dflt);
int64_t get_int(const struct onecard_request *req, const struct onecard_doc *d, const char *member,
                int64_t dflt);
/** The document of a record; *ret NULL and 0 where there is none. */
int co_optional(const struct onecard_request *req, const char *owner, const char *key,
                uint32_t *ret_version, struct onecard_doc **ret);
/** The citizen that the parameter names, else the request's. "" : none. */
const char *whose(const struct onecard_request *req);
/** A whole number in a parameter. OC_ENOENT: not given, OC_EINVAL. */
int param_int(const struct onecard_request *req, const char *name, int64_t *ret);
/** YYYYMMDD, or YYYY-MM-DD, in a parameter; `dflt` where it is not given. OC_EINVAL. */
int param_date(const struct onecard_request *req, const char *name, int32_t dflt, int32_t *ret);
/** 0 for a date that exists. */
int date_check(int64_t date);
/** The bureau's own terminals only, else the refusal. */
int only_bureau(const struct social *s, const struct onecard_request *req,
                struct onecard_plan *plan);
int no_memory(const struct onecard_request *req, struct onecard_plan *plan);

/* ---- the insured (insured.c) ---- */

struct insured {
    char insurance[16]; /* medical; "": none on that day */
    struct split_insured split;
};
/** Medical insurance of the citizen on that day. Suspends. 0 also where there is none. */
int insured_co_find(const struct onecard_request *req, const char *citizen, int32_t date,
                    struct insured *ret);

/* ---- relatives' accounts (family.c) ---- */

struct payer {
    char owner[SOCIAL_ID];
    fen_t can;
    uint32_t version;
    struct onecard_doc *doc;
};
/** Who may pay for `citizen`, at most `cap`, with what each account holds and its year's limit
 * leaves. Suspends. *ret_count says how many. */
int family_co_payers(const struct onecard_request *req, const char *citizen, struct payer *ret,
                     unsigned cap, unsigned *ret_count);
/** Counts `amount` (negative: gives back) against the limit of the year of `date`, with the plan.
 */
void family_count(const struct onecard_request *req, struct onecard_plan *plan, const char *citizen,
                  const struct payer *p, fen_t amount);
int family_co_payer(const struct onecard_request *req, const char *citizen, const char *owner,
                    struct payer *ret);

#endif

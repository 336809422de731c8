/* Mutual recognition of results (检查检验结果互认) as a pure function: which result, how old, made
 * where, read where. A rule stands in the configuration by item: "90", "30 from h1,h2 at h3". */
#include "medical.h"

#include <string.h>

#define RULE_DAYS_MAX 3650

struct rule {
    int64_t days;
    const char *from, *at; /* words of hospitals; NULL: all */
};

/* Points behind " from " or " at " of a rule's text. */
static const char *behind(const char *text, const char *word)
{
    const char *found = strstr(text, word);
    return found ? found + strlen(word) : NULL;
}

static bool listed(const char *words, const char *hospital)
{
    char w[HOSPITAL_ID];
    while (next_word(&words, w, sizeof(w)) && strcmp(w, "at") != 0) {
        if (strcmp(w, hospital) == 0) {
            return true;
        }
    }
    return false;
}

static bool parse(const char *text, struct rule *ret)
{
    char days[8];
    const char *at = text;
    if (!next_word(&at, days, sizeof(days))) {
        return false;
    }
    ret->days = number_of(days, RULE_DAYS_MAX);
    ret->from = behind(at, " from ");
    ret->at = behind(at, " at ");
    return ret->days >= 0;
}

bool recognise_rule_ok(const char *rule)
{
    struct rule r;
    char w[HOSPITAL_ID];
    const char *at = rule;
    bool named = true;
    if (!parse(rule, &r) || !next_word(&at, w, sizeof(w))) {
        return false;
    }
    for (bool first = true; next_word(&at, w, sizeof(w)); first = false) {
        bool keyword = strcmp(w, "from") == 0 || strcmp(w, "at") == 0;
        if ((first || !named) && (!keyword || !named) && (first || keyword)) {
            return false;
        }
        named = !keyword;
    }
    return at && named;
}

struct recognition recognise(const char *rule, int32_t date, const char *performer,
                             const char *reader, int32_t today)
{
    struct rule r;
    if (!rule || !parse(rule, &r)) {
        return (struct recognition){.why = "no rule for this item"};
    }
    if (date > today || date_days(date, today) > r.days) {
        return (struct recognition){.why = "too old"};
    }
    if (r.from && !listed(r.from, performer)) {
        return (struct recognition){.why = "not from that hospital"};
    }
    if (r.at && !listed(r.at, reader)) {
        return (struct recognition){.why = "not at this hospital"};
    }
    return (struct recognition){.yes = true, .until = date_add(date, r.days), .why = ""};
}

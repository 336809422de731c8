/* What the services of this module share: keys, members of documents, dates, who may ask. */
#include "social.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool social_word(const char *s, size_t max)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t len = s ? strlen(s) : 0;
    return len > 0 && len <= max && strspn(s, allowed) == len;
}

const char *social_owner(char to[SOCIAL_OWNER], const char *citizen)
{
    bool fits = social_word(citizen, SOCIAL_ID - 1);
    snprintf(to, SOCIAL_OWNER, "citizen:%s", fits ? citizen : "?");
    return to;
}

bool social_key(char to[SOCIAL_KEY], const char *prefix, const char *word)
{
    size_t len = strlen(prefix);
    if (len >= SOCIAL_KEY || !social_word(word, SOCIAL_KEY - 1 - len)) {
        return false;
    }
    memcpy(to, prefix, len);
    strcpy(to + len, word);
    return true;
}

const char *get_text(const struct onecard_request *req, const struct onecard_doc *d,
                     const char *member, const char *dflt)
{
    const char *text = req->host->doc_as_text(req->host->doc_get(d, member));
    return text ? text : dflt;
}

int64_t get_int(const struct onecard_request *req, const struct onecard_doc *d, const char *member,
                int64_t dflt)
{
    int64_t n;
    return req->host->doc_as_int(req->host->doc_get(d, member), &n) == 0 ? n : dflt;
}

int co_optional(const struct onecard_request *req, const char *owner, const char *key,
                uint32_t *ret_version, struct onecard_doc **ret)
{
    *ret = NULL;
    *ret_version = 0;
    int rc = req->host->co_doc(req, owner, key, ret_version, ret);
    return rc == OC_ENOENT ? 0 : rc;
}

const char *whose(const struct onecard_request *req)
{
    const char *named = req->host->param_text(req, "citizen");
    return named && *named ? named : req->citizen ? req->citizen : "";
}

int param_int(const struct onecard_request *req, const char *name, int64_t *ret)
{
    const char *text = req->host->param_text(req, name);
    char *end;
    if (!text || !*text) {
        return OC_ENOENT;
    }
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 15 || text[digits]) {
        return OC_EINVAL;
    }
    *ret = strtoll(text, &end, 10);
    return 0;
}

int date_check(int64_t date)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t y = date / 10000, m = date / 100 % 100, d = date % 100;
    if (y < 1900 || y > 2999 || m < 1 || m > 12 || d < 1) {
        return OC_EINVAL;
    }
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    return d <= days[m - 1] + (leap && m == 2 ? 1 : 0) ? 0 : OC_EINVAL;
}

int param_date(const struct onecard_request *req, const char *name, int32_t dflt, int32_t *ret)
{
    const char *text = req->host->param_text(req, name);
    char plain[9];
    size_t n = 0;
    if (!text || !*text) {
        *ret = dflt;
        return 0;
    }
    for (size_t i = 0; text[i]; i++) {
        if (text[i] == '-' && (i == 4 || i == 7)) {
            continue;
        }
        if (n == 8 || text[i] < '0' || text[i] > '9') {
            return OC_EINVAL;
        }
        plain[n++] = text[i];
    }
    plain[n] = '\0';
    long date = n == 8 ? strtol(plain, NULL, 10) : 0;
    if (date_check(date)) {
        return OC_EINVAL;
    }
    *ret = (int32_t)date;
    return 0;
}

int only_bureau(const struct social *s, const struct onecard_request *req,
                struct onecard_plan *plan)
{
    if (strcmp(req->terminal.participant, s->bureau) == 0) {
        return 0;
    }
    return req->host->refuse(plan, OC_R_TERMINAL_MAY_NOT, "only at a terminal of %.31s", s->bureau);
}

int no_memory(const struct onecard_request *req, struct onecard_plan *plan)
{
    return req->host->refuse(plan, OC_R_BUSY, "no memory is left: try again");
}

/* A card presented by its printed number, or by a code that carries it (R21). A number and a plain
 * code ("oc1:") prove neither the card nor its holder; a dynamic code ("oc2:number.minute.mac")
 * counts as the holder's when whoever took the request has checked it and says so. The service must
 * have said that it takes one, and no plan that moves the chip is executed. */
#include "txn/dialogue.h"

#include <string.h>

#define CODE_PREFIX    "oc1:"
#define DYNAMIC_PREFIX "oc2:"

bool number_presented(const struct dialogue *d)
{
    return d->req->presented == PRESENTED_CODE || d->req->presented == PRESENTED_NUMBER;
}

static int check_service(struct dialogue *d)
{
    unsigned needs = service_needs(d->service);
    if ((needs & OC_TAKES_NUMBER) != 0)
        return 0;
    if ((needs & OC_NEEDS_CARD) != 0)
        return dialogue_refuse(d, OC_R_NEEDS_CHIP, "%s takes the card itself, no number",
                               d->res->service);
    return dialogue_refuse(d, OC_R_PARAMETER, "%s takes no card", d->res->service);
}

static int read_code(struct dialogue *d, const char **text)
{
    if (strncmp(*text, DYNAMIC_PREFIX, strlen(DYNAMIC_PREFIX)) == 0) {
        if (d->req->strength != OC_STRENGTH_CODE)
            return dialogue_refuse(d, OC_R_PARAMETER, "nobody here can check this code");
        *text += strlen(DYNAMIC_PREFIX);
        return 0;
    }
    if (strncmp(*text, CODE_PREFIX, strlen(CODE_PREFIX)) != 0)
        return dialogue_refuse(d, OC_R_PARAMETER, "this code is not one of ours");
    *text += strlen(CODE_PREFIX);
    return 0;
}

/* People write numbers in groups; a code is exact. Of a dynamic one the number ends at the dot. */
static int read_number(struct dialogue *d, char ret[CARD_NUMBER_TEXT])
{
    const char *text = d->req->presented_text;
    size_t n = 0;
    bool dynamic = strncmp(text, DYNAMIC_PREFIX, strlen(DYNAMIC_PREFIX)) == 0;
    int rc = d->req->presented == PRESENTED_CODE ? read_code(d, &text) : 0;
    if (rc != 0)
        return rc;
    for (; *text != '\0' && !(dynamic && *text == '.'); text++) {
        if (*text == ' ' && d->req->presented == PRESENTED_NUMBER)
            continue;
        if (n + 1 >= CARD_NUMBER_TEXT)
            return dialogue_refuse(d, OC_R_PARAMETER, "a card's number is shorter");
        ret[n++] = *text;
    }
    ret[n] = '\0';
    return n > 0 ? 0
                 : dialogue_refuse(d, OC_R_PARAMETER, "which card? its printed number is missing");
}

static CO_FN int find(struct dialogue *d, const char *number)
{
    int rc = ledger_co_card_find(d->env->ledger, number, d->card);
    if (rc == OC_ECONFLICT)
        return dialogue_refuse(d, OC_R_NEEDS_CHIP, "several cards have this number");
    if (rc == OC_ENOENT ||
        (rc == 0 && strcmp(d->card->number, number) != 0)) /* only what is printed on it */
        return dialogue_refuse(d, OC_R_UNKNOWN_CARD, "no card has this number");
    return rc != 0 ? dialogue_ledger_failed(d, rc) : 0;
}

int number_co_present(struct dialogue *d)
{
    char number[CARD_NUMBER_TEXT];
    int rc = check_service(d);
    if (rc == 0)
        rc = read_number(d, number);
    if (rc == 0)
        rc = find(d, number);
    if (rc != 0)
        return rc;
    d->presented = d->req->presented;
    d->has_card = true;
    d->res->card_id = d->card->id;
    memcpy(d->res->issuer, d->card->issuer, sizeof d->res->issuer);
    memcpy(d->res->serial, d->card->serial, sizeof d->res->serial);
    snprintf(d->res->card, sizeof d->res->card, "%s", d->card->number);
    timing_mark(d, STEP_CARD);
    rc = auth_row_standing(d, 0, 0);
    if (rc == 0 && d->card->deny_action != 0)
        rc = dialogue_refuse(d, OC_R_DENIED, "on the deny list");
    if (rc == 0)
        timing_mark(d, STEP_GENUINE);
    return rc;
}

/* What is asked, and of which card. Purchases, loads and rides take cards at random; journeys and
 * bills take them in their order, and what has been prepared is kept in the card's store: an exit
 * needs an entry, a settlement needs a bill that was pushed. See load.h. */
#include "load.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define LOAD_AMOUNT     1000
#define PERSONAL_AMOUNT 5000000 /* fen that a personal account is given, once */
#define BILL_AMOUNT     10000   /* the sum of bill_form */

/* What is pushed for a card's holder, one after another: each card's store counts them. */
enum push_step { PUSH_INSURED, PUSH_PERSONAL, PUSH_BILLS };

const char *const service_names[SERVICE_COUNT] = {
    "payment.purchase", "payment.load", "payment.balance",  "transit.ride",
    "transit.entry",    "transit.exit", "medical.bill_put", "medical.settle"};

static const char insured_form[] =
    "{\"kind\":\"medical\",\"state\":\"paying\",\"from\":20200101,\"until\":0,\"serial\":1,"
    "\"insurance\":\"employee\",\"status\":\"working\"}";

/* Class A, B and C, so that the fund, the personal account and the purse each pay. */
static const char bill_form[] =
    "{\"id\":\"%s\",\"date\":%s,\"type\":\"outpatient\",\"referral\":\"local\",\"serviceType\":"
    "\"general\","
    "\"lineItem\":[{\"code\":\"M1\",\"display\":\"Medicine\",\"class\":\"A\",\"quantity\":2,"
    "\"amount_fen\":6000},"
    "{\"code\":\"E1\",\"display\":\"Examination\",\"class\":\"B\",\"quantity\":1,\"amount_fen\":"
    "3000},"
    "{\"code\":\"C1\",\"display\":\"Comfort\",\"class\":\"C\",\"quantity\":1,\"amount_fen\":1000}],"
    "\"totalGross_fen\":%d}";

enum place work_place(enum service s)
{
    return s == SERVICE_RIDE    ? PLACE_GATE
           : s == SERVICE_ENTRY ? PLACE_ENTRY
           : s == SERVICE_EXIT  ? PLACE_EXIT
                                : PLACE_DESK;
}

static bool fits(const struct chip_store *s, enum service service)
{
    switch (service) {
    case SERVICE_ENTRY:
        return !s->inside;
    case SERVICE_EXIT:
        return s->inside;
    case SERVICE_PUSH:
        return s->billed < UINT16_MAX;
    case SERVICE_BILL:
        return s->settled < s->billed;
    default:
        return true;
    }
}

bool work_choose(struct term *t, enum service s, struct call *c)
{
    struct load *l = t->load;
    const uint64_t first = (uint64_t)t->pool * l->o.cards;
    c->amount = s == SERVICE_PURCHASE ? 1 + (int64_t)(load_random(l) % 500)
                : s == SERVICE_LOAD   ? LOAD_AMOUNT
                                      : 0;
    c->card = first + load_random(l) % l->o.cards;
    if (s < SERVICE_ENTRY)
        return true;
    for (uint64_t i = 0; i < l->o.cards; i++) {
        c->card = first + t->turn++ % l->o.cards;
        if (!fits(&l->site.stores[c->card], s))
            continue;
        if (s == SERVICE_PUSH && l->site.stores[c->card].insured == PUSH_PERSONAL)
            c->amount = PERSONAL_AMOUNT;
        return true;
    }
    return false;
}

/* The next parameter; its value is what is printed into the buffer returned. */
static char *add_param(struct work_text *w, pb_request *r, const char *name)
{
    size_t i = r->n_params++;
    snprintf(w->name[i], sizeof w->name[i], "%s", name);
    onecard__terminal__v1__param__init(&w->params[i]);
    w->params[i].name = w->name[i];
    w->params[i].value = w->value[i];
    w->each[i] = &w->params[i];
    r->params = w->each;
    return w->value[i];
}

static void bill_id(uint64_t card, unsigned n, char ret[WORK_VALUE])
{
    snprintf(ret, WORK_VALUE, "B-%" PRIu64 "-%u", card + 1, n + 1);
}

/* In Greenwich: never a day ahead of an eastern city. */
static const char *today(char ret[16])
{
    struct tm tm;
    time_t now = (time_t)(clock_wall_ms(&clock_system) / 1000);
    if (!gmtime_r(&now, &tm) || strftime(ret, 16, "%Y%m%d", &tm) == 0)
        ret[0] = '\0';
    return ret;
}

static void fill_push(const struct call *c, const struct chip_store *s, struct work_text *w,
                      pb_request *r)
{
    char id[WORK_VALUE], date[16];
    site_citizen(c->card, add_param(w, r, "citizen"));
    switch (s->insured) {
    case PUSH_INSURED:
        snprintf(w->service, sizeof w->service, "social.insured_put");
        snprintf(w->document, sizeof w->document, "%s", insured_form);
        break;
    case PUSH_PERSONAL:
        snprintf(w->service, sizeof w->service, "social.personal_credit");
        snprintf(add_param(w, r, "batch"), WORK_VALUE, "P-%" PRIu64, c->card + 1);
        snprintf(add_param(w, r, "line"), WORK_VALUE, "1");
        snprintf(add_param(w, r, "fund"), WORK_VALUE, "fund-employee");
        break;
    default:
        bill_id(c->card, s->billed, id);
        snprintf(w->document, sizeof w->document, bill_form, id, today(date), BILL_AMOUNT);
        break;
    }
}

void work_fill(const struct term *t, struct work_text *w, pb_request *r)
{
    const struct call *c = &t->call;
    const struct chip_store *s = &t->load->site.stores[c->card];
    w->document[0] = '\0';
    snprintf(w->service, sizeof w->service, "%s",
             t->place != PLACE_DESK ? "" : service_names[c->service]);
    if (c->service == SERVICE_PUSH)
        fill_push(c, s, w, r);
    else if (c->service == SERVICE_BILL)
        bill_id(c->card, s->settled, add_param(w, r, "bill"));
    r->service = w->service;
    if (w->document[0])
        r->document = w->document;
}

void work_posted(struct term *t)
{
    struct chip_store *s = &t->load->site.stores[t->call.card];
    if (t->call.service == SERVICE_ENTRY)
        s->inside = 1;
    else if (t->call.service == SERVICE_EXIT)
        s->inside = 0;
    else if (t->call.service == SERVICE_BILL)
        s->settled++;
    else if (t->call.service == SERVICE_PUSH && s->insured < PUSH_BILLS)
        s->insured++;
    else if (t->call.service == SERVICE_PUSH)
        s->billed++;
}

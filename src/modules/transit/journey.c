/* The chip's journey record and the ledger's record of the card (R17): the newer one holds, so that
 * a gate that was offline is not forgotten, and neither is a tap that the chip was torn from. */
#include "transit.h"

#include <stdlib.h>
#include <string.h>

static uint32_t field(const struct tap *p, const char *name)
{
    int64_t n;
    return p->req->host->journey_int(p->req, name, &n) == 0 && n > 0 && n <= UINT32_MAX
               ? (uint32_t)n
               : 0;
}

static const char *digits_of(const char *text)
{
    return text + strspn(text, "0");
}

/* A record that another city wrote says nothing about rides here. */
static bool ours(const struct tap *p)
{
    char city[40];
    const char *own = p->req->host->terminal_param(p->req, "city");
    if (!own || p->req->host->journey_text(p->req, "city", city, sizeof(city)) != 0) {
        return true;
    }
    return !*digits_of(city) || strcmp(digits_of(city), digits_of(own)) == 0;
}

static bool moment(const struct tap *p, fare_time *ret)
{
    const struct onecard_host *h = p->req->host;
    char when[40] = "", time[40] = "";
    if (h->journey_text(p->req, "datetime", when, sizeof(when)) == 0) {
        return fare_stamp_read(when, ret);
    }
    if (h->journey_text(p->req, "date", when, 16) != 0 ||
        h->journey_text(p->req, "time", time, 16) != 0) {
        return false;
    }
    strcat(when, time);
    return fare_stamp_read(when, ret);
}

static bool sum(const struct tap *p, const char *name, fen_t *ret)
{
    int64_t n;
    if (!p->t->card_sums || p->req->host->journey_int(p->req, name, &n) != 0 || n < 0) {
        return false;
    }
    *ret = n;
    return true;
}

void journey_read(const struct tap *p, struct journey_seen *ret)
{
    struct journey_seen s = {0};
    int64_t type = 0;
    if (p->req->host->journey_int(p->req, "type", &type) == 0 && ours(p) && moment(p, &s.at)) {
        s.known = true;
        s.type = type;
        s.station = field(p, "station");
        s.line = field(p, "line");
        s.has_day = sum(p, "day_sum", &s.day_fen);
        s.has_month = sum(p, "month_sum", &s.month_fen);
    }
    *ret = s;
}

/* The chip's sums count: an offline gate knows no others. They are of the day and month in which
 * the record was written. */
static bool take_sums(const struct journey_seen *seen, struct fare_sums *s)
{
    bool differ = false;
    int32_t day = fare_date(seen->at), month = fare_month(seen->at);
    if (seen->has_day) {
        differ = seen->day_fen != (s->day == day ? s->day_fen : 0);
        s->day = day;
        s->day_fen = seen->day_fen;
    }
    if (seen->has_month) {
        differ = differ || seen->month_fen != (s->month == month ? s->month_fen : 0);
        s->month = month;
        s->month_fen = seen->month_fen;
    }
    return differ;
}

/* A tap of which the ledger has not heard. */
static const char *newer(const struct journey_seen *seen, struct state *s)
{
    bool was_open = s->open.open;
    take_sums(seen, &s->sums);
    s->last = seen->at;
    if (seen->type == JOURNEY_ENTRY) {
        s->open = (struct open_journey){.open = true,
                                        .at = seen->at,
                                        .fresh = seen->at,
                                        .station = seen->station,
                                        .line = seen->line};
        return "the card was let in at a gate that the ledger has not heard of";
    }
    if (seen->type == JOURNEY_EXIT) {
        s->open = (struct open_journey){0};
        s->sums.last_end = seen->at;
        return was_open ? "the card was let out at a gate that the ledger has not heard of"
                        : "the card rode through gates that the ledger has not heard of";
    }
    s->sums.last_end = seen->at;
    return "the card rode at a gate that the ledger has not heard of";
}

const char *journey_merge(const struct journey_seen *seen, struct state *s)
{
    if (!seen->known) {
        return s->on_card ? "the journey record of the card is gone or is not ours" : NULL;
    }
    if (seen->at > s->last) {
        bool first = s->version == 0;
        const char *why = newer(seen, s);
        return first ? NULL : why;
    }
    if (seen->at < s->last) {
        return s->on_card ? "the journey record of the card is older than its last tap" : NULL;
    }
    bool entry = seen->type == JOURNEY_ENTRY;
    if (s->on_card && entry != s->open.open && seen->type != JOURNEY_RIDE) {
        return "card and ledger differ on whether a journey is open";
    }
    if (!s->adjusted && take_sums(seen, &s->sums)) {
        return "card and ledger differ on what was ridden: the card counts";
    }
    return NULL;
}

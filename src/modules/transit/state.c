/* The record of a card that rides: one, rewritten with each tap, so that two gates that decide on
 * the same state cannot both be right (the later one is stale and asks again). */
#include "transit.h"

#include <stdio.h>
#include <string.h>

#define KEY "state"

static int64_t num(const struct onecard_host *h, const struct onecard_doc *d, const char *name)
{
    int64_t n = 0;
    return h->doc_as_int(h->doc_get(d, name), &n) == 0 ? n : 0;
}

static void word(const struct onecard_host *h, const struct onecard_doc *d, const char *name,
                 char *ret, size_t cap)
{
    const char *text = h->doc_as_text(h->doc_get(d, name));
    if (text && strlen(text) < cap) {
        strcpy(ret, text);
    }
}

static void read_passes(const struct onecard_host *h, const struct onecard_doc *d,
                        struct fare_pass *passes)
{
    for (size_t i = 0; i < h->doc_count(d) && i < FARE_HELD_MAX; i++) {
        const struct onecard_doc *v = h->doc_at(d, i, NULL);
        word(h, v, "id", passes[i].id, sizeof(passes[i].id));
        word(h, v, "table", passes[i].table, sizeof(passes[i].table));
        passes[i].from = (int32_t)num(h, v, "from");
        passes[i].until = (int32_t)num(h, v, "until");
        passes[i].left = (int32_t)num(h, v, "left");
    }
}

static void read_open(const struct onecard_host *h, const struct onecard_doc *d,
                      struct open_journey *o)
{
    o->open = d != NULL;
    o->at = num(h, d, "at");
    o->fresh = num(h, d, "fresh");
    o->fresh = o->fresh ? o->fresh : o->at;
    o->station = (uint32_t)num(h, d, "station");
    o->line = (uint32_t)num(h, d, "line");
    word(h, d, "table", o->table, sizeof(o->table));
    word(h, d, "op", o->op, sizeof(o->op));
}

int state_co_read(const struct onecard_request *req, struct state *ret)
{
    const struct onecard_host *h = req->host;
    struct onecard_doc *d = NULL;
    struct state s = {0};
    int rc = h->co_doc(req, req->card->record_owner, KEY, &s.version, &d);
    if (rc && rc != OC_ENOENT) {
        return rc;
    }
    if (rc == 0) {
        s.last = num(h, d, "last");
        s.type = (int)num(h, d, "type");
        s.on_card = h->doc_as_bool(h->doc_get(d, "card"), false);
        s.adjusted = h->doc_as_bool(h->doc_get(d, "adjusted"), false);
        word(h, d, "gate", s.gate, sizeof(s.gate));
        const char *sums = h->doc_as_text(h->doc_get(d, "sums"));
        if (sums && !sums_read(sums, &s.sums)) {
            return OC_EMODULE;
        }
        read_open(h, h->doc_get(d, "open"), &s.open);
        read_passes(h, h->doc_get(d, "passes"), s.sums.passes);
    }
    *ret = s;
    return 0;
}

static void write_passes(const struct onecard_request *req, struct onecard_doc *d,
                         const struct fare_pass *passes)
{
    const struct onecard_host *h = req->host;
    struct onecard_doc *list = NULL;
    for (int i = 0; i < FARE_HELD_MAX; i++) {
        if (!*passes[i].id) {
            continue;
        }
        struct onecard_doc *v = h->doc_object(req);
        h->doc_set_text(v, "id", passes[i].id);
        h->doc_set_text(v, "table", passes[i].table);
        h->doc_set_int(v, "from", passes[i].from);
        h->doc_set_int(v, "until", passes[i].until);
        h->doc_set_int(v, "left", passes[i].left);
        list = list ? list : h->doc_array(req);
        h->doc_set(list, NULL, v);
    }
    if (list) {
        h->doc_set(d, "passes", list);
    }
}

static void write_open(const struct onecard_request *req, struct onecard_doc *d,
                       const struct open_journey *o)
{
    const struct onecard_host *h = req->host;
    struct onecard_doc *v = h->doc_object(req);
    h->doc_set_int(v, "at", o->at);
    if (o->fresh != o->at) {
        h->doc_set_int(v, "fresh", o->fresh);
    }
    h->doc_set_int(v, "station", o->station);
    h->doc_set_int(v, "line", o->line);
    h->doc_set_text(v, "table", o->table);
    h->doc_set_text(v, "op", o->op);
    h->doc_set(d, "open", v);
}

void state_write(const struct onecard_request *req, struct onecard_plan *plan,
                 const struct state *s)
{
    const struct onecard_host *h = req->host;
    char sums[SUMS_TEXT];
    struct onecard_doc *d = h->doc_object(req);
    h->doc_set_int(d, "last", s->last);
    h->doc_set_int(d, "type", s->type);
    h->doc_set_bool(d, "card", s->on_card);
    if (s->adjusted) {
        h->doc_set_bool(d, "adjusted", true);
    }
    h->doc_set_text(d, "gate", s->gate);
    sums_text(&s->sums, NULL, sums);
    h->doc_set_text(d, "sums", sums);
    if (s->open.open) {
        write_open(req, d, &s->open);
    }
    write_passes(req, d, s->sums.passes);
    h->plan_doc(plan, req->card->record_owner, KEY, s->version, d);
}

/* After the numbers the last ride's table, then a word a table with sums of its own. */
void sums_text(const struct fare_sums *s, const char *table, char ret[SUMS_TEXT])
{
    size_t n = (size_t)snprintf(ret, SUMS_TEXT, "%d %lld %d %lld %lld %u %u %d %u %s", s->day,
                                (long long)s->day_fen, s->month, (long long)s->month_fen,
                                (long long)s->last_end, s->last_line, s->transfers, s->quota_period,
                                s->quota_used, s->last_table);
    for (int i = 0; i < FARE_OWN_MAX && n < SUMS_TEXT; i++) {
        const struct fare_own *o = &s->own[i];
        if (*o->table && (!table || strcmp(o->table, table) == 0)) {
            n += (size_t)snprintf(ret + n, SUMS_TEXT - n, " +%d,%lld,%d,%lld,%s", o->day,
                                  (long long)o->day_fen, o->month, (long long)o->month_fen,
                                  o->table);
        }
    }
}

static void read_word(const char *word, struct fare_sums *s)
{
    struct fare_own o = {.day = 0};
    long long day, month;
    if (*word != '+') {
        strcpy(s->last_table, word);
    } else if (sscanf(word, "+%9d,%18lld,%9d,%18lld,%31s", &o.day, &day, &o.month, &month,
                      o.table) == 5) {
        o.day_fen = day;
        o.month_fen = month;
        fare_own_put(s, &o);
    }
}

bool sums_read(const char *text, struct fare_sums *ret)
{
    struct fare_sums s = *ret;
    long long day, month, end;
    char word[96];
    int used = 0, more = 0;
    *s.last_table = '\0';
    memset(s.own, 0, sizeof(s.own));
    int n =
        sscanf(text, "%9d %18lld %9d %18lld %18lld %10u %10u %9d %10u%n", &s.day, &day, &s.month,
               &month, &end, &s.last_line, &s.transfers, &s.quota_period, &s.quota_used, &used);
    if (n < 9) {
        return false;
    }
    for (const char *at = text + used; sscanf(at, "%95s%n", word, &more) == 1; at += more) {
        if (*word == '+' || strlen(word) < sizeof(s.last_table)) {
            read_word(word, &s);
        }
    }
    s.day_fen = day;
    s.month_fen = month;
    s.last_end = end;
    *ret = s;
    return true;
}

/* What a fare table says beside its prices: hours, concessions, transfers, caps, passes, and what
 * happens to journeys that go wrong. */
#include "read.h"

#include <stdio.h>
#include <string.h>

#define COUNT(a)      (sizeof(a) / sizeof((a)[0]))
#define MONTH_MINUTES 44640

static unsigned days_of(const char *text)
{
    unsigned days = 0;
    if (!text || strcmp(text, "daily") == 0) {
        return 0x7F;
    }
    if (strcmp(text, "weekdays") == 0) {
        return 0x1F;
    }
    if (strcmp(text, "weekend") == 0) {
        return 0x60;
    }
    for (; *text >= '1' && *text <= '7'; text++) {
        days |= 1U << (*text - '1');
    }
    return *text ? 0 : days;
}

static void read_hours(struct reading *r, const struct onecard_doc *d, struct fare_table *t)
{
    static const struct field fields[] = {
        {.name = "days", .type = FIELD_OTHER},
        {.name = "from", FIELD(FIELD_CLOCK, struct fare_hours, from, .required = true)},
        {.name = "to", FIELD(FIELD_CLOCK, struct fare_hours, to, .required = true)},
        {.name = "pays", FIELD(FIELD_PERCENT, struct fare_hours, percent, .required = true)},
    };
    for (size_t i = 0; i < r->host->doc_count(d); i++) {
        const struct onecard_doc *v = r->host->doc_at(d, i, NULL), *days;
        char word[16] = "daily";
        if (t->hours_count == FARE_HOURS_MAX) {
            read_fault(r, v, "more than %d hours", FARE_HOURS_MAX);
            return;
        }
        struct fare_hours *h = &t->hours[t->hours_count++];
        read_object(r, v, fields, COUNT(fields), h);
        days = r->host->doc_get(v, "days");
        h->days = days && !read_word(r, days, word, sizeof(word)) ? 0 : days_of(word);
        if (!h->days) {
            read_fault(r, v, "days: daily, weekdays, weekend or digits 1 (Monday) to 7");
        }
        if (h->from >= h->to) {
            read_fault(r, v,
                       "the hours end before they begin: write two, up to 24:00 and from 00:00");
        }
    }
}

static void read_per(struct reading *r, const struct onecard_doc *d, struct fare_concession *c)
{
    static const char *const names[] = {"", "day", "month", "year"};
    const char *word = r->host->doc_as_text(d);
    c->per = FARE_PER_YEAR;
    for (int i = 1; word && i <= FARE_PER_YEAR; i++) {
        if (strcmp(word, names[i]) == 0) {
            c->per = (enum fare_period)i;
            return;
        }
    }
    if (d) {
        read_fault(r, d, "per: day, month or year");
    }
}

static void read_concessions(struct reading *r, const struct onecard_doc *d, struct fare_table *t)
{
    static const struct field fields[] = {
        {.name = "pays", FIELD(FIELD_PERCENT, struct fare_concession, percent, .required = true)},
        {.name = "borne", FIELD(FIELD_BORNE, struct fare_concession, borne)},
        {.name = "quota", FIELD(FIELD_UINT, struct fare_concession, quota, .max = 100000)},
        {.name = "per", .type = FIELD_OTHER},
        {.name = "beyond", FIELD(FIELD_PERCENT, struct fare_concession, beyond)},
    };
    t->own_concessions = d != NULL;
    for (size_t i = 0; i < r->host->doc_count(d); i++) {
        const char *name = NULL;
        const struct onecard_doc *v = r->host->doc_at(d, i, &name);
        if (!name || strlen(name) >= FARE_NAME || t->concession_count == FARE_CONCESSIONS) {
            read_fault(r, v, "at most %d concessions, by names of at most %d bytes",
                       FARE_CONCESSIONS, FARE_NAME - 1);
            return;
        }
        struct fare_concession *c = &t->concessions[t->concession_count++];
        strcpy(c->category, name);
        c->beyond = 100;
        read_object(r, v, fields, COUNT(fields), c);
        read_per(r, r->host->doc_get(v, "per"), c);
        if ((c->percent < 100 || (c->quota && c->beyond < 100)) && !c->borne.count) {
            read_fault(r, v, "borne: nobody bears the concession of %s", name);
        }
    }
}

static void read_after(struct reading *r, const struct onecard_doc *d, struct fare_table *t)
{
    for (size_t i = 0; i < r->host->doc_count(d); i++) {
        const struct onecard_doc *v = r->host->doc_at(d, i, NULL);
        if (t->transfer.after_count == FARE_STEPS_MAX) {
            read_fault(r, v, "after: more than %d tables", FARE_STEPS_MAX);
            return;
        }
        read_word(r, v, t->transfer.after[t->transfer.after_count++], FARE_NAME);
    }
}

static void read_transfer(struct reading *r, const struct onecard_doc *d, struct fare_table *t)
{
    static const struct field fields[] = {
        {.name = "minutes",
         FIELD(FIELD_MINUTES, struct fare_table, transfer.window, .required = true, .max = 1440)},
        {.name = "off", FIELD(FIELD_FEN, struct fare_table, transfer.off)},
        {.name = "percent", FIELD(FIELD_PERCENT, struct fare_table, transfer.percent)},
        {.name = "most", FIELD(FIELD_UINT, struct fare_table, transfer.most, .max = 100)},
        {.name = "same_line", FIELD(FIELD_BOOL, struct fare_table, transfer.same_line)},
        {.name = "after", .type = FIELD_OTHER},
        {.name = "borne", FIELD(FIELD_BORNE, struct fare_table, transfer.borne)},
    };
    if (d && read_object(r, d, fields, COUNT(fields), t)) {
        read_after(r, r->host->doc_get(d, "after"), t);
        if (!t->transfer.off == !t->transfer.percent) {
            read_fault(r, d, "transfer: either off (yuan) or percent says how much less");
        }
    }
}

static void read_steps(struct reading *r, const struct onecard_doc *d, struct fare_table *t)
{
    static const struct field fields[] = {
        {.name = "over", FIELD(FIELD_FEN, struct fare_step, over, .required = true)},
        {.name = "pays", FIELD(FIELD_PERCENT, struct fare_step, percent, .required = true)},
    };
    for (size_t i = 0; i < r->host->doc_count(d); i++) {
        const struct onecard_doc *v = r->host->doc_at(d, i, NULL);
        if (t->step_count == FARE_STEPS_MAX) {
            read_fault(r, v, "more than %d steps", FARE_STEPS_MAX);
            return;
        }
        struct fare_step *s = &t->steps[t->step_count++];
        read_object(r, v, fields, COUNT(fields), s);
        if (t->step_count > 1 && s->over <= s[-1].over) {
            read_fault(r, v, "steps go upwards");
        }
    }
}

static void read_caps(struct reading *r, const struct onecard_doc *d, struct fare_table *t)
{
    static const struct field fields[] = {
        {.name = "day", FIELD(FIELD_FEN, struct fare_table, day_cap)},
        {.name = "month", FIELD(FIELD_FEN, struct fare_table, month_cap)},
        {.name = "shared", FIELD(FIELD_BOOL, struct fare_table, caps_shared)},
        {.name = "borne", FIELD(FIELD_BORNE, struct fare_table, cap_borne)},
    };
    if (d) {
        read_object(r, d, fields, COUNT(fields), t);
    }
}

void read_passes(struct reading *r, const struct onecard_doc *d, struct fare_table *t)
{
    static const struct field fields[] = {
        {.name = "title", FIELD(FIELD_TEXT, struct fare_pass_kind, title)},
        {.name = "price", FIELD(FIELD_FEN, struct fare_pass_kind, price, .required = true)},
        {.name = "days",
         FIELD(FIELD_UINT, struct fare_pass_kind, days, .required = true, .max = 400)},
        {.name = "rides", FIELD(FIELD_UINT, struct fare_pass_kind, rides, .max = 10000)},
        {.name = "up_to", FIELD(FIELD_FEN, struct fare_pass_kind, up_to)},
        {.name = "category", FIELD(FIELD_TEXT, struct fare_pass_kind, category)},
        {.name = "eligible", FIELD(FIELD_TEXT, struct fare_pass_kind, eligible)},
        {.name = "borne", FIELD(FIELD_BORNE, struct fare_pass_kind, borne)},
    };
    for (size_t i = 0; i < r->host->doc_count(d); i++) {
        const char *name = NULL;
        const struct onecard_doc *v = r->host->doc_at(d, i, &name);
        if (!name || strlen(name) >= FARE_NAME || t->pass_count == FARE_PASSES_MAX) {
            read_fault(r, v, "at most %d passes, by names of at most %d bytes", FARE_PASSES_MAX,
                       FARE_NAME - 1);
            return;
        }
        struct fare_pass_kind *p = &t->passes[t->pass_count++];
        strcpy(p->id, name);
        read_object(r, v, fields, COUNT(fields), p);
    }
}

/* One of the rules on journeys that went wrong. `time`: the key of its minutes, NULL: none. */
static void read_special(struct reading *r, const struct onecard_doc *d, const char *time,
                         bool fare_needed, struct fare_special *ret)
{
    const struct field fields[] = {
        {.name = "fare", FIELD(FIELD_FEN0, struct fare_special, fare, .required = fare_needed)},
        {.name = time ? time : "",
         FIELD(FIELD_MINUTES, struct fare_special, seconds, .required = true,
               .max = MONTH_MINUTES)},
    };
    if (d) {
        read_object(r, d, fields, time ? 2 : 1, ret);
        ret->set = r->host->doc_get(d, "fare") != NULL;
    }
}

void read_rules(struct reading *r, const struct onecard_doc *d, struct fare_table *t)
{
    const struct onecard_host *h = r->host;
    read_hours(r, h->doc_get(d, "hours"), t);
    read_concessions(r, h->doc_get(d, "concessions"), t);
    read_transfer(r, h->doc_get(d, "transfer"), t);
    read_steps(r, h->doc_get(d, "steps"), t);
    read_caps(r, h->doc_get(d, "caps"), t);
    read_passes(r, h->doc_get(d, "passes"), t);
    read_special(r, h->doc_get(d, "over_time"), "minutes", false, &t->over_time);
    t->time_most = t->over_time.seconds;
    read_special(r, h->doc_get(d, "same_station"), "minutes", true, &t->same_station);
    read_special(r, h->doc_get(d, "missing_exit"), NULL, true, &t->missing_exit);
    read_special(r, h->doc_get(d, "missing_entry"), NULL, true, &t->missing_entry);
}

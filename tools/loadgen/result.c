/* Whether a result agrees with the card, and what is counted of it. See load.h. */
#include "load.h"

#include <inttypes.h>

void result_check(struct term *t, const pb_result *r)
{
    const struct call *c = &t->call;
    struct load *l = t->load;
    const struct chip_store *s = t->chip.store;
    if (work_cardless(t))
        return;
    uint32_t moved = s->moves - c->moves;
    uint32_t wanted = (unsigned)r->outcome == (unsigned)PB_POSTED &&
                      c->service != SERVICE_BALANCE && c->service != SERVICE_ENTRY;
    int64_t change = (int64_t)s->balance - c->balance,
            amount = c->service == SERVICE_LOAD ? r->amount_fen : -r->amount_fen;
    if (moved > wanted) {
        l->all.doubled++;
        report_error(l, "%s request %" PRIu64 ": the card moved %u times, the answer is %d %s",
                     t->id, c->number, moved, (int)r->outcome, r->reason);
    } else if (moved < wanted) {
        l->all.lost++;
        report_error(l, "%s request %" PRIu64 ": posted, but the card never moved", t->id,
                     c->number);
    } else if ((wanted && (change != amount || (c->amount && r->amount_fen != c->amount))) ||
               (r->has_balance && r->balance_fen != s->balance)) {
        l->all.disagree++;
        report_error(l,
                     "%s request %" PRIu64 ": the card went from %d to %d, the answer says %" PRId64
                     " and %" PRId64,
                     t->id, c->number, (int)c->balance, (int)s->balance, (int64_t)r->amount_fen,
                     (int64_t)r->balance_fen);
    }
}

void result_count(struct term *t, const pb_result *r)
{
    struct load *l = t->load;
    const struct call *c = &t->call;
    int64_t took = l->now_ns - c->intended_ns;
    l->all.replayed += r->replayed != 0;
    if ((unsigned)r->outcome == (unsigned)PB_POSTED) {
        l->all.posted[c->service]++;
        work_posted(t);
        if (c->measured && l->now_ns < l->end_ns)
            hist_add(&l->all.latency[c->service], took);
        if (c->reconnecting)
            hist_add(&l->all.reconnecting, took);
        int64_t second = (l->now_ns - l->measure_ns) / NS_PER_S;
        if (l->measuring && second >= 0 && second < l->seconds)
            l->per_second[second]++;
    } else if ((unsigned)r->outcome == (unsigned)PB_VOIDED) {
        l->all.voided++;
    } else {
        l->all.refused++;
        report_error(l, "%s %s: refused: %s (%s)", t->id, service_names[c->service], r->reason,
                     r->detail);
    }
    l->all.lists += c->lists;
}

/* Messages for institutions without a route wait until they are fetched, and one that never fetches
 * would leave them there for good, unseen. After an age that the site sets they are dead: a person
 * looks, has the institution fetch again, or drops them. Nothing else about them ends by the clock
 * (R4): a hold whose confirmation is dead is still to be confirmed. */
#include "txn/parcel.h"

#include <string.h>

#define PAGE 8 /* documents of 64 KiB: a page must fit into a flow's arena */

struct pass {
    struct txn_env *env;
    int64_t before_ms, age_ms, after;
    unsigned dead;
    bool more;
};

static void count(struct txn_env *env, const char *to)
{
    char label[64];
    (void)snprintf(label, sizeof label, "to=\"%s\"", to);
    if (env->metrics != NULL)
        metric_add(
            metric_counter(env->metrics, "onecard_outbox_dead_total", label, "Messages that died."),
            1);
}

static CO_FN int bury(struct pass *p, struct parcel *dead)
{
    char id[IDENT_TEXT];
    (void)snprintf(dead->note, sizeof dead->note, "not fetched for %lld hours",
                   (long long)(p->age_ms / 3600000));
    int rc = parcel_co_end(p->env, dead, MESSAGE_DEAD, dead->row.tries);
    if (rc == OC_ENOENT || rc == OC_ESTATE)
        return 0; /* it was fetched just now, or an operator was here */
    if (rc != 0)
        return rc;
    log_error("outbox", "message=%s to=%s kind=%s is dead: %s", ident_text(dead->row.id, id),
              dead->row.to, dead->row.kind, dead->note);
    count(p->env, dead->row.to);
    p->dead++;
    return 0;
}

static bool too_old(const struct pass *p, const struct message_row *m)
{
    return m->due_ms <= p->before_ms && !upstream_has(p->env->upstream, m->to);
}

static int page_flow(void *arg) CO_FN;
static int page_flow(void *arg)
{
    struct pass *p = arg;
    struct message_row *rows = arena_alloc(flow_arena(), PAGE * sizeof *rows);
    struct parcel *dead = arena_alloc(flow_arena(), sizeof *dead);
    unsigned n = 0;
    if (rows == NULL || dead == NULL)
        return OC_ENOMEM;
    flow_set_background(true);
    int rc = ledger_co_messages(p->env->ledger, p->after, MESSAGE_DUE, NULL, flow_arena(), rows,
                                PAGE, &n);
    for (unsigned i = 0; rc == 0 && i < n; i++) {
        p->after = rows[i].id;
        if (!too_old(p, &rows[i]))
            continue;
        memset(dead, 0, sizeof *dead);
        dead->row = rows[i];
        rc = bury(p, dead);
    }
    /* Ids go up with the time of their commit: whoever comes after a young one is young. */
    p->more = n == PAGE && ident_ms(p->after) <= p->before_ms;
    return rc;
}

int txn_co_outbox_expire(struct txn_env *env, int64_t age_ms, unsigned *ret_dead)
{
    struct pass p = {.env = env,
                     .before_ms = clock_wall_ms(env->clock) - age_ms,
                     .age_ms = age_ms,
                     .more = true};
    int rc = 0;
    while (rc == 0 && p.more) {
        struct flow *f;
        int result = 0;
        rc = flow_start(env->loop, "outbox age", page_flow, &p, &f);
        if (rc != 0)
            break;
        flow_shield(); /* it works in p */
        rc = flow_co_join(f, &result, FLOW_FOREVER);
        flow_unshield();
        flow_put(f);
        rc = rc != 0 ? rc : result;
    }
    *ret_dead = p.dead;
    return rc;
}

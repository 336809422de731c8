/* How many lines of one kind the log gets (lines.h). A reason is its text's first place in the
 * table; what was counted is said by a flow that lives only while something is counted. */
#include "serve/lines.h"

#include <string.h>

#define EACH_NS NS_PER_S

void lines_init(struct lines *l, struct loop *loop, const char *what)
{
    *l = (struct lines){.loop = loop, .what = what};
}

static unsigned place(struct lines *l, const char *why)
{
    unsigned i = 0;
    while (i < l->count && l->items[i].why != why && strcmp(l->items[i].why, why) != 0)
        i++;
    if (i == LINES_MAX)
        return LINES_MAX - 1;
    if (i == l->count)
        l->items[l->count++].why = why;
    return i;
}

static void say(struct lines *l)
{
    for (unsigned i = 0; i < l->count; i++) {
        if (l->items[i].more == 0)
            continue;
        log_warn("terminal", "and %u more %s: %s%s", l->items[i].more, l->what, l->items[i].why,
                 i == LINES_MAX - 1 ? ", or another reason" : "");
        l->items[i].more = 0;
        l->items[i].since_ns = loop_now_ns(l->loop);
    }
    l->waiting = false;
}

static int say_flow(void *arg) CO_FN;
static int say_flow(void *arg)
{
    flow_set_background(true);
    int rc = flow_co_sleep_ms(EACH_NS / NS_PER_MS);
    say(arg); /* also when the loop stops: nothing is kept to oneself */
    return rc;
}

bool lines_may(struct lines *l, const char *why)
{
    int64_t now = loop_now_ns(l->loop);
    unsigned i = place(l, why);
    if (l->items[i].since_ns == 0 || now - l->items[i].since_ns >= EACH_NS) {
        if (l->items[i].more > 0)
            say(l);
        l->items[i].since_ns = now;
        return true;
    }
    l->items[i].more++;
    if (!l->waiting)
        l->waiting = flow_start(l->loop, "lines", say_flow, l, NULL) == 0;
    return false;
}

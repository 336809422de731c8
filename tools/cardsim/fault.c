/*
 * Misbehaviour on order. A fault is one-shot unless its specification ends in '!'; `slow` and
 * `no-prove` last until cleared. The grammar is in README.md.
 */
#include "card.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    enum fault_kind kind;
    bool sticky;
    char value; /* what follows ':': 'n' command number, 'm' milliseconds, 's' status, 0 nothing */
} names[] = {
    {"torn-before", FAULT_TORN_BEFORE, false, 'n'},
    {"torn-after", FAULT_TORN_AFTER, false, 'n'},
    {"mute", FAULT_MUTE, false, 'n'},
    {"sw", FAULT_SW, false, 's'},
    {"short-answer", FAULT_SHORT, false, 'n'},
    {"garbage", FAULT_GARBAGE, false, 'n'},
    {"slow", FAULT_SLOW, true, 'm'},
    {"wrong-mac1", FAULT_MAC1, false, 0},
    {"wrong-mac2", FAULT_MAC2, false, 0},
    {"wrong-tac", FAULT_TAC, false, 0},
    {"no-prove", FAULT_NO_PROVE, true, 0},
};

static bool number(const char **at, int base, unsigned long max, unsigned *ret)
{
    char *end = NULL;
    if (!((**at >= '0' && **at <= '9') || base == 16))
        return false;
    unsigned long v = strtoul(*at, &end, base);
    if (end == *at || v > max)
        return false;
    *at = end;
    *ret = (unsigned)v;
    return true;
}

/* After the name: [:value] [@INS] [#k] [!] */
static bool parse_rest(const char *at, char value, struct fault *f)
{
    unsigned v = 0;
    bool need = value == 's' || value == 'm';
    if (*at == ':') {
        at++;
        if (value == 0 ||
            !number(&at, value == 's' ? 16 : 10, value == 's' ? 0xFFFF : 600000, &f->arg))
            return false;
        need = false;
    }
    if (*at == '@') {
        at++;
        if (!number(&at, 16, 0xFF, &v))
            return false;
        f->ins = (int)v;
    }
    if (*at == '#') {
        at++;
        if (!number(&at, 10, 1000000, &f->nth) || f->nth == 0)
            return false;
    }
    if (*at == '!') {
        at++;
        f->sticky = true;
    }
    return *at == '\0' && !need;
}

int cardsim_fault_add(struct cardsim *c, const char *spec)
{
    size_t len = strcspn(spec, ":@#!");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strlen(names[i].name) != len || strncmp(names[i].name, spec, len) != 0)
            continue;
        struct fault f = {.kind = names[i].kind, .sticky = names[i].sticky, .ins = -1, .nth = 1};
        if (!parse_rest(spec + len, names[i].value, &f))
            return CARDSIM_EINVAL;
        if (names[i].value == 0)
            f.ins = -1; /* these name their command themselves */
        if (names[i].value == 'n' && f.arg != 0)
            f.nth = 0;
        if (c->n_faults == MAX_FAULTS)
            return CARDSIM_EFULL;
        c->faults[c->n_faults++] = f;
        return 0;
    }
    return CARDSIM_EINVAL;
}

void cardsim_fault_clear(struct cardsim *c)
{
    c->n_faults = 0;
}

unsigned cardsim_fault_count(const struct cardsim *c)
{
    return (unsigned)c->n_faults;
}

void cs_fault_power(struct cardsim *c)
{
    c->mute = false;
    c->commands = 0;
}

static void drop(struct cardsim *c, size_t i)
{
    c->n_faults--;
    memmove(&c->faults[i], &c->faults[i + 1], (c->n_faults - i) * sizeof c->faults[0]);
}

static struct fault taken(struct cardsim *c, size_t i)
{
    struct fault f = c->faults[i];
    if (!f.sticky)
        drop(c, i);
    return f;
}

/* The first fault of the kind that is due, or NULL; what is returned lives until the next call. */
struct fault *cs_fault_take(struct cardsim *c, enum fault_kind kind, uint8_t ins)
{
    for (size_t i = 0; i < c->n_faults; i++) {
        struct fault *f = &c->faults[i];
        if (f->kind != kind || (f->ins >= 0 && f->ins != ins))
            continue;
        if (f->nth == 0 ? c->commands != f->arg : ++f->seen < f->nth)
            continue;
        c->faults[MAX_FAULTS] = taken(c, i);
        return &c->faults[MAX_FAULTS];
    }
    return NULL;
}

void cs_fault_spoil(struct cardsim *c, enum fault_kind kind, uint8_t *bytes)
{
    if (cs_fault_take(c, kind, 0))
        bytes[0] ^= 0x5A;
}

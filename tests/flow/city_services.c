/* What a city needs beside shops and buses: institutions, citizens, a vault for their documents, other modules than
 * those it opens with. */
#include "city.h"

#include <string.h>

static struct ledger_op op;

static struct ledger_op *fresh(enum ledger_op_type type)
{
    memset(&op, 0, sizeof op);
    op.type = (uint8_t)type;
    snprintf(op.who, sizeof op.who, "test");
    return &op;
}

void city_participant(struct city *c, const char *id)
{
    struct op_participant *p = &fresh(LOP_PARTICIPANT)->participant;
    snprintf(p->id, sizeof p->id, "%s", id);
    snprintf(p->name, sizeof p->name, "%s", id);
    p->load_quota = 2000000;
    assert_int_equal(city_op(c, &op), 0);
}

void city_terminal(struct city *c, const char *id, const char *participant, uint8_t sam, const char *params)
{
    struct op_terminal *t = &fresh(LOP_TERMINAL)->terminal;
    snprintf(t->id, sizeof t->id, "%s", id);
    snprintf(t->kind, sizeof t->kind, "desk");
    snprintf(t->participant, sizeof t->participant, "%s", participant);
    snprintf(t->reader, sizeof t->reader, "sim");
    snprintf(t->services, sizeof t->services, "*");
    snprintf(t->params, sizeof t->params, "%s", params);
    memset(t->sam, 0x40, sizeof t->sam);
    t->sam[5] = sam;
    assert_int_equal(city_op(c, &op), 0);
}

void city_citizen(struct city *c, const char *id)
{
    struct op_citizen *p = &fresh(LOP_CITIZEN)->citizen;
    snprintf(p->id, sizeof p->id, "%s", id);
    p->search[0] = (uint8_t)id[1];
    p->sealed_len = 8;
    assert_int_equal(city_op(c, &op), 0);
}

/* ---- a vault with one key for all ---- */

static const struct seal_key vault_key = {.id = 9, .bytes = {1, 2, 3}};

static int co_seal(void *vault, const char *citizen, uint8_t what, struct bytes place, struct bytes plain,
                   struct buf *ret)
{
    struct city *c = vault;
    (void)citizen, (void)what;
    return seal_wrap(c->env.crypto, &vault_key, place, plain, ret);
}

static int co_unseal(void *vault, const char *citizen, uint8_t what, struct bytes place, struct bytes blob,
                     struct buf *ret)
{
    struct city *c = vault;
    (void)citizen, (void)what;
    return seal_unwrap(c->env.crypto, &vault_key, place, blob, ret);
}

void city_vault(struct city *c)
{
    c->env.vault = c;
    c->env.co_seal = co_seal;
    c->env.co_unseal = co_unseal;
}

/* ---- modules ---- */

void city_modules(struct city *c, const char *const *names, size_t count, const char *conf)
{
    struct conf_errors errors;
    struct buf why;
    ROLE_ENTER_WORKER();
    module_set_free(&c->env.modules);
    arena_fini(&c->arena);
    arena_init(&c->arena, 0);
    memset(&c->tree, 0, sizeof c->tree);
    conf_errors_init(&errors);
    assert_int_equal(conf_tree_parse("test", conf, strlen(conf), &c->arena, &errors, &c->tree), 0);
    struct modules_opts o = {.dir = ONECARD_BINARY_DIR "/lib/onecard/modules",
                             .names = names,
                             .count = count,
                             .tree = &c->tree,
                             .conf = conf_subtree(&c->tree, "modules")};
    if (module_set_load(&o, &errors, &c->env.modules) != 0) {
        buf_init(&why, 0);
        conf_errors_print(&errors, &why);
        fail_msg("%s", buf_cstr(&why));
    }
    conf_errors_fini(&errors);
}

/* ---- the outbox ---- */

struct patience {
    struct city *c;
    int64_t ms;
};
static int wait_flow(void *arg) CO_FN;
static int wait_flow(void *arg)
{
    const struct patience *p = arg;
    struct ledger_stats s;
    for (int64_t left = p->ms; left > 0; left -= 5) {
        ledger_stats(p->c->ledger, &s);
        if (s.outbox == 0)
            return 0;
        int rc = flow_co_sleep_ms(5);
        if (rc != 0)
            return rc;
    }
    return OC_ETIMEDOUT;
}

bool city_delivered(struct city *c, int64_t ms)
{
    struct patience p = {c, ms};
    return loop_run_flow(c->loop, "wait", wait_flow, &p) == 0;
}

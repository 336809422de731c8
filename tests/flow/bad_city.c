/* See bad_city.h. */
#include "bad_city.h"

#include <ftw.h>
#include <sys/stat.h>

struct city c;
struct reader_sim *second;
static struct cardsim *second_card;
static struct seal_key vault_key = {.id = 9, .bytes = {1, 2, 3}};
static struct arena arena;
static struct conf_tree tree;
static struct ledger_op op;
static char folder[64];

static const char metro[] =
    "name: metro\nfrom: 2000-01-01\nuntil: %s\nkind: zones\n"
    "stations: [{id: 101, zone: 1}, {id: 102, zone: 1}, {id: 103, zone: 2}]\n"
    "bands: [{up_to: 1, fare: 2.00}, {fare: 3.50}]\n"
    "concessions: {student: {pays: 50%%, borne: treasury}}\n"
    "transfer: {minutes: 60, off: 1.00, after: [bus], "
    "borne: {operator.bus: 50%%, operator.metro: 50%%}}\n"
    "same_station: {minutes: 10, fare: 0}\npass_back_seconds: 60\n";
static const char metro_dearer[] = "name: metro\nfrom: %s\nkind: zones\n"
                                   "stations: [{id: 101, zone: 1}, {id: 102, zone: 1}, "
                                   "{id: 103, zone: 2}]\nbands: [{up_to: 1, fare: 3.00}, "
                                   "{fare: 5.00}]\n"
                                   "concessions: {student: {pays: 50%%, borne: treasury}}\n";
static const char bus[] = "name: bus\nfrom: 2000-01-01\nkind: flat\nflat: 2.00\n"
                          "concessions: {student: {pays: 50%%, borne: treasury}}\n";
static const char asked_rules[] =
    "kind: insurance\ninsurance: employee\nfrom: 2000-01-01\nauthority: upstream\nbureau: bureau\n"
    "funds: {basic: fund-employee, serious: fund-serious, civil: fund-civil, "
    "assistance: fund-aid, personal: fund-personal}\npersonal: {authority: here}\n";

/* ---- the city ---- */

static int co_seal(void *vault, const char *citizen, uint8_t what, struct bytes place,
                   struct bytes plain, struct buf *ret)
{
    (void)vault, (void)citizen, (void)what;
    return seal_wrap(c.env.crypto, &vault_key, place, plain, ret);
}
static int co_unseal(void *vault, const char *citizen, uint8_t what, struct bytes place,
                     struct bytes blob, struct buf *ret)
{
    (void)vault, (void)citizen, (void)what;
    return seal_unwrap(c.env.crypto, &vault_key, place, blob, ret);
}

static struct ledger_op *fresh(enum ledger_op_type type)
{
    memset(&op, 0, sizeof op);
    op.type = (uint8_t)type;
    snprintf(op.who, sizeof op.who, "test");
    return &op;
}

static void add_participant(const char *id)
{
    struct op_participant *p = &fresh(LOP_PARTICIPANT)->participant;
    snprintf(p->id, sizeof p->id, "%s", id);
    snprintf(p->name, sizeof p->name, "%s", id);
    p->load_quota = 2000000;
    assert_int_equal(city_op(&c, &op), 0);
}

static void add_terminal(const char *id, const char *participant, uint8_t sam, const char *params)
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
    assert_int_equal(city_op(&c, &op), 0);
}

static void add_citizen(const char *id)
{
    struct op_citizen *p = &fresh(LOP_CITIZEN)->citizen;
    snprintf(p->id, sizeof p->id, "%s", id);
    p->search[0] = (uint8_t)id[1];
    p->sealed_len = 8;
    assert_int_equal(city_op(&c, &op), 0);
}

static void found(void)
{
    static const char *const hospitals[] = {H1, H2};
    static const char *const stations[] = {"101", "102", "103"};
    char id[16], params[96];
    add_participant("metro");
    add_participant("bureau");
    add_terminal("bureau", "bureau", 20, "{}");
    for (size_t i = 0; i < ARRAY_LEN(hospitals); i++) {
        add_participant(hospitals[i]);
        add_terminal(hospitals[i], hospitals[i], (uint8_t)(21 + i), "{}");
    }
    add_terminal("hall", H2, 30, "{}"); /* the second desk of that hospital */
    for (size_t i = 0; i < ARRAY_LEN(stations); i++) {
        snprintf(id, sizeof id, "m%s", stations[i]);
        snprintf(params, sizeof params, "{\"table\":\"metro\",\"station\":\"%s\",\"line\":\"1\"}",
                 stations[i]);
        add_terminal(id, "metro", (uint8_t)(31 + i), params);
    }
    add_terminal("b7", "bus", 35, "{\"table\":\"bus\",\"line\":\"7\"}");
    add_citizen("c1");
    add_citizen("c2");
}

static void write_file(const char *dir, const char *name, const char *fmt, const char *word)
{
    char path[160], text[2048];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(text, sizeof text, fmt, word);
#pragma GCC diagnostic pop
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

/* The fares change with the coming midnight. */
static void write_tables(void)
{
    char from[11], until[11];
    (void)date_text(date_add(today(), 1), from);
    (void)date_text(today(), until);
    write_file(folder, "metro.yaml", metro, until);
    write_file(folder, "metro-next.yaml", metro_dearer, from);
    write_file(folder, "bus.yaml", bus, "");
}

static void load_modules(bool asked)
{
    static const char *const names[] = {"payment", "transit", "medical", "social"};
    struct conf_errors errors;
    struct buf text;
    char conf[512], rules[160];
    ROLE_ENTER_WORKER();
    snprintf(rules, sizeof rules, "%s", ONECARD_SOURCE_DIR "/conf/bureau");
    if (asked) {
        snprintf(rules, sizeof rules, "%s/rules", folder);
        assert_int_equal(mkdir(rules, 0700), 0);
        write_file(rules, "employee.yaml", "%s", asked_rules);
    }
    int len = snprintf(conf, sizeof conf,
                       "modules: {transit: {fares: %s, same_card_seconds: 1}, social: {rules: %s}}",
                       folder, rules);
    conf_errors_init(&errors);
    module_set_free(&c.env.modules);
    arena_init(&arena, 0);
    assert_int_equal(conf_tree_parse("test", conf, (size_t)len, &arena, &errors, &tree), 0);
    struct modules_opts o = {.dir = ONECARD_BINARY_DIR "/lib/onecard/modules",
                             .names = names,
                             .count = 4,
                             .tree = &tree,
                             .conf = conf_subtree(&tree, "modules")};
    if (module_set_load(&o, &errors, &c.env.modules) != 0) {
        buf_init(&text, 0);
        conf_errors_print(&errors, &text);
        fail_msg("%s", buf_cstr(&text));
    }
    conf_errors_fini(&errors);
}

static int set_up(bool asked)
{
    city_open(&c, CARDSIM_PBOC, "pboc-ep");
    city_lane(&c, 1, &second, &second_card);
    reader_sim_remove(second);
    snprintf(folder, sizeof folder, "/tmp/onecard-bad.XXXXXX");
    assert_non_null(mkdtemp(folder));
    write_tables();
    load_modules(asked);
    c.env.co_seal = co_seal;
    c.env.co_unseal = co_unseal;
    found();
    connect_outside();
    for (int i = 1; i >= 0; i--) {
        lay(i);
        good(chip(with("payment.load", "desk", 100000, NULL)));
    }
    return 0;
}

int bad_setup(void **state)
{
    (void)state;
    return set_up(false);
}
int bad_setup_asked(void **state)
{
    (void)state;
    return set_up(true);
}

static int stop_flow(void *arg) CO_FN;
static int stop_flow(void *arg)
{
    loop_stop(arg, 200);
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

int bad_teardown(void **state)
{
    (void)state;
    int rc = loop_run_flow(c.loop, "stop", stop_flow, c.loop);
    rc = rc == 0 ? loop_run(c.loop) : rc;
    struct upstream *u = c.env.upstream;
    city_close(&c);
    upstream_close(&u);
    cardsim_free(&second_card);
    arena_fini(&arena);
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return rc;
}

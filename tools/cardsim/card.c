/*
 * The life of a card, and the way of one command through it: faults, length checks, the table of
 * commands, what is still allowed when blocked, T=0 answers.
 */
#include "card.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { C00 = 1, C04 = 2, C80 = 4, C84 = 8 };
enum {
    WHEN_BLOCKED = 1, /* allowed in a blocked application */
    KEEPS_TRANS = 2,  /* does not drop what INITIALIZE began */
};

static const struct command {
    uint8_t ins, classes, flags, answer; /* answer: its fixed length, 0 = variable */
    uint16_t (*run)(struct cardsim *c, const struct apdu *a, struct out *o);
    const char *name;
} commands[] = {
    {0xA4, C00, WHEN_BLOCKED, 0, cs_cmd_select, "SELECT"},
    {0x84, C00, WHEN_BLOCKED, 0, cs_cmd_challenge, "GET CHALLENGE"},
    {0x82, C00, WHEN_BLOCKED, 0, cs_cmd_external, "EXTERNAL AUTHENTICATE"},
    {0x88, C00, 0, 0, cs_cmd_internal, "INTERNAL AUTHENTICATE"},
    {0xB0, C00 | C04, 0, 0, cs_cmd_read_binary, "READ BINARY"},
    {0xB2, C00 | C04, 0, 0, cs_cmd_read_record, "READ RECORD"},
    {0xD6, C00 | C04, 0, 0, cs_cmd_update_binary, "UPDATE BINARY"},
    {0xD0, C00 | C04, 0, 0, cs_cmd_update_binary, "UPDATE BINARY"},
    {0xDC, C00 | C04, 0, 0, cs_cmd_update_record, "UPDATE RECORD"},
    {0xD2, C00 | C04, 0, 0, cs_cmd_update_record, "UPDATE RECORD"},
    {0xE2, C00 | C04, 0, 0, cs_cmd_append_record, "APPEND RECORD"},
    {0x20, C00, 0, 0, cs_cmd_verify, "VERIFY"},
    {0xE0, C80, 0, 0, cs_cmd_create, "CREATE FILE"},
    {0x0E, C80, 0, 0, cs_cmd_erase, "ERASE DF"},
    {0xD4, C80 | C84, 0, 0, cs_cmd_write_key, "WRITE KEY"},
    {0x5E, C80 | C84, 0, 0, cs_cmd_pin, "RELOAD/CHANGE PIN"},
    {0x24, C84, 0, 0, cs_cmd_pin_unblock, "PIN UNBLOCK"},
    {0x1E, C84, WHEN_BLOCKED, 0, cs_cmd_app_block, "APPLICATION BLOCK"},
    {0x18, C84, WHEN_BLOCKED, 0, cs_cmd_app_unblock, "APPLICATION UNBLOCK"},
    {0x16, C84, WHEN_BLOCKED, 0, cs_cmd_card_block, "CARD BLOCK"},
    {0x50, C80, 0, 0, cs_cmd_initialize, "INITIALIZE"},
    {0xDC, C80, KEEPS_TRANS, 0, cs_cmd_capp_cache, "UPDATE CAPP DATA CACHE"},
    {0x52, C80, KEEPS_TRANS, 4, cs_cmd_credit, "CREDIT FOR LOAD"},
    {0x54, C80, KEEPS_TRANS, 8, cs_cmd_debit, "DEBIT"},
    {0x58, C80, KEEPS_TRANS, 4, cs_cmd_limit, "UPDATE OVERDRAW LIMIT"},
    {0x5C, C80, 0, 4, cs_cmd_balance, "GET BALANCE"},
    {0x5A, C80, 0, 8, cs_cmd_prove, "GET TRANSACTION PROVE"},
    {0xCA, C80, KEEPS_TRANS, 9, cs_cmd_security_code, "GET SECURITY CODE"},
};

void cs_emit(struct out *o, const void *data, size_t len)
{
    if (len > sizeof o->buf - o->len)
        abort();
    if (len)
        memcpy(o->buf + o->len, data, len);
    o->len += len;
}

void cs_random(struct cardsim *c, uint8_t *out, size_t len)
{
    if (c->random)
        c->random(c->random_ctx, out, len);
    else if (getrandom(out, len, 0) != (ssize_t)len)
        abort();
}

/* splitmix64: good enough to be different, and the same everywhere */
static void seeded(void *ctx, uint8_t *out, size_t len)
{
    uint64_t *seed = ctx;
    for (size_t i = 0; i < len; i++) {
        *seed += UINT64_C(0x9E3779B97F4A7C15);
        uint64_t z = *seed;
        z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
        out[i] = (uint8_t)(z >> 56);
    }
}

void cs_wipe(struct cardsim *c)
{
    cs_node_erase_below(c, 0);
    OPENSSL_cleanse(c->keys, sizeof c->keys);
    memset(c->nodes, 0, sizeof c->nodes[0]);
}

/* A chip of these kinds has a number of its own at the end of its ATR: T=0 and T=1, eight
 * historical bytes. */
void cs_own_atr(struct cardsim *c)
{
    uint8_t atr[17] = {0x3B, 0xE8, 0x00, 0x00, 0x81, 0x31, 0xFE, 0x45};
    cs_random(c, atr + 8, 8);
    for (size_t i = 1; i < sizeof atr - 1; i++)
        atr[sizeof atr - 1] ^= atr[i];
    memcpy(c->opt.atr, atr, sizeof atr);
    c->opt.atr_len = sizeof atr;
}

/* As the chip leaves its maker: MF with the transport keys, FF throughout. */
int cs_blank(struct cardsim *c)
{
    static const char name[] = "1PAY.SYS.DDF01";
    struct node keys = {.kind = KIND_KEYS, .fid = 0, .access1 = 0xFA, .tail = 0xFF};
    struct key k = {
        .type = KEY_EXTERNAL, .use = 0xF0, .change = 0xFA, .a = 0xAA, .b = 0xFF, .len = 16};
    cs_wipe(c);
    struct node *mf = &c->nodes[0];
    mf->used = 1;
    mf->kind = KIND_DF;
    mf->fid = 0x3F00;
    mf->access1 = mf->access2 = 0xFA;
    mf->tail = 1;
    mf->name_len = sizeof name - 1;
    memcpy(mf->name, name, mf->name_len);
    memset(k.value, 0xFF, sizeof k.value);
    c->card_blocked = false;
    if (cs_node_add(c, 0, &keys) == NONE || cs_key_add(c, &k) != 0)
        return CARDSIM_ENOMEM;
    k.type = KEY_FILE;
    k.a = 0xFF;
    return cs_key_add(c, &k);
}

int cardsim_new(struct cardsim **ret_card, const struct cardsim_options *options)
{
    if (options && options->atr_len > CARDSIM_ATR_MAX)
        return CARDSIM_EINVAL;
    struct cardsim *c = calloc(1, sizeof *c);
    if (!c)
        return CARDSIM_ENOMEM;
    if (options)
        c->opt = *options;
    if (c->opt.profile >= CARDSIM_SSC && c->opt.atr_len == 0)
        cs_own_atr(c);
    if (cs_blank(c) != 0) {
        cardsim_free(&c);
        return CARDSIM_ENOMEM;
    }
    *ret_card = c;
    return 0;
}

void cardsim_free(struct cardsim **card)
{
    if (!*card)
        return;
    cs_wipe(*card);
    OPENSSL_cleanse(*card, sizeof **card);
    free(*card);
    *card = NULL;
}

void cardsim_set_random(struct cardsim *c, cardsim_random_fn *fn, void *ctx)
{
    c->random = fn;
    c->random_ctx = ctx;
}

void cardsim_set_seed(struct cardsim *c, uint64_t seed)
{
    c->seed = seed;
    cardsim_set_random(c, seeded, &c->seed);
}

struct cardsim_options *cardsim_options(struct cardsim *c)
{
    return &c->opt;
}

void cardsim_power_on(struct cardsim *c)
{
    cs_fault_power(c);
    c->powered = true;
    c->mf_state = 0;
    c->challenge_len = c->iv_len = c->pending_len = 0;
    c->trans.kind = TRANS_NONE;
    cs_enter(c, 0);
}

void cardsim_reset(struct cardsim *c)
{
    cardsim_power_on(c);
}

void cardsim_power_off(struct cardsim *c)
{
    c->powered = false;
    c->trans.kind = TRANS_NONE;
}

bool cardsim_powered(const struct cardsim *c)
{
    return c->powered;
}

/* T=0 and T=1 offered, historical bytes "CITY" 8638 with the profile's number; TCK closes it. */
size_t cardsim_atr(const struct cardsim *c, uint8_t *atr)
{
    uint8_t made[] = {0x3B, 0xE8, 0x00, 0x00, 0x81, 0x31, 0xFE, 0x45, 'C',
                      'I',  'T',  'Y',  0x86, 0x38, 0,    0,    0};
    if (c->opt.atr_len) {
        memcpy(atr, c->opt.atr, c->opt.atr_len);
        return c->opt.atr_len;
    }
    made[14] = (uint8_t)c->opt.profile;
    if (c->opt.t0) { /* T=0 alone has no TCK */
        static const uint8_t t0[] = {0x3B, 0x68, 0x00, 0x00, 'C', 'I', 'T', 'Y', 0x86, 0x38, 0, 0};
        memcpy(atr, t0, sizeof t0);
        atr[10] = made[14];
        return sizeof t0;
    }
    for (size_t i = 1; i < sizeof made - 1; i++)
        made[sizeof made - 1] ^= made[i];
    memcpy(atr, made, sizeof made);
    return sizeof made;
}

static uint16_t parse(const uint8_t *cmd, size_t len, struct apdu *a)
{
    memset(a, 0, sizeof *a);
    a->data = cmd;
    if (len < 4)
        return SW_LENGTH;
    a->cla = cmd[0];
    a->ins = cmd[1];
    a->p1 = cmd[2];
    a->p2 = cmd[3];
    if (len == 4)
        return SW_OK;
    size_t n = cmd[4];
    if (len == 5) {
        a->has_le = true;
        a->le = n ? n : 256;
        return SW_OK;
    }
    if (n == 0) /* ERASE DF is written with Lc 00 and a Le */
        return len == 6 && cmd[5] == 0 ? SW_OK : SW_LENGTH;
    if (len != 5 + n && len != 6 + n)
        return SW_LENGTH;
    a->lc = n;
    a->data = cmd + 5;
    a->has_le = len == 6 + n;
    if (a->has_le)
        a->le = cmd[5 + n] ? cmd[5 + n] : 256;
    return SW_OK;
}

static unsigned class_bit(uint8_t cla)
{
    return cla == 0x00 ? C00 : cla == 0x04 ? C04 : cla == 0x80 ? C80 : cla == 0x84 ? C84 : 0;
}

static const struct command *find(uint8_t cla, uint8_t ins)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (commands[i].ins == ins && commands[i].classes & class_bit(cla))
            return &commands[i];
    return NULL;
}

/* What INITIALIZE answers depends on P1; DEBIT FOR UNLOAD answers four bytes where the others
 * answer eight. */
static size_t fixed_answer(const struct command *cmd, const struct apdu *a)
{
    static const uint8_t initialize[] = {16, 15, 15, 15, 19, 16};
    if (a->ins == 0x50)
        return a->p1 < sizeof initialize ? initialize[a->p1] : 0;
    return a->ins == 0x54 && a->p1 == 3 ? 4 : cmd->answer;
}

static bool le_wrong(const struct cardsim *c, const struct apdu *a, size_t fixed)
{
    if (!a->has_le || fixed == 0 || a->le == fixed)
        return false;
    return a->le != 256 || (c->opt.t0 && a->lc == 0);
}

static uint16_t dispatch(struct cardsim *c, const struct apdu *a, struct out *o)
{
    const struct command *cmd = find(a->cla, a->ins);
    if (c->card_blocked)
        return SW_FUNCTION;
    if (!class_bit(a->cla))
        return SW_CLA;
    if (!cmd)
        return SW_INS;
    if (le_wrong(c, a, fixed_answer(cmd, a)))
        return (uint16_t)(SW_LE | fixed_answer(cmd, a));
    uint8_t block = c->nodes[c->df].block;
    if (block && !(cmd->flags & WHEN_BLOCKED))
        return block == 2 && (a->cla & 0x80) ? SW_LOCKED : SW_FUNCTION;
    memset(c->iv, 0, sizeof c->iv);
    c->iv_len = c->challenge_len;
    memcpy(c->iv, c->challenge, c->challenge_len);
    c->challenge_len = 0;
    if (!(cmd->flags & KEEPS_TRANS))
        c->trans.kind = TRANS_NONE;
    uint16_t sw = cmd->run(c, a, o);
    if (sw != SW_OK && !(a->ins == 0xA4 && sw == SW_FUNCTION))
        o->len = 0;
    return sw;
}

static uint16_t get_response(struct cardsim *c, const struct apdu *a, struct out *o)
{
    if (c->pending_len == 0)
        return SW_CONDITIONS;
    if (a->lc != 0)
        return SW_LENGTH;
    if (a->has_le && a->le != c->pending_len && a->le != 256)
        return (uint16_t)(SW_LE | (c->pending_len & 0xFF));
    cs_emit(o, c->pending, c->pending_len);
    c->pending_len = 0;
    return c->pending_sw;
}

static uint16_t answer(struct cardsim *c, const uint8_t *cmd, size_t len, struct out *o)
{
    struct apdu a;
    uint16_t sw = parse(cmd, len, &a);
    if (sw != SW_OK)
        return sw;
    if (a.cla == 0 && a.ins == 0xC0)
        return get_response(c, &a, o);
    c->pending_len = 0;
    sw = dispatch(c, &a, o);
    if (!c->opt.t0 || o->len == 0 || a.lc == 0)
        return sw;
    memcpy(c->pending, o->buf, o->len);
    c->pending_len = o->len;
    c->pending_sw = sw;
    o->len = 0;
    return (uint16_t)(0x6100 | (c->pending_len & 0xFF));
}

static void spoil_answer(struct cardsim *c, uint8_t ins, struct out *o)
{
    if (o->len && cs_fault_take(c, FAULT_SHORT, ins))
        o->len--;
    if (cs_fault_take(c, FAULT_GARBAGE, ins)) {
        if (o->len == 0)
            o->len = 1;
        cs_random(c, o->buf, o->len);
    }
}

static int torn(struct cardsim *c)
{
    cardsim_power_off(c);
    return CARDSIM_TORN;
}

int cardsim_transmit(struct cardsim *c, const uint8_t *cmd, size_t len, uint8_t *resp, size_t cap,
                     size_t *ret_len)
{
    struct out o = {.len = 0};
    uint8_t ins = len > 1 ? cmd[1] : 0;
    if (!c->powered)
        return CARDSIM_EOFF;
    if (c->mute)
        return CARDSIM_MUTE;
    c->commands++;
    if (cs_fault_take(c, FAULT_TORN_BEFORE, ins))
        return torn(c);
    if (cs_fault_take(c, FAULT_MUTE, ins)) {
        c->mute = true;
        return CARDSIM_MUTE;
    }
    const struct fault *f = cs_fault_take(c, FAULT_SLOW, ins);
    c->delay_ms += f ? f->arg : 0;
    f = cs_fault_take(c, FAULT_SW, ins);
    uint16_t sw = f ? (uint16_t)f->arg : answer(c, cmd, len, &o);
    if (cs_fault_take(c, FAULT_TORN_AFTER, ins))
        return torn(c);
    spoil_answer(c, ins, &o);
    if (o.len + 2 > cap)
        return CARDSIM_EFULL;
    memcpy(resp, o.buf, o.len);
    cs_put16(resp + o.len, sw);
    *ret_len = o.len + 2;
    return 0;
}

unsigned cardsim_take_delay_ms(struct cardsim *c)
{
    unsigned ms = c->delay_ms;
    c->delay_ms = 0;
    return ms;
}

bool cardsim_take_changed(struct cardsim *c)
{
    bool changed = c->changed;
    c->changed = false;
    return changed;
}

const char *cardsim_command_name(const uint8_t *cmd, size_t len)
{
    if (len < 4)
        return "malformed";
    if (cmd[0] == 0 && cmd[1] == 0xC0)
        return "GET RESPONSE";
    const struct command *known = find(cmd[0], cmd[1]);
    return known ? known->name : "unknown";
}

bool cardsim_command_secret(const uint8_t *cmd, size_t len)
{
    return len > 5 && ((cmd[0] == 0x80 && (cmd[1] == 0xD4 || cmd[1] == 0x5E)) || cmd[1] == 0x20);
}

static uint8_t first_purse(const struct cardsim *c)
{
    for (uint8_t i = 1; i < MAX_NODES; i++)
        if (c->nodes[i].used && c->nodes[i].kind == KIND_PURSE && c->nodes[i].fid == 2)
            return i;
    return NONE;
}

void cardsim_status(const struct cardsim *c, struct cardsim_status *ret_status)
{
    struct cardsim_status s = {.card_blocked = c->card_blocked, .commands = c->commands};
    uint8_t at = first_purse(c);
    s.in_transaction = c->trans.kind != TRANS_NONE;
    if (at != NONE) {
        const struct purse *p = c->nodes[at].purse;
        uint8_t df = c->nodes[at].parent, ef = cs_find_child(c, df, 0x15);
        s.has_purse = true;
        s.balance_fen = p->value;
        s.overdraft_fen = p->limit;
        s.online = p->online;
        s.offline = p->offline;
        s.app_blocked = c->nodes[df].block;
        if (ef != NONE && c->nodes[ef].size >= 20)
            memcpy(s.serial, c->nodes[ef].body + 10, sizeof s.serial);
    }
    *ret_status = s;
}

int cardsim_purse_set(struct cardsim *c, int64_t balance_fen, uint32_t overdraft_fen,
                      uint16_t online, uint16_t offline)
{
    uint8_t at = first_purse(c);
    if (at == NONE || overdraft_fen > 0xFFFFFF || balance_fen > INT64_C(0x7FFFFFFF) ||
        balance_fen < -(int64_t)overdraft_fen)
        return CARDSIM_EINVAL;
    struct purse *p = c->nodes[at].purse;
    p->value = balance_fen;
    p->limit = overdraft_fen;
    p->online = online;
    p->offline = offline;
    c->changed = true;
    return 0;
}

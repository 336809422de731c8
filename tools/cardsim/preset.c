/* The preset file: key=value lines that describe a ready card (README.md, "Preset"). */
#include "card.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct target {
    struct cardsim_personal *p;
    struct cardsim_options *o;
};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Hex with optional spaces; the number of bytes, or -1. */
static int hex(const char *text, uint8_t *out, size_t cap)
{
    size_t n = 0;
    while (*text) {
        if (*text == ' ') {
            text++;
            continue;
        }
        int hi = hex_digit(text[0]), lo = text[1] ? hex_digit(text[1]) : -1;
        if (hi < 0 || lo < 0 || n == cap)
            return -1;
        out[n++] = (uint8_t)(hi << 4 | lo);
        text += 2;
    }
    return (int)n;
}

static bool hex_exact(const char *text, uint8_t *out, size_t len)
{
    uint8_t buf[64];
    if (hex(text, buf, sizeof buf) != (int)len)
        return false;
    memcpy(out, buf, len);
    return true;
}

static bool integer(const char *text, long long min, long long max, long long *ret)
{
    char *end = NULL;
    long long v = strtoll(text, &end, 0);
    if (end == text || *end || v < min || v > max)
        return false;
    *ret = v;
    return true;
}

static const char *const use_names[CARDSIM_KEY_USES] = {
    "main",     "maintenance", "purchase",   "load", "tac",    "unload",   "overdraft",
    "internal", "pin-unblock", "pin-reload", "lock", "unlock", "external",
};

static struct cardsim_key *key_named(struct cardsim_personal *p, const char *name)
{
    for (size_t i = 0; i < CARDSIM_KEY_USES; i++)
        if (strcmp(use_names[i], name) == 0)
            return &p->keys[i];
    return NULL;
}

/* key.X= master.X= kid.X= version.X= algorithm.X= ; X = * is all of them */
static bool set_key(struct cardsim_key *k, const char *what, const char *value)
{
    long long v = 0;
    if (strcmp(what, "key") == 0 || strcmp(what, "master") == 0) {
        k->master = *what == 'm';
        k->set = true;
        return hex_exact(value, k->value, 16);
    }
    if (!integer(value, 0, 255, &v))
        return false;
    if (strcmp(what, "kid") == 0)
        k->id = (uint8_t)v;
    else if (strcmp(what, "version") == 0)
        k->version = (uint8_t)v;
    else if (strcmp(what, "algorithm") == 0)
        k->algorithm = (uint8_t)v;
    else
        return false;
    return true;
}

static bool set_dotted(struct target *t, char *name, const char *value)
{
    char *dot = strchr(name, '.');
    *dot = '\0';
    if (strcmp(dot + 1, "*") == 0) {
        bool ok = true;
        for (size_t i = 0; i < CARDSIM_KEY_LOCK; i++)
            ok = ok && set_key(&t->p->keys[i], name, value);
        return ok;
    }
    struct cardsim_key *k = key_named(t->p, dot + 1);
    return k && set_key(k, name, value);
}

static bool set_profile(struct target *t, const char *v)
{
    static const char *const profiles[CARDSIM_PROFILES] = {"pboc", "mohurd", "tunion", "ssc",
                                                           "health"};
    for (size_t i = 0; i < CARDSIM_PROFILES; i++) {
        if (strcmp(profiles[i], v) == 0) {
            cardsim_personal_init(t->p, (enum cardsim_profile)i);
            t->o->profile = (enum cardsim_profile)i;
            return true;
        }
    }
    return false;
}

static bool set_choice(const char *v, const char *no, const char *yes, bool *ret)
{
    if (strcmp(v, no) != 0 && strcmp(v, yes) != 0)
        return false;
    *ret = strcmp(v, yes) == 0;
    return true;
}

static bool set_suffix(struct target *t, const char *v)
{
    static const char *const suffixes[] = {"profile", "none", "capp", "all"};
    for (size_t i = 0; i < 4; i++) {
        if (strcmp(suffixes[i], v) == 0) {
            t->o->suffix = (enum cardsim_suffix)i;
            return true;
        }
    }
    return false;
}

static bool set_number(struct target *t, const char *name, const char *v)
{
    long long n = 0;
    if (!integer(v, -0xFFFFFF, 0x7FFFFFFF, &n))
        return false;
    if (strcmp(name, "balance") == 0)
        t->p->balance_fen = n;
    else if (n < 0)
        return false;
    else if (strcmp(name, "overdraft") == 0 && n <= 0xFFFFFF)
        t->p->overdraft_fen = (uint32_t)n;
    else if (strcmp(name, "online") == 0 && n <= 0xFFFF)
        t->p->online = (uint16_t)n;
    else if (strcmp(name, "offline") == 0 && n <= 0xFFFF)
        t->p->offline = (uint16_t)n;
    else
        return false;
    return true;
}

static bool set_status(const char *v, uint16_t *ret)
{
    uint8_t b[2];
    if (!hex_exact(v, b, 2))
        return false;
    *ret = (uint16_t)cs_get16(b);
    return true;
}

static bool set_bytes(struct target *t, const char *name, const char *v, bool *ret_known)
{
    struct cardsim_personal *p = t->p;
    const struct {
        const char *name;
        uint8_t *to;
        size_t len;
        bool *flag;
    } fields[] = {
        {"issuer", p->issuer, 8, NULL},
        {"serial", p->serial, 10, NULL},
        {"start", p->start, 4, NULL},
        {"expiry", p->expiry, 4, NULL},
        {"category", p->category, 2, NULL},
        {"app-flag", &p->app_flag, 1, NULL},
        {"app-version", &p->app_version, 1, NULL},
        {"holder", p->holder, 55, NULL},
        {"outer-factor", p->outer_factor, 8, &p->has_outer_factor},
        {"security-code", t->o->security_code, CARDSIM_SECURITY_CODE, &t->o->has_security_code},
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (strcmp(fields[i].name, name) != 0)
            continue;
        *ret_known = true;
        if (fields[i].flag)
            *fields[i].flag = true;
        return hex_exact(v, fields[i].to, fields[i].len);
    }
    return false;
}

static bool set_length(const char *v, uint8_t *to, size_t min, size_t max, size_t *ret_len)
{
    int n = hex(v, to, max);
    if (n < (int)min)
        return false;
    *ret_len = (size_t)n;
    return true;
}

static bool set(struct target *t, char *name, const char *v)
{
    bool known = false;
    if (strchr(name, '.'))
        return set_dotted(t, name, v);
    bool ok = set_bytes(t, name, v, &known);
    if (known)
        return ok;
    if (strcmp(name, "profile") == 0)
        return set_profile(t, v);
    if (strcmp(name, "aid") == 0)
        return set_length(v, t->p->aid, 5, 16, &t->p->aid_len);
    if (strcmp(name, "pin") == 0)
        return set_length(v, t->p->pin, 2, 6, &t->p->pin_len);
    if (strcmp(name, "atr") == 0)
        return set_length(v, t->o->atr, 2, CARDSIM_ATR_MAX, &t->o->atr_len);
    if (strcmp(name, "pin-to-load") == 0)
        return set_choice(v, "no", "yes", &t->p->pin_to_load);
    if (strcmp(name, "t0") == 0)
        return set_choice(v, "no", "yes", &t->o->t0);
    if (strcmp(name, "capp-zero-moves") == 0)
        return set_choice(v, "no", "yes", &t->o->capp_zero_moves);
    if (strcmp(name, "prove-counter") == 0)
        return set_choice(v, "after", "before", &t->o->prove_before);
    if (strcmp(name, "prove-order") == 0)
        return set_choice(v, "mac-tac", "tac-mac", &t->o->prove_tac_first);
    if (strcmp(name, "mac1-suffix") == 0)
        return set_suffix(t, v);
    if (strcmp(name, "sw-mac") == 0)
        return set_status(v, &t->o->sw_mac);
    if (strcmp(name, "sw-state") == 0)
        return set_status(v, &t->o->sw_state);
    return set_number(t, name, v);
}

static char *trim(char *s)
{
    while (*s == ' ' || *s == '\t')
        s++;
    size_t n = strlen(s);
    while (n > 0 && strchr(" \t\r\n", s[n - 1]))
        s[--n] = '\0';
    return s;
}

static bool line_set(struct target *t, char *line)
{
    char *at = trim(line);
    if (*at == '\0' || *at == '#')
        return true;
    char *eq = strchr(at, '=');
    if (!eq)
        return false;
    *eq = '\0';
    return set(t, trim(at), trim(eq + 1));
}

int cardsim_preset_read(const char *path, struct cardsim_personal *p,
                        struct cardsim_options *options, unsigned *ret_line)
{
    char line[512];
    struct target t = {p, options};
    unsigned number = 0;
    int err = 0;
    *ret_line = 0;
    FILE *f = fopen(path, "re");
    if (!f)
        return CARDSIM_EIO;
    cardsim_personal_init(p, CARDSIM_PBOC);
    while (!err && fgets(line, sizeof line, f)) {
        number++;
        if ((!strchr(line, '\n') && !feof(f)) || !line_set(&t, line)) {
            *ret_line = number;
            err = CARDSIM_EINVAL;
        }
    }
    if (ferror(f))
        err = CARDSIM_EIO;
    (void)fclose(f);
    return err;
}

/* Parses a command line by the tables. Each mistake is one line that names the option, says what is
 * wrong with it and, where a word is near, suggests it; nothing is sent before the whole line is
 * right. */
#include "cli.h"

#include "conf/conf.h"
#include "memory.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NEAR_MAX    32
#define SECONDS_MAX 86400

struct parser {
    int argc, at;
    char **argv;
    FILE *err;
    struct cli_globals *globals;
    struct cli_args *args;
    const char *last_option; /* took the word before this one: its value may have wanted quotes */
    bool failed;
};

static int complain(struct parser *p, const char *fmt, ...) PRINTF_FN(2, 3);
static int complain(struct parser *p, const char *fmt, ...)
{
    va_list ap;
    const struct cli_args *a = p->args;
    (void)fprintf(p->err, "onecardctl%s%s%s%s: ", a->noun ? " " : "", a->noun ? a->noun->name : "",
                  a->command && a->command->name ? " " : "",
                  a->command && a->command->name ? a->command->name : "");
    va_start(ap, fmt);
    (void)vfprintf(p->err, fmt, ap);
    va_end(ap);
    (void)fputc('\n', p->err);
    p->failed = true;
    return CTL_USAGE;
}

/* " (did you mean 'x'?)" or nothing, into `out`. */
static const char *hint(char *out, size_t cap, const char *wrong, const char *const *words,
                        const char *dashes)
{
    const char *near = conf_nearest(wrong, words);
    out[0] = '\0';
    if (near)
        (void)snprintf(out, cap, " (did you mean '%s%s'?)", dashes, near);
    return out;
}

/* ---- nouns and verbs ---- */

static const struct cli_noun *find_noun(const char *name)
{
    size_t n;
    const struct cli_noun *const *nouns = cli_nouns(&n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(nouns[i]->name, name) == 0)
            return nouns[i];
    return NULL;
}

static int take_noun(struct parser *p, const char *word)
{
    const char *words[NEAR_MAX + 1] = {"help"};
    char text[96];
    size_t n, k = 1;
    const struct cli_noun *const *nouns = cli_nouns(&n);
    p->args->noun = find_noun(word);
    if (p->args->noun) {
        if (!p->args->noun->commands[0].name)
            p->args->command = &p->args->noun->commands[0];
        return 0;
    }
    for (size_t i = 0; i < n && k < NEAR_MAX; i++)
        words[k++] = nouns[i]->name;
    return complain(p, "there is no command '%s'%s; 'onecardctl help' lists them", word,
                    hint(text, sizeof text, word, words, ""));
}

static int take_verb(struct parser *p, const char *word)
{
    const char *words[NEAR_MAX + 1] = {NULL};
    char text[96];
    const struct cli_noun *noun = p->args->noun;
    for (size_t i = 0; i < noun->command_count && i < NEAR_MAX; i++) {
        words[i] = noun->commands[i].name;
        if (strcmp(words[i], word) == 0) {
            p->args->command = &noun->commands[i];
            return 0;
        }
    }
    return complain(p, "there is no '%s %s'%s; 'onecardctl %s --help' lists its verbs", noun->name,
                    word, hint(text, sizeof text, word, words, ""), noun->name);
}

/* ---- values ---- */

static int read_text(struct parser *p, const struct cli_option *o, const char *v)
{
    size_t len = strlen(v), min = o->min > 0 ? (size_t)o->min : 1,
           max = o->max > 0 ? (size_t)o->max : 512;
    if (len < min)
        return complain(p, "--%s is empty", o->name);
    if (len > max)
        return complain(p, "--%s is longer than %zu bytes", o->name, max);
    return 0;
}

static int read_yuan(struct parser *p, const struct cli_option *o, const char *v, int64_t *ret)
{
    fen_t fen;
    if (fen_parse(v, &fen) != 0)
        return complain(
            p,
            "--%s '%s' is no amount in yuan: write digits with at most two decimals, such as 10.50",
            o->name, v);
    if (fen < o->min)
        return complain(p,
                        o->min > 0 ? "--%s '%s' must be more than nothing"
                                   : "--%s '%s' must not be negative",
                        o->name, v);
    *ret = fen;
    return 0;
}

static int read_int(struct parser *p, const struct cli_option *o, const char *v, int64_t *ret)
{
    char *end;
    bool digits = *v != '\0' && strspn(v, "0123456789") == strlen(v) && strlen(v) < 19;
    int64_t n = digits ? strtoll(v, &end, 10) : -1;
    if (!digits || n < o->min || n > o->max)
        return complain(p, "--%s '%s' must be a whole number from %lld to %lld", o->name, v,
                        (long long)o->min, (long long)o->max);
    *ret = n;
    return 0;
}

/* Seconds with up to three decimals. */
static int read_seconds(struct parser *p, const struct cli_option *o, const char *v, int64_t *ret)
{
    int64_t ms = 0;
    const char *s = v;
    for (; isdigit((unsigned char)*s) && ms <= SECONDS_MAX; s++)
        ms = ms * 10 + (*s - '0');
    ms *= 1000;
    bool good = s != v;
    if (good && *s == '.') {
        int64_t unit = 100;
        good = isdigit((unsigned char)s[1]);
        for (s++; isdigit((unsigned char)*s) && unit > 0; s++, unit /= 10)
            ms += (*s - '0') * unit;
    }
    if (!good || *s != '\0' || ms > INT64_C(1000) * SECONDS_MAX)
        return complain(p, "--%s '%s' must be a number of seconds, such as 30 or 0.5", o->name, v);
    *ret = ms;
    return 0;
}

static int read_hex(struct parser *p, const struct cli_option *o, const char *v)
{
    size_t len = strlen(v);
    if (strspn(v, "0123456789abcdefABCDEF") != len)
        return complain(p, "--%s '%s' must be hexadecimal digits only", o->name, v);
    if ((int64_t)len < o->min || (int64_t)len > o->max) {
        if (o->min == o->max)
            return complain(p, "--%s must have %lld hexadecimal digits, this has %zu", o->name,
                            (long long)o->min, len);
        return complain(p, "--%s must have %lld to %lld hexadecimal digits, this has %zu", o->name,
                        (long long)o->min, (long long)o->max, len);
    }
    return 0;
}

static int read_word(struct parser *p, const struct cli_option *o, const char *v)
{
    char text[96], list[256] = "";
    size_t at = 0;
    for (const char *const *w = o->words; *w; w++) {
        if (strcmp(*w, v) == 0)
            return 0;
        int n = snprintf(list + at, sizeof list - at, "%s%s", at > 0 ? ", " : "", *w);
        at += n > 0 && (size_t)n < sizeof list - at ? (size_t)n : 0;
    }
    return complain(p, "--%s '%s' is not one of %s%s", o->name, v, list,
                    hint(text, sizeof text, v, o->words, ""));
}

static int read_pair(struct parser *p, const struct cli_option *o, const char *v)
{
    char key[64];
    const char *eq = strchr(v, '=');
    if (!eq || eq == v || (size_t)(eq - v) >= sizeof key)
        return complain(p, "--%s '%s' must look like name=value", o->name, v);
    (void)snprintf(key, sizeof key, "%.*s", (int)(eq - v), v);
    if (!p->args->pairs)
        p->args->pairs = json_object();
    if (json_object_get(p->args->pairs, key))
        return complain(p, "--%s %s is given twice", o->name, key);
    if (json_object_set_new(p->args->pairs, key, json_string(eq + 1)) != 0)
        return memory_missed() ? complain(p, "out of memory")
                               : complain(p, "--%s '%s' is not UTF-8 text", o->name, v);
    return 0;
}

static int read_line(struct parser *p, const struct cli_option *o, const char *v)
{
    char *line = p->args->line;
    if (strcmp(v, "-") != 0)
        return complain(p, "--%s takes - only, and the value by standard input: on a command line "
                           "everybody on this machine sees it", o->name);
    if (isatty(STDIN_FILENO)) {
        (void)fprintf(p->err, "%s: ", o->name);
        (void)fflush(p->err);
    }
    if (!fgets(line, CLI_LINE, stdin))
        return complain(p, "standard input holds no value for --%s", o->name);
    line[strcspn(line, "\r\n")] = '\0';
    size_t len = strlen(line);
    if (len == 0 || (int64_t)len > o->max)
        return complain(p, "--%s: the line of standard input must have 1 to %lld bytes", o->name,
                        (long long)o->max);
    return 0;
}

static int read_value(struct parser *p, const struct cli_option *o, const char *v, int64_t *ret)
{
    date_t date;
    switch (o->kind) {
    case CLI_YUAN:
        return read_yuan(p, o, v, ret);
    case CLI_INT:
        return read_int(p, o, v, ret);
    case CLI_SECONDS:
        return read_seconds(p, o, v, ret);
    case CLI_HEX:
        return read_hex(p, o, v);
    case CLI_DATE:
        if (strlen(v) != 10 || date_parse(v, &date) != 0)
            return complain(p, "--%s '%s' is no date: write it like 2026-11-21", o->name, v);
        return 0;
    case CLI_PAIR:
        return read_pair(p, o, v);
    case CLI_WORD:
        return read_word(p, o, v);
    case CLI_STDIN:
        return read_line(p, o, v);
    case CLI_FLAG:
        return 0;
    case CLI_TEXT:
        break;
    }
    return read_text(p, o, v);
}

/* ---- options ---- */

/* The value: after "=", or the next word. NULL after a complaint. */
static const char *value_of(struct parser *p, const char *name, const char *eq)
{
    if (eq)
        return eq + 1;
    if (p->at >= p->argc || strncmp(p->argv[p->at], "--", 2) == 0) {
        (void)complain(p, "--%s needs a value", name);
        return NULL;
    }
    p->last_option = name;
    return p->argv[p->at++];
}

static int take_global(struct parser *p, const char *name, const char *eq, bool *ret_taken)
{
    struct cli_globals *g = p->globals;
    const char **text = strcmp(name, "dir") == 0      ? &g->dir
                        : strcmp(name, "socket") == 0 ? &g->socket
                        : strcmp(name, "lang") == 0   ? &g->lang
                                                      : NULL;
    bool *flag = strcmp(name, "json") == 0      ? &g->json
                 : strcmp(name, "help") == 0    ? &g->help
                 : strcmp(name, "version") == 0 ? &g->version
                                                : NULL;
    *ret_taken = text || flag;
    if (flag && p->args->command)
        for (size_t i = 0; i < p->args->command->option_count;
             i++) /* its own --version N goes before ours */
            if (strcmp(p->args->command->options[i].name, name) == 0)
                return (*ret_taken = false);
    if (flag && eq)
        return complain(p, "--%s takes no value", name);
    if (flag)
        *flag = true;
    if (text && !(*text = value_of(p, name, eq)))
        return CTL_USAGE;
    return 0;
}

static int unknown_option(struct parser *p, const char *name)
{
    static const char *const globals[] = {"dir", "socket", "json", "lang", "help"};
    const char *words[NEAR_MAX + ARRAY_LEN(globals) + 1] = {NULL};
    char text[96];
    size_t n = 0;
    const struct cli_command *c = p->args->command;
    for (; c && n < c->option_count && n < NEAR_MAX; n++)
        words[n] = c->options[n].name;
    for (size_t i = 0; i < ARRAY_LEN(globals); i++)
        words[n++] = globals[i];
    (void)hint(text, sizeof text, name, words, "--");
    if (!p->args->noun)
        return complain(p, "unknown option --%s%s; options of a command stand after it", name,
                        text);
    return complain(p, "unknown option --%s%s; see onecardctl %s%s%s --help", name, text,
                    p->args->noun->name, c && c->name ? " " : "", c && c->name ? c->name : "");
}

static int take_option(struct parser *p, const char *word)
{
    char name[48];
    bool taken;
    const char *eq = strchr(word, '=');
    size_t len = eq ? (size_t)(eq - word) : strlen(word);
    (void)snprintf(name, sizeof name, "%.*s", (int)(len < 47 ? len : 47), word);
    int rc = take_global(p, name, eq, &taken);
    if (taken || rc != 0)
        return rc;
    const struct cli_command *c = p->args->command;
    for (size_t i = 0; c && i < c->option_count; i++) {
        const struct cli_option *o = &c->options[i];
        if (strcmp(o->name, name) != 0)
            continue;
        if (p->args->text[i] && o->kind != CLI_PAIR)
            return complain(p, "--%s is given twice", o->name);
        if (o->kind == CLI_FLAG && eq)
            return complain(p, "--%s takes no value", o->name);
        const char *v = o->kind == CLI_FLAG ? "" : value_of(p, o->name, eq);
        if (!v)
            return CTL_USAGE;
        p->args->text[i] = o->kind == CLI_STDIN ? p->args->line : v;
        return read_value(p, o, v, &p->args->number[i]);
    }
    return unknown_option(p, name);
}

/* ---- the line ---- */

static size_t words_allowed(const struct cli_command *c, size_t *ret_needed)
{
    size_t most = 0;
    *ret_needed = 0;
    for (const char *s = c->args; *s != '\0'; s++) {
        if (s != c->args && s[-1] != ' ')
            continue;
        most++;
        *ret_needed += *s != '[';
    }
    return most;
}

static int take_word(struct parser *p, const char *word, const char *after_option)
{
    struct cli_args *a = p->args;
    size_t needed;
    if (!a->noun && strcmp(word, "help") == 0 && !p->globals->help) {
        p->globals->help = true;
        return 0;
    }
    if (!a->noun)
        return take_noun(p, word);
    if (!a->command)
        return take_verb(p, word);
    if (a->word_count < words_allowed(a->command, &needed)) {
        a->word[a->word_count++] = word;
        return 0;
    }
    if (after_option)
        return complain(
            p, "'%s' stands alone: put quotes around a value with blanks, as in --%s \"… %s\"",
            word, after_option, word);
    return complain(p, "'%s' is one word too many; see onecardctl %s%s%s --help", word,
                    a->noun->name, a->command->name ? " " : "",
                    a->command->name ? a->command->name : "");
}

static int check_complete(struct parser *p)
{
    const struct cli_args *a = p->args;
    size_t needed;
    if (!a->noun)
        return complain(p, "what shall be done? 'onecardctl help' lists the commands");
    if (!a->command)
        return complain(p, "what shall be done? 'onecardctl %s --help' lists the verbs",
                        a->noun->name);
    (void)words_allowed(a->command, &needed);
    if (a->word_count < needed)
        return complain(p, "%s is missing; usage: onecardctl %s%s%s %s …", a->command->args,
                        a->noun->name, a->command->name ? " " : "",
                        a->command->name ? a->command->name : "", a->command->args);
    for (size_t i = 0; i < a->command->option_count; i++) {
        const struct cli_option *o = &a->command->options[i];
        if (o->required && !a->text[i])
            return complain(p, "--%s %s is missing: %s", o->name, o->value, o->help);
    }
    return 0;
}

int cli_parse(int argc, char **argv, FILE *err, struct cli_globals *globals, struct cli_args *ret)
{
    struct parser p = {
        .argc = argc, .at = 1, .argv = argv, .err = err, .globals = globals, .args = ret};
    bool options_end = false;
    int rc = 0;
    *ret = (struct cli_args){0};
    *globals = (struct cli_globals){0};
    while (rc == 0 && p.at < p.argc) {
        const char *word = p.argv[p.at++], *after = p.last_option;
        p.last_option = NULL;
        if (!options_end && strcmp(word, "--") == 0)
            options_end = true;
        else if (!options_end && strcmp(word, "-h") == 0)
            globals->help = true;
        else if (!options_end && strncmp(word, "--", 2) == 0)
            rc = take_option(&p, word + 2);
        else
            rc = take_word(&p, word, after);
    }
    if (rc == 0 && !globals->help && !globals->version)
        rc = check_complete(&p);
    return rc;
}

void cli_args_fini(struct cli_args *a)
{
    json_decref(a->pairs);
    a->pairs = NULL;
    secret_wipe(a->line, sizeof a->line);
}

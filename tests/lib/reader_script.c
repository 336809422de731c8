/* See reader_script.h. */
#include "reader_script.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_MAX 400
#define TEXT_MAX  (2 * APDU_ANSWER_MAX + 8)

enum step_kind { STEP_COMMAND, STEP_ANSWER, STEP_LOST, STEP_UNANSWERED, STEP_REMOVED, STEP_RETURN };
struct step {
    enum step_kind kind;
    unsigned line;
    char text[TEXT_MAX]; /* hexadecimal without blanks; may hold `..` and `*` */
};
struct reader_script {
    struct reader *reader;
    char label[128];
    struct reader_card card;
    struct flow_cond never;
    struct step *steps;
    size_t count, next;
    bool there;
    char verdict[2 * TEXT_MAX + 400];
};

/* ---- reading a script ---- */
static int bad(const struct reader_script *s, unsigned line, const char *what)
{
    fprintf(stderr, "%s:%u: %s\n", s->label, line, what);
    return OC_EPARSE;
}

static bool pack(const char *from, char *to)
{
    size_t len = 0;
    for (; *from; from++) {
        if (isspace((unsigned char)*from))
            continue;
        if (!isxdigit((unsigned char)*from) && *from != '.' && *from != '*')
            return false;
        if (len + 1 == TEXT_MAX)
            return false;
        to[len++] = (char)toupper((unsigned char)*from);
    }
    to[len] = 0;
    return true;
}

static int add_step(struct reader_script *s, enum step_kind kind, unsigned line, const char *text)
{
    if (s->count == STEPS_MAX)
        return bad(s, line, "too many lines");
    struct step *step = &s->steps[s->count++];
    step->kind = kind;
    step->line = line;
    if (!pack(text, step->text))
        return bad(s, line, "not hexadecimal, or too long");
    if (kind == STEP_ANSWER && strspn(step->text, "0123456789ABCDEF") != strlen(step->text))
        return bad(s, line, "an answer has no wildcards");
    return 0;
}

static int add_event(struct reader_script *s, unsigned line, const char *word)
{
    static const struct {
        const char *word;
        enum step_kind kind;
    } events[] = {{"lost", STEP_LOST}, {"unanswered", STEP_UNANSWERED}, {"removed", STEP_REMOVED}};
    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        if (!strcmp(events[i].word, word))
            return add_step(s, events[i].kind, line, "");
    }
    return bad(s, line, "after `!`: lost, unanswered or removed");
}

static int read_line(struct reader_script *s, unsigned line, char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    char *end = text + strcspn(text, "#");
    while (end > text && isspace((unsigned char)end[-1]))
        end--;
    *end = 0;
    if (!*text)
        return 0;
    if (*text == '>')
        return add_step(s, STEP_COMMAND, line, text + 1);
    if (*text == '<')
        return add_step(s, STEP_ANSWER, line, text + 1);
    if (*text == '!')
        return add_event(s, line, text + 1 + strspn(text + 1, " "));
    if (*text == '+')
        return add_step(s, STEP_RETURN, line, "");
    if (!strncmp(text, "atr ", 4))
        return hex_decode_any(text + 4, s->card.atr, sizeof(s->card.atr), &s->card.atr_len)
                   ? bad(s, line, "bad atr")
                   : 0;
    if (!strcmp(text, "protocol T0") || !strcmp(text, "protocol T1")) {
        s->card.protocol = text[10] == '0' ? CARD_T0 : CARD_T1;
        return 0;
    }
    return bad(s, line, "a line begins with > < ! + # atr protocol");
}

/** Each command has one answer or event, and nothing else has. */
static int check_order(struct reader_script *s)
{
    for (size_t i = 0; i < s->count; i++) {
        bool command = s->steps[i].kind == STEP_COMMAND;
        bool follows = i && s->steps[i - 1].kind == STEP_COMMAND;
        if (s->steps[i].kind == STEP_RETURN ? follows : command == follows)
            return bad(s, s->steps[i].line, "commands and answers alternate");
    }
    if (s->count && s->steps[s->count - 1].kind == STEP_COMMAND)
        return bad(s, s->steps[s->count - 1].line, "the last command has no answer");
    return 0;
}

static int read_script(struct reader_script *s, const char *text)
{
    char line[TEXT_MAX * 2];
    unsigned number = 1;
    for (const char *p = text; *p; number++) {
        size_t len = strcspn(p, "\n");
        if (len >= sizeof(line))
            return bad(s, number, "line too long");
        memcpy(line, p, len);
        line[len] = 0;
        int rc = read_line(s, number, line);
        if (rc)
            return rc;
        p += len + (p[len] == '\n');
    }
    return check_order(s);
}

/* ---- playing it ---- */
static void show(struct reader_script *s)
{
    /* The card that comes back does so as soon as it has left. */
    while (!s->there && s->next < s->count && s->steps[s->next].kind == STEP_RETURN) {
        reader_set_state(s->reader, READER_EMPTY, false);
        s->next++;
        s->there = true;
    }
    reader_set_state(s->reader, s->there ? READER_CARD : READER_EMPTY, false);
}

static bool matches(const char *pattern, const char *text)
{
    for (; *pattern; pattern++, text++) {
        if (*pattern == '*')
            return true;
        if (!*text || (*pattern != '.' && *pattern != *text))
            return false;
    }
    return !*text;
}

static int differs(struct reader_script *s, unsigned line, const char *expected, const char *got)
{
    if (!s->verdict[0])
        snprintf(s->verdict, sizeof(s->verdict), "%s:%u: expected > %s, got > %s", s->label, line,
                 expected, got);
    return OC_EIO;
}

static CO_FN int play(struct reader_script *s, const struct step *step, struct reader_answer *ret,
                      int64_t deadline_ns)
{
    switch (step->kind) {
    case STEP_ANSWER:
        return hex_decode_any(step->text, ret->bytes, sizeof(ret->bytes), &ret->len);
    case STEP_UNANSWERED:
        return flow_co_wait(&s->never, deadline_ns);
    default:
        s->there = false;
        show(s);
        return step->kind == STEP_REMOVED ? OC_ECARD_GONE : OC_EIO;
    }
}

static CO_FN int script_co_transmit(struct reader *r, const uint8_t *cmd, size_t len,
                                    struct reader_answer *ret, int64_t deadline_ns)
{
    struct reader_script *s = r->driver;
    char got[2 * APDU_MAX + 1];
    hex_encode(cmd, len, got);
    if (s->next == s->count)
        return differs(s, 0, "nothing more", got);
    const struct step *step = &s->steps[s->next];
    if (step->kind != STEP_COMMAND || !matches(step->text, got))
        return differs(s, step->line, step->kind == STEP_COMMAND ? step->text : "no command", got);
    s->next += 2;
    return play(s, step + 1, ret, deadline_ns);
}

static CO_FN int script_co_connect(struct reader *r, struct reader_card *ret, int64_t deadline_ns)
{
    struct reader_script *s = r->driver;
    (void)deadline_ns;
    if (!s->there)
        return OC_ECARD_GONE;
    *ret = s->card;
    return 0;
}

static CO_FN void script_co_disconnect(struct reader *r)
{
    (void)r;
}

static void script_free(struct reader *r)
{
    struct reader_script *s = r->driver;
    flow_cond_fini(&s->never);
    free(s->steps);
    free(s);
}

static const struct reader_ops script_ops = {
    .co_connect = script_co_connect,
    .co_transmit = script_co_transmit,
    .co_disconnect = script_co_disconnect,
    .free = script_free,
};

int reader_script_new(struct readers *rs, const char *name, const char *label, const char *text,
                      struct reader_script **ret)
{
    static const uint8_t plain_atr[] = {0x3B, 0x00};
    struct reader_script *s = calloc(1, sizeof(*s));
    if (!s)
        return OC_ENOMEM;
    snprintf(s->label, sizeof(s->label), "%s", label);
    memcpy(s->card.atr, plain_atr, sizeof(plain_atr));
    s->card.atr_len = sizeof(plain_atr);
    s->card.protocol = CARD_T1;
    s->there = true;
    flow_cond_init(&s->never);
    s->steps = calloc(STEPS_MAX, sizeof(*s->steps));
    int rc = s->steps ? read_script(s, text) : OC_ENOMEM;
    if (!rc)
        rc = readers_add(rs, name, &script_ops, s, &s->reader);
    if (rc) {
        free(s->steps);
        free(s);
        return rc;
    }
    show(s);
    *ret = s;
    return 0;
}

int reader_script_load(struct readers *rs, const char *name, const char *path,
                       struct reader_script **ret)
{
    char *text = calloc(1, 1 << 20);
    FILE *f = fopen(path, "re");
    int rc = !text ? OC_ENOMEM : !f ? OC_ENOENT : 0;
    if (!rc && fread(text, 1, (1 << 20) - 1, f) == 0)
        rc = OC_EPARSE;
    if (f)
        fclose(f);
    const char *slash = strrchr(path, '/');
    if (!rc)
        rc = reader_script_new(rs, name, slash ? slash + 1 : path, text, ret);
    free(text);
    return rc;
}

struct reader *reader_script_reader(const struct reader_script *s)
{
    return s->reader;
}

const char *reader_script_verdict(struct reader_script *s)
{
    if (!s->verdict[0] && s->next < s->count)
        snprintf(s->verdict, sizeof(s->verdict), "%s:%u: never came: > %s", s->label,
                 s->steps[s->next].line, s->steps[s->next].text);
    return s->verdict;
}

/* What a receipt says, in lines of at most 32 columns, Chinese and English. A Chinese character
 * takes two columns. Card numbers are masked: slips lie about. */
#include "serve/session.h"

#include <stdio.h>
#include <string.h>

#define COLUMNS 32

static size_t columns(const char *s)
{
    size_t n = 0;
    for (const unsigned char *p = (const unsigned char *)s; *p; p++)
        if (*p < 0x80)
            n++;
        else if (*p >= 0xe0) /* the first byte of a wide character */
            n += 2;
        else if (*p >= 0xc0)
            n++;
    return n;
}

/* Cuts to the columns, never inside a character. */
static void fit(char *line)
{
    while (columns(line) > COLUMNS) {
        size_t len = strlen(line);
        do
            len--;
        while (len > 0 && ((unsigned char)line[len] & 0xc0) == 0x80);
        line[len] = '\0';
    }
}

static void add(struct slip *s, const char *label, const char *value)
{
    if (s->count == SLIP_LINES)
        return;
    char *line = s->lines[s->count];
    size_t used = columns(label) + columns(value);
    int gap = used < COLUMNS ? (int)(COLUMNS - used) : 1;
    (void)snprintf(line, SLIP_LINE, "%s%*s%s", label, value[0] != '\0' ? gap : 0, "", value);
    (void)text_trim_utf8(line);
    fit(line);
    s->order[s->count++] = line;
}

static void mask(const char *number, char *out, size_t cap)
{
    size_t len = strlen(number);
    (void)snprintf(out, cap, "%s", number);
    for (size_t i = 4; len > 8 && i + 4 < len && i < cap - 1; i++)
        out[i] = '*';
}

static const char *verdict(const struct txn_result *r)
{
    switch (r->outcome) {
    case OC_POSTED:
        return "成功 DONE";
    case OC_IN_DOUBT:
        return "未决 IN DOUBT";
    default:
        return "未成功 NOT DONE";
    }
}

void slip_write(const struct serve *s, const struct txn_result *r, struct slip *ret)
{
    char text[FEN_TEXT], when[20], id[IDENT_TEXT], card[CARD_NUMBER_TEXT];
    ret->count = 0;
    add(ret, s->fixed->site.name, "");
    add(ret, r->service, "");
    add(ret, "终端 Terminal", r->terminal);
    if (r->card[0] != '\0') {
        mask(r->card, card, sizeof card);
        add(ret, "卡号 Card", card);
    }
    add(ret, "金额 Amount", fen_text(r->amount, text));
    if (r->gross != r->amount)
        add(ret, "总额 In all", fen_text(r->gross, text));
    if (r->has_balance)
        add(ret, "余额 Balance", fen_text(r->balance, text));
    add(ret, city_text(r->at_ms, s->env.city_offset_min, when), "");
    add(ret, "流水 No.", ident_text(r->txn, id));
    add(ret, verdict(r), "");
    if (r->outcome == OC_IN_DOUBT)
        add(ret, "请保留凭条 Keep this slip", "");
    else if (r->outcome != OC_POSTED)
        add(ret, oc_reason_zh(r->reason), "");
}

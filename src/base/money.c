/* Yuan text at the edge. Integer arithmetic only. */
#include "base/money.h"

#include <onecard/err.h>
#include <stdbool.h>

#define FEN_MOST INT64_C(10000000000000)

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

int fen_parse(const char *yuan, fen_t *ret_fen)
{
    const char *p = yuan;
    bool negative = *p == '-';
    if (negative)
        p++;
    if (!is_digit(*p))
        return OC_EINVAL;
    fen_t fen = 0;
    for (; is_digit(*p); p++) {
        fen = fen * 10 + (*p - '0');
        if (fen > FEN_MOST / 100)
            return OC_EINVAL;
    }
    fen *= 100;
    if (*p == '.') {
        if (!is_digit(p[1]))
            return OC_EINVAL;
        fen += (p[1] - '0') * 10;
        p += 2;
        if (is_digit(*p))
            fen += *p++ - '0';
    }
    if (*p || fen > FEN_MOST)
        return OC_EINVAL;
    *ret_fen = negative ? -fen : fen;
    return 0;
}

static const char *render(fen_t fen, bool grouped, char *out)
{
    char back[FEN_TEXT];
    int n = 0;
    uint64_t v = fen < 0 ? 0 - (uint64_t)fen : (uint64_t)fen;
    back[n++] = (char)('0' + v % 10);
    back[n++] = (char)('0' + v / 10 % 10);
    back[n++] = '.';
    v /= 100;
    for (int digits = 0; digits == 0 || v; digits++) {
        if (grouped && digits && digits % 3 == 0)
            back[n++] = ',';
        back[n++] = (char)('0' + v % 10);
        v /= 10;
    }
    if (fen < 0)
        back[n++] = '-';
    for (int i = 0; i < n; i++)
        out[i] = back[n - 1 - i];
    out[n] = '\0';
    return out;
}

const char *fen_text(fen_t fen, char out[FEN_TEXT])
{
    return render(fen, true, out);
}

const char *fen_plain(fen_t fen, char out[FEN_TEXT])
{
    return render(fen, false, out);
}

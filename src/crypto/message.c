/* What of an HTTP message is signed, and base64. Line breaks in a field would let two messages
 * share one text, so none is signed or believed that has one. */
#include "crypto/ed25519.h"

#include <string.h>
#include <time.h>

#define PATH_MAX_TEXT 512
#define TEXT_MAX      1024

void signed_date(int64_t ms, char ret[SIGNED_DATE_TEXT])
{
    struct tm tm;
    time_t t = (time_t)(ms / 1000);
    memset(ret, 0, SIGNED_DATE_TEXT);
    if (gmtime_r(&t, &tm) == NULL ||
        strftime(ret, SIGNED_DATE_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        memcpy(ret, "1970-01-01T00:00:00Z", SIGNED_DATE_TEXT);
}

int signed_date_parse(const char *text, int64_t *ret_ms)
{
    struct tm tm = {0};
    char again[SIGNED_DATE_TEXT];
    if (strlen(text) != SIGNED_DATE_TEXT - 1)
        return OC_EINVAL;
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    if (end == NULL || *end != '\0')
        return OC_EINVAL;
    int64_t ms = (int64_t)timegm(&tm) * 1000;
    signed_date(ms, again);
    if (strcmp(again, text) != 0) /* 31 February, signs, blanks: only one text a moment */
        return OC_EINVAL;
    *ret_ms = ms;
    return 0;
}

static bool one_line(const char *s, size_t max)
{
    size_t len = strlen(s);
    if (len == 0 || len > max)
        return false;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)s[i] <= ' ' || s[i] == 0x7F)
            return false;
    return true;
}

static int message_text(struct crypto *x, const struct signed_message *m, struct buf *out)
{
    uint8_t hash[SHA256_LEN];
    char hex[2 * SHA256_LEN + 1];
    if (strlen(m->path) > PATH_MAX_TEXT || strlen(m->key) > SIGNED_KEY_MAX ||
        strlen(m->from) > SIGNED_NAME_MAX || strlen(m->to) > SIGNED_NAME_MAX)
        return OC_ELIMIT;
    if (!one_line(m->from, SIGNED_NAME_MAX) || !one_line(m->to, SIGNED_NAME_MAX) ||
        !one_line(m->method, 16) || !one_line(m->path, PATH_MAX_TEXT) ||
        !one_line(m->key, SIGNED_KEY_MAX) || !one_line(m->date, SIGNED_DATE_TEXT))
        return OC_EINVAL;
    struct bytes body = m->body.len > 0 ? m->body : (struct bytes){"", 0};
    int rc = hash_sha256(x, body, hash);
    if (rc != 0)
        return rc;
    buf_printf(out, "onecard-message-2\n%s\n%s\n%s\n%s\n%s\n%s\n%s\n", m->from, m->to, m->method,
               m->path, m->key, m->date, hex_encode(hash, sizeof hash, hex));
    return out->err;
}

int signed_message_sign(struct crypto *x, const uint8_t seed[ED25519_LEN],
                        const struct signed_message *m, char ret[SIGNED_SIGNATURE_TEXT])
{
    char text[TEXT_MAX];
    uint8_t signature[ED25519_SIGNATURE_LEN];
    struct buf b, out;
    buf_over(&b, text, sizeof text);
    int rc = message_text(x, m, &b);
    if (rc == 0)
        rc = ed25519_sign(seed, (struct bytes){b.data, b.len}, signature);
    if (rc != 0)
        return rc;
    buf_over(&out, ret, SIGNED_SIGNATURE_TEXT - 1);
    base64_encode(signature, sizeof signature, &out);
    ret[SIGNED_SIGNATURE_TEXT - 1] = '\0';
    return out.err;
}

int signed_message_verify(struct crypto *x, const uint8_t key[ED25519_LEN],
                          const struct signed_message *m, const char *signature)
{
    char text[TEXT_MAX];
    uint8_t bytes[ED25519_SIGNATURE_LEN + 1];
    struct buf b, in;
    buf_over(&b, text, sizeof text);
    int rc = message_text(x, m, &b);
    if (rc != 0)
        return rc;
    buf_over(&in, bytes, sizeof bytes);
    if (strlen(signature) != SIGNED_SIGNATURE_TEXT - 1 || /* one signature has one text */
        base64_decode(signature, strlen(signature), &in) != 0 || in.len != ED25519_SIGNATURE_LEN)
        return OC_EMAC;
    return ed25519_verify(key, (struct bytes){b.data, b.len}, bytes);
}

/* ---- base64 ---- */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const void *data, size_t len, struct buf *out)
{
    const uint8_t *p = data;
    char some[128];
    size_t filled = 0;
    for (size_t i = 0; i < len; i += 3) {
        size_t n = len - i < 3 ? len - i : 3;
        uint32_t v = (uint32_t)p[i] << 16;
        v |= n > 1 ? (uint32_t)p[i + 1] << 8 : 0;
        v |= n > 2 ? p[i + 2] : 0;
        char *four = some + filled;
        four[0] = digits[v >> 18];
        four[1] = digits[(v >> 12) & 63];
        four[2] = digits[(v >> 6) & 63];
        four[3] = digits[v & 63];
        memset(four + n + 1, '=', 3 - n);
        filled += 4;
        if (filled == sizeof some) {
            buf_put(out, some, filled);
            filled = 0;
        }
    }
    buf_put(out, some, filled);
}

/* One more than what each digit means. */
static const uint8_t meanings[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64};

static int digit(char c)
{
    return meanings[(uint8_t)c] - 1;
}

static int check_base64(const char *text, size_t *len)
{
    size_t n = *len;
    if (n % 4 == 0 && n > 0)
        n -= text[n - 1] != '=' ? 0 : text[n - 2] != '=' ? 1 : 2;
    if (n % 4 == 1)
        return OC_EINVAL;
    for (size_t i = 0; i < n; i++)
        if (digit(text[i]) < 0)
            return OC_EINVAL;
    int last = n > 0 ? digit(text[n - 1]) : 0;
    if ((n % 4 == 2 && (last & 15) != 0) || (n % 4 == 3 && (last & 3) != 0))
        return OC_EINVAL;
    *len = n;
    return 0;
}

int base64_decode(const char *text, size_t len, struct buf *out)
{
    int rc = check_base64(text, &len);
    if (rc != 0)
        return rc;
    uint8_t some[96]; /* a byte at a time into the buffer costs more than the decoding */
    size_t n = 0;
    uint32_t v = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < len; i++) {
        v = (v << 6) | (uint32_t)digit(text[i]);
        bits += 6;
        if (bits < 8)
            continue;
        bits -= 8;
        some[n++] = (uint8_t)(v >> bits);
        if (n == sizeof some) {
            buf_put(out, some, n);
            n = 0;
        }
    }
    buf_put(out, some, n);
    secret_wipe(some, sizeof some);
    return out->err;
}

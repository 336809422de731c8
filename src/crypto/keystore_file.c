/* The key store file's text:
 *   onecard-keystore 1
 *   protection none | passphrase
 *   scrypt LOG2N R P SALT      only with a passphrase
 *   key HEX                    the KEK (32 bytes), or wrapped (40)
 *   check HEX                  first 8 bytes of SHA-256 over all lines before
 * The check tells damage from a wrong passphrase; it protects nothing. */
#include "base/base.h"
#include "crypto/keystore_priv.h"
#include <stdio.h>
#include <string.h>

enum { CHECK_LEN = 8, LINE_MAX_LEN = 160, KEK_LEN = 32 };

static int check_of(struct crypto *x, const void *text, size_t len, char ret[2 * CHECK_LEN + 1])
{
    uint8_t hash[SHA256_LEN];
    int err = hash_sha256(x, (struct bytes){text, len}, hash);
    if (!err)
        hex_encode(hash, CHECK_LEN, ret);
    return err;
}

int keystore_file_print(struct crypto *x, const struct keystore_file *f, struct buf *ret)
{
    char hex[2 * KEYSTORE_WRAPPED_LEN + 1], check[2 * CHECK_LEN + 1];
    buf_printf(ret, "onecard-keystore 1\nprotection %s\n", f->passphrase ? "passphrase" : "none");
    if (f->passphrase)
        buf_printf(ret, "scrypt %u %u %u %s\n", f->cost.log2_n, f->cost.r, f->cost.p,
                   hex_encode(f->cost.salt, sizeof f->cost.salt, hex));
    buf_printf(ret, "key %s\n",
               hex_encode(f->key, f->passphrase ? KEYSTORE_WRAPPED_LEN : KEK_LEN, hex));
    secret_wipe(hex, sizeof hex);
    if (ret->err)
        return ret->err;
    int err = check_of(x, ret->data, ret->len, check);
    if (err)
        return err;
    buf_printf(ret, "check %s\n", check);
    return ret->err;
}

static int damaged(const char *path, const char *why)
{
    log_error("keystore", "%s is damaged: %s; restore it from its copy", path, why);
    return OC_EPARSE;
}

/** The rest of the next line when it begins with `word` and a blank; NULL otherwise. NUL-terminated
 * in `line`. */
static const char *line_after(struct buf *text, const char *word, char line[LINE_MAX_LEN])
{
    size_t left = buf_left(text), n = strlen(word);
    if (!left)
        return NULL;
    const uint8_t *p = text->data + text->pos;
    const uint8_t *end = memchr(p, '\n', left);
    if (!end || (size_t)(end - p) >= LINE_MAX_LEN)
        return NULL;
    size_t len = (size_t)(end - p);
    memcpy(line, p, len);
    line[len] = '\0';
    text->pos += len + 1;
    return len > n && memcmp(line, word, n) == 0 && line[n] == ' ' ? line + n + 1 : NULL;
}

static int parse_scrypt(const char *s, struct kdf_cost *ret)
{
    unsigned log2_n, r, p;
    int at = 0;
    if (!s || sscanf(s, "%3u %3u %3u %n", &log2_n, &r, &p, &at) != 3 || at == 0 || log2_n > 20 ||
        r > 16 || p > 4)
        return OC_EPARSE;
    ret->log2_n = (uint8_t)log2_n;
    ret->r = (uint8_t)r;
    ret->p = (uint8_t)p;
    return hex_decode(s + at, ret->salt, sizeof ret->salt) ? OC_EPARSE : 0;
}

static int parse_body(const char *path, struct buf *text, char *line, struct keystore_file *f)
{
    const char *s = line_after(text, "onecard-keystore", line);
    if (!s || strcmp(s, "1") != 0)
        return damaged(path, "its first line is not \"onecard-keystore 1\"");
    s = line_after(text, "protection", line);
    f->passphrase = s && strcmp(s, "passphrase") == 0;
    if (!s || (!f->passphrase && strcmp(s, "none") != 0))
        return damaged(path, "its second line does not say how the key is protected");
    if (f->passphrase && parse_scrypt(line_after(text, "scrypt", line), &f->cost))
        return damaged(path, "the scrypt line is malformed");
    s = line_after(text, "key", line);
    if (!s || hex_decode(s, f->key, f->passphrase ? KEYSTORE_WRAPPED_LEN : KEK_LEN))
        return damaged(path, "the key line is malformed");
    return 0;
}

static int parse_check(struct crypto *x, const char *path, struct buf *text, char *line)
{
    char want[2 * CHECK_LEN + 1];
    int err = check_of(x, text->data, text->pos, want);
    if (err)
        return err;
    const char *s = line_after(text, "check", line);
    if (!s || strcmp(s, want) != 0 || buf_left(text) != 0)
        return damaged(path, "its check does not fit");
    return 0;
}

int keystore_file_parse(struct crypto *x, const char *path, struct buf *text,
                        struct keystore_file *ret)
{
    char line[LINE_MAX_LEN];
    struct keystore_file f = {0};
    int err = parse_body(path, text, line, &f);
    if (!err)
        err = parse_check(x, path, text, line);
    if (!err)
        *ret = f;
    secret_wipe(&f, sizeof f);
    secret_wipe(line, sizeof line);
    return err;
}

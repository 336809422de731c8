/* Base64, dates, keys and signatures as they come from outside: what is read prints the same again,
 * and nothing verifies that was not signed. */
#include "crypto/crypto.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void base64_back(const char *text)
{
    struct buf raw, again;
    size_t len = strlen(text);
    buf_init(&raw, 0);
    buf_init(&again, 0);
    if (base64_decode(text, len, &raw) == 0) {
        base64_encode(raw.data, raw.len, &again);
        while (len > 0 && text[len - 1] == '=')
            len--;
        CHECK(again.err == 0 && again.len >= len &&
              (len == 0 || memcmp(again.data, text, len) == 0));
    } else {
        CHECK(raw.len == 0);
    }
    buf_fini(&raw);
    buf_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct crypto *x;
    static const uint8_t seed[32] = {1};
    char date[SIGNED_DATE_TEXT], signature[SIGNED_SIGNATURE_TEXT];
    uint8_t key[32];
    int64_t ms;
    if (!x)
        CHECK(crypto_new(NULL, &x) == 0 && ed25519_public(seed, key) == 0);
    char *text = malloc(size + 1);
    CHECK(text);
    memcpy(text, data, size);
    text[size] = '\0';
    base64_back(text);
    if (signed_date_parse(text, &ms) == 0) {
        signed_date(ms, date);
        CHECK(strcmp(date, text) == 0);
    }
    (void)ed25519_parse_public(text, key);
    CHECK(ed25519_public(seed, key) == 0);
    struct signed_message m = {.from = "site-1000000000000001-0",
                               .to = "bank1",
                               .method = "POST",
                               .path = "/hold",
                               .key = text,
                               .date = "2026-11-22T05:31:07Z",
                               .body = {data, size}};
    if (signed_message_sign(x, seed, &m, signature) == 0)
        CHECK(signed_message_verify(x, key, &m, signature) == 0);
    m.key = "k";
    m.from = m.to = text;
    if (signed_message_sign(x, seed, &m, signature) == 0) {
        CHECK(signed_message_verify(x, key, &m, signature) == 0);
        m.to = "bank1"; /* a signature is for the one that it names */
        CHECK((signed_message_verify(x, key, &m, signature) == 0) == (strcmp(text, "bank1") == 0));
    }
    m.from = m.to = "bank1";
    CHECK(signed_message_verify(x, key, &m, text) != 0);
    free(text);
    return 0;
}

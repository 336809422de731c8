/* Dynamic codes as a terminal shows them (R21): whatever the text, only a code that was made here
 * and not used yet counts. The input's first byte says how a genuine code is bent; the rest is put
 * into it, or stands for all of it. */
#include "serve/code.h"

#include <onecard/module.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

#define MINUTES 100000

static struct serve site;
static int64_t now_ms = INT64_C(1763790000000) / 60000 * 60000;

static int64_t wall(const struct clock *c)
{
    (void)c;
    return now_ms;
}
static int64_t mono(const struct clock *c)
{
    (void)c;
    return now_ms * NS_PER_MS;
}
static const struct clock stopped = {.wall_ms = wall, .mono_ns = mono};

static void close_site(void)
{
    codes_close(&site);
    crypto_free(&site.crypto);
    keystore_close(&site.keystore);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    char path[] = ONECARD_SCRATCH "/onecard-fuzz.XXXXXX";
    (void)argc;
    (void)argv;
    ROLE_ENTER_WORKER();
    int fd = mkstemp(path);
    CHECK(fd >= 0 && close(fd) == 0 && unlink(path) == 0);
    site.env.clock = &stopped;
    CHECK(keystore_create(path, NULL, &rng_system) == 0);
    CHECK(keystore_open(path, NULL, &site.keystore) == 0 && unlink(path) == 0);
    CHECK(crypto_new(NULL, &site.crypto) == 0 && codes_open(&site) == 0);
    CHECK(atexit(close_site) == 0);
    return 0;
}

/* Puts the input's bytes over part of the code, or in place of it. */
static void bend(const uint8_t *data, size_t size, const char *code, struct txn_request *r)
{
    size_t room = sizeof r->presented_text - 1, at = size > 1 ? data[1] % strlen(code) : 0;
    size_t len = size > 2 ? size - 2 : 0;
    (void)snprintf(r->presented_text, sizeof r->presented_text, "%s", data[0] & 1 ? "" : code);
    at = data[0] & 1 ? 0 : at;
    len = len < room - at ? len : room - at;
    memcpy(r->presented_text + at, data + 2, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct txn_request r, again;
    static struct card_row card = {.id = 7, .number = "00000000000000000077", .serial = {7}};
    char code[CODE_TEXT];
    int64_t until = 0;
    if (size < 3)
        return 0;
    now_ms += 3 * 60000; /* codes of earlier inputs are too old */
    CHECK(code_make(&site, &card, code, &until) == 0 && until > now_ms);
    r = (struct txn_request){.presented = PRESENTED_CODE, .request_no = 1};
    memcpy(r.terminal, "gate", 5);
    bend(data, size, code, &r);
    again = r;
    const char *why = code_take(&site, &card, &r);
    bool dynamic = strncmp(r.presented_text, "oc2:", 4) == 0;
    bool same = dynamic && strcasecmp(r.presented_text, code) == 0;
    CHECK(r.strength == (dynamic && !why ? OC_STRENGTH_CODE : 0));
    CHECK(!dynamic || !why == same);
    again.request_no = 2;
    CHECK(!same || code_take(&site, &card, &again) != NULL); /* once */
    return 0;
}

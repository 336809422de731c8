/* The institutions of bad_city.h: one script plays bank, bureau and hospitals, keeps its book and
 * answers as the test's mood has it. */
#include "bad_city.h"

struct outside outside;

static int answer(const struct upstream_exchange *e, struct upstream_answer *ret, const char *text)
{
    ret->status = 200;
    ret->body = arena_strdup(e->arena, text);
    ret->len = strlen(text);
    return ret->body ? 0 : OC_ENOMEM;
}

static void member(const char *json, const char *name, char *ret, size_t cap)
{
    char key[48];
    snprintf(key, sizeof key, "\"%s\":\"", name);
    const char *at = strstr(json, key);
    snprintf(ret, cap, "%.*s", at ? (int)strcspn(at + strlen(key), "\"") : 0,
             at ? at + strlen(key) : "");
}

static struct book_hold *hold_of(const struct upstream_exchange *e)
{
    char id[IDENT_TEXT];
    member(e->json, "id", id, sizeof id);
    for (unsigned i = 0; i < outside.count; i++)
        if (strcmp(outside.holds[i].id, id) == 0)
            return &outside.holds[i];
    CHECK(outside.count < ARRAY_LEN(outside.holds));
    struct book_hold *h = &outside.holds[outside.count++];
    snprintf(h->id, sizeof h->id, "%s", id);
    snprintf(h->to, sizeof h->to, "%s", e->participant);
    return h;
}

/* The answer to a hold repeats what was asked of it: amounts for a load, the bureau's parts for a
 * settlement. */
static int on_hold(const struct upstream_exchange *e, struct upstream_answer *ret)
{
    char text[1024], bill[40];
    struct book_hold *h = hold_of(e);
    const char *at = strstr(e->json, "\"amount_fen\":");
    member(e->json, "kind", h->kind, sizeof h->kind);
    member(e->json, "bill", bill, sizeof bill);
    h->amount = at ? atoll(at + 13) : 0;
    h->asks++;
    if (outside.hold == REFUSES)
        return answer(e, ret, "{\"refused\":{\"reason\":\"no_funds\"}}");
    if (outside.hold == LATE_ACTS)
        return OC_ETIMEDOUT;
    h->held = !h->reversed;
    if (outside.hold == LATE)
        return OC_ETIMEDOUT;
    if (strcmp(h->kind, "settle") == 0)
        snprintf(text, sizeof text, "{\"held\":{\"reference\":\"S-%s\",\"document\":%s}}", h->id,
                 outside.presettle);
    else
        snprintf(text, sizeof text,
                 "{\"held\":{\"reference\":\"B-%s\",\"document\":{\"amount_fen\":%lld,"
                 "\"bill\":\"%s\"}}}",
                 h->id, (long long)h->amount, bill);
    return answer(e, ret, text);
}

static int on_end(const struct upstream_exchange *e, struct upstream_answer *ret)
{
    struct book_hold *h = hold_of(e);
    if (strcmp(e->path, "/confirm") == 0) {
        h->confirmed = true;
        return answer(e, ret, "{}");
    }
    h->reversed = true;
    h->held = false;
    if (outside.hold == LATE_ACTS) /* what lay in its queue comes to be done now: it remembers */
        h->refused_late = true;
    return answer(e, ret, "{}");
}

static bool new_key(const char *key)
{
    for (unsigned i = 0; i < outside.heard && i < ARRAY_LEN(outside.keys); i++)
        if (strcmp(outside.keys[i], key) == 0)
            return false;
    return true;
}

static int on_message(const struct upstream_exchange *e, struct upstream_answer *ret)
{
    char kind[64];
    member(e->json, "kind", kind, sizeof kind);
    if (new_key(e->key) && outside.heard < ARRAY_LEN(outside.keys)) {
        snprintf(outside.keys[outside.heard++], sizeof outside.keys[0], "%s", e->key);
        snprintf(outside.kinds + strlen(outside.kinds),
                 sizeof outside.kinds - strlen(outside.kinds), "%s>%s ", kind, e->participant);
        snprintf(outside.last_document, sizeof outside.last_document, "%s", e->json);
    }
    if (outside.bad > 0) {
        outside.bad--;
        return OC_ETIMEDOUT; /* it has it; that it has it nobody hears in time */
    }
    outside.told++;
    return answer(e, ret, "{}");
}

static int exchange(void *arg, const struct upstream_exchange *e,
                    struct upstream_answer *ret) CO_FN;
static int exchange(void *arg, const struct upstream_exchange *e, struct upstream_answer *ret)
{
    char text[640];
    (void)arg;
    if (strcmp(e->path, "/hold") == 0)
        return on_hold(e, ret);
    if (strcmp(e->path, "/confirm") == 0 || strcmp(e->path, "/reverse") == 0)
        return on_end(e, ret);
    if (strcmp(e->path, "/message") == 0)
        return on_message(e, ret);
    snprintf(text, sizeof text, "{\"document\":%s}", outside.presettle);
    return answer(e, ret, text);
}

struct book_hold *hold_at(const char *participant)
{
    for (unsigned i = 0; i < outside.count; i++)
        if (strcmp(outside.holds[i].to, participant) == 0)
            return &outside.holds[i];
    fail_msg("%s was asked for no hold", participant);
    return NULL;
}

void connect_outside(void)
{
    static const uint8_t seed[32] = {9};
    static const char *const ids[] = {"bank", "bureau", H1, H2};
    struct upstream_route routes[ARRAY_LEN(ids)];
    memset(&outside, 0, sizeof outside);
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        routes[i] = (struct upstream_route){.participant = ids[i],
                                            .url = "https://there.test",
                                            .failures = 1000,
                                            .lanes = 4,
                                            .retry_ms = 20,
                                            .retry_max_ms = 100};
    struct upstream_opts o = {.loop = c.loop,
                              .clock = &clock_system,
                              .crypto = c.env.crypto,
                              .rng = &rng_system,
                              .seed = seed,
                              .from = "site-1000000000000001-0",
                              .routes = routes,
                              .route_count = ARRAY_LEN(ids),
                              .co_exchange = exchange};
    assert_int_equal(upstream_open(&o, &c.env.upstream), 0);
    assert_int_equal(txn_outbox_start(&c.env), 0);
}

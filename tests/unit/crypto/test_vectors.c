/* Every published vector that was reproduced goes through our functions. The file is data: a
 * vector's operation names the runner; one without a runner stands in the list of those we have no
 * operation for, or the test fails. */
#include "cmocka_all.h"

#include <jansson.h>

#define FIELD_MAX 256

struct vector {
    struct crypto *x;
    const json_t *inputs;
    const char *id;
    const char *operation;
    uint8_t want[FIELD_MAX];
    size_t want_len;
    uint8_t got[FIELD_MAX];
    size_t got_len;
};

static size_t field(const struct vector *v, const char *name, uint8_t out[FIELD_MAX])
{
    size_t len = 0;
    const char *text = json_string_value(json_object_get(v->inputs, name));
    memset(out, 0, FIELD_MAX);
    if (text && hex_decode_any(text, out, FIELD_MAX, &len))
        len = 0;
    return len;
}

static uint32_t number(const struct vector *v, const char *name)
{
    uint8_t b[FIELD_MAX];
    uint32_t n = 0;
    size_t len = field(v, name, b);
    for (size_t i = 0; i < len; i++)
        n = (n << 8) | b[i];
    return n;
}

static int key_of(const struct vector *v, const char *name, struct pboc_key *ret)
{
    uint8_t b[FIELD_MAX];
    size_t len = field(v, name, b);
    return pboc_key_set(ret, len == 8 ? PBOC_DES : PBOC_3DES, b, len);
}

static struct pboc_session session_of(const struct vector *v, const char *name)
{
    struct pboc_session s = {.alg = PBOC_3DES, .len = 8};
    uint8_t b[FIELD_MAX];
    field(v, name, b);
    memcpy(s.bytes, b, 8);
    return s;
}

static struct pboc_load load_of(const struct vector *v)
{
    struct pboc_load l = {.balance_before = number(v, "balance_before"),
                          .balance_after = number(v, "balance_after"),
                          .amount = number(v, "amount"),
                          .type = (uint8_t)number(v, "type")};
    uint8_t b[FIELD_MAX];
    field(v, "card_random", b);
    memcpy(l.random, b, 4);
    l.counter = (uint16_t)(number(v, "online_seq") | number(v, "online_seq_before_increment"));
    field(v, "terminal", b);
    memcpy(l.sam, b, sizeof l.sam);
    field(v, "datetime", b);
    memcpy(l.date, b, 4);
    memcpy(l.time, b + 4, 3);
    return l;
}

static struct pboc_purchase purchase_of(const struct vector *v)
{
    struct pboc_purchase p = {.amount = number(v, "amount"),
                              .type = (uint8_t)number(v, "type"),
                              .sam_seq = number(v, "terminal_seq"),
                              .counter = (uint16_t)number(v, "offline_seq")};
    uint8_t b[FIELD_MAX];
    field(v, "card_random", b);
    memcpy(p.random, b, 4);
    field(v, "terminal", b);
    memcpy(p.sam, b, sizeof p.sam);
    field(v, "datetime", b);
    memcpy(p.date, b, 4);
    memcpy(p.time, b + 4, 3);
    p.code_len = (uint8_t)field(v, "extra", b);
    memcpy(p.code, b, sizeof p.code);
    return p;
}

static int give_session(struct vector *v, int err, const struct pboc_session *s)
{
    memcpy(v->got, s->bytes, sizeof s->bytes);
    v->got_len = s->len;
    return err;
}

static int run_load_session(struct vector *v)
{
    struct pboc_key k = {0};
    struct pboc_session s = {0};
    struct pboc_load l = load_of(v);
    int err = key_of(v, "DLK", &k);
    return give_session(v, err ? err : pboc_load_session(v->x, &k, &l, &s), &s);
}

static int run_purchase_session(struct vector *v)
{
    struct pboc_key k = {0};
    struct pboc_session s = {0};
    struct pboc_purchase p = purchase_of(v);
    int err = key_of(v, "DPK", &k);
    return give_session(v, err ? err : pboc_purchase_session(v->x, &k, &p, &s), &s);
}

static int run_load_mac1(struct vector *v)
{
    struct pboc_session s = session_of(v, "session_key");
    struct pboc_load l = load_of(v);
    v->got_len = 4;
    return pboc_load_mac1(v->x, &s, &l, v->got);
}

static int run_load_mac2(struct vector *v)
{
    struct pboc_session s = session_of(v, "session_key");
    struct pboc_load l = load_of(v);
    v->got_len = 4;
    return pboc_load_mac2(v->x, &s, &l, v->got);
}

static int tac_key(const struct vector *v, struct pboc_session *ret)
{
    struct pboc_key k = {0};
    int err = key_of(v, "DTK", &k);
    return err ? err : pboc_tac_key(&k, ret);
}

static int run_load_tac(struct vector *v)
{
    struct pboc_session s = {0};
    struct pboc_load l = load_of(v);
    int err = tac_key(v, &s);
    v->got_len = 4;
    return err ? err : pboc_load_tac(v->x, &s, &l, v->got);
}

static int run_purchase_mac1(struct vector *v)
{
    struct pboc_session s = session_of(v, "session_key");
    struct pboc_purchase p = purchase_of(v);
    v->got_len = 4;
    return pboc_purchase_mac1(v->x, &s, &p, v->got);
}

static int run_purchase_mac2(struct vector *v)
{
    struct pboc_session s = session_of(v, "session_key");
    struct pboc_purchase p = {.amount = number(v, "data")};
    v->got_len = 4;
    return pboc_purchase_mac2(v->x, &s, &p, v->got);
}

static int run_purchase_tac(struct vector *v)
{
    struct pboc_session s = {0};
    struct pboc_purchase p = purchase_of(v);
    int err = tac_key(v, &s);
    v->got_len = 4;
    return err ? err : pboc_purchase_tac(v->x, &s, &p, v->got);
}

static int run_fold(struct vector *v)
{
    struct pboc_session s = {0};
    int err = tac_key(v, &s);
    return give_session(v, err, &s);
}

static int run_diversify(struct vector *v)
{
    struct pboc_key mk = {0}, k = {0};
    uint8_t factor[1][FIELD_MAX];
    field(v, "factor", factor[0]);
    int err = key_of(v, "MK", &mk);
    if (!err)
        err = pboc_diversify(v->x, &mk, factor[0], &k);
    memcpy(v->got, k.bytes, sizeof k.bytes);
    v->got_len = k.len;
    return err;
}

static int run_external(struct vector *v)
{
    struct pboc_key k = {0};
    uint8_t challenge[FIELD_MAX];
    size_t len = field(v, "challenge", challenge);
    /* The manual's example prints the challenge with its filling. */
    if (!len && field(v, "data", challenge) == 8)
        len = 4;
    int err = key_of(v, "key", &k);
    v->got_len = 8;
    return err ? err : pboc_external_auth(v->x, &k, challenge, len, v->got);
}

static int run_internal(struct vector *v)
{
    struct pboc_key k = {0};
    uint8_t data[FIELD_MAX];
    v->got_len = field(v, "data", data);
    int err = key_of(v, "key", &k);
    return err ? err : pboc_internal_auth(v->x, &k, data, v->got_len, v->got);
}

static int run_sm_mac(struct vector *v)
{
    struct pboc_key k = {0};
    uint8_t iv[FIELD_MAX], data[FIELD_MAX];
    field(v, "iv", iv);
    size_t len = field(v, "data", data);
    int err = key_of(v, "key", &k);
    v->got_len = 4;
    return err ? err : pboc_sm_mac(v->x, &k, iv, (struct bytes){data, len}, v->got);
}

static int run_retail(struct vector *v)
{
    uint8_t key[FIELD_MAX], data[FIELD_MAX];
    field(v, "key", key);
    size_t len = field(v, "data", data);
    v->got_len = 8;
    return mac_des_retail(v->x, key, NULL, (struct bytes){data, len}, v->got);
}

/** The vector's plain text has length and filling; we give what lies between and must get the same
 * ciphertext. */
static int run_sm_encrypt(struct vector *v)
{
    struct pboc_key k = {0};
    uint8_t plain[FIELD_MAX];
    struct buf out;
    size_t len = field(v, "plaintext", plain);
    int err = key_of(v, "key", &k);
    if (err || len < 1 || plain[0] >= len)
        return OC_EPARSE;
    buf_over(&out, v->got, sizeof v->got);
    err = pboc_sm_encrypt(v->x, &k, (struct bytes){plain + 1, plain[0]}, &out);
    v->got_len = out.len;
    return err;
}

static int run_3des_ecb(struct vector *v)
{
    uint8_t key[FIELD_MAX], data[FIELD_MAX];
    size_t key_len = field(v, "key", key);
    v->got_len = field(v, "data", data);
    return mac_des_ecb(v->x, (struct bytes){key, key_len}, data, v->got_len, v->got);
}

static int run_sm4_ecb(struct vector *v)
{
    uint8_t key[FIELD_MAX], data[FIELD_MAX];
    field(v, "key", key);
    v->got_len = field(v, "data", data);
    return mac_sm4_ecb(v->x, key, data, v->got_len, v->got);
}

static int run_sm4_mac(struct vector *v)
{
    uint8_t key[FIELD_MAX], data[FIELD_MAX];
    field(v, "key", key);
    size_t len = field(v, "data", data);
    v->got_len = 16;
    return mac_sm4_cbc(v->x, key, NULL, (struct bytes){data, len}, v->got);
}

/** SM4 forms come in only as numbers computed from their formula: regression, not proof. */
static int run_sm4_diversify(struct vector *v)
{
    struct pboc_key mk = {0}, k = {0};
    uint8_t b[FIELD_MAX], factor[FIELD_MAX];
    field(v, "MK", b);
    field(v, "factor", factor);
    int err = pboc_key_set(&mk, PBOC_SM4, b, 16);
    if (!err)
        err = pboc_diversify(v->x, &mk, factor, &k);
    memcpy(v->got, k.bytes, 16);
    v->got_len = 16;
    return err;
}

static int run_sm4_session(struct vector *v)
{
    struct pboc_key k = {0};
    struct pboc_session s = {0};
    struct pboc_purchase p = {0};
    uint8_t b[FIELD_MAX];
    field(v, "X8", b);
    memcpy(p.random, b, 4);
    p.counter = be16(b + 4);
    p.sam_seq = be16(b + 6);
    field(v, "DPK", b);
    int err = pboc_key_set(&k, PBOC_SM4, b, 16);
    return give_session(v, err ? err : pboc_purchase_session(v->x, &k, &p, &s), &s);
}

static int run_sm4_purchase_mac1(struct vector *v)
{
    struct pboc_session s = {.alg = PBOC_SM4, .len = 16};
    uint8_t b[FIELD_MAX], data[FIELD_MAX];
    field(v, "session_key", b);
    memcpy(s.bytes, b, 16);
    size_t len = field(v, "data", data);
    v->got_len = 4;
    return pboc_mac(v->x, &s, (struct bytes){data, len}, v->got);
}

static int run_sm4_external(struct vector *v)
{
    struct pboc_key k = {0};
    uint8_t b[FIELD_MAX], challenge[FIELD_MAX];
    field(v, "key", b);
    field(v, "random", challenge);
    int err = pboc_key_set(&k, PBOC_SM4, b, 16);
    v->got_len = 8;
    return err ? err : pboc_external_auth(v->x, &k, challenge, 8, v->got);
}

static const struct runner {
    const char *operation; /* a vector's operation begins so */
    int (*run)(struct vector *v);
} runners[] = {
    {"load session key", run_load_session},
    {"purchase session key", run_purchase_session},
    {"INITIALIZE FOR LOAD MAC1", run_load_mac1},
    {"CREDIT FOR LOAD MAC2", run_load_mac2},
    {"load TAC", run_load_tac},
    {"DEBIT FOR PURCHASE MAC1", run_purchase_mac1},
    {"DEBIT FOR PURCHASE MAC2", run_purchase_mac2},
    {"purchase TAC", run_purchase_tac},
    {"TAC key folding", run_fold},
    {"key diversification, 1 level", run_diversify},
    {"card key diversification", run_diversify},
    {"EXTERNAL AUTHENTICATE", run_external},
    {"INTERNAL AUTHENTICATE", run_internal},
    {"secure-messaging MAC", run_sm_mac},
    {"WRITE KEY secure-messaging MAC", run_sm_mac},
    {"PSAM key load: secure-messaging MAC", run_sm_mac},
    {"APPLICATION BLOCK MAC", run_sm_mac},
    {"APPLICATION UNBLOCK MAC", run_sm_mac},
    {"WRITE KEY encrypted field", run_sm_encrypt},
    {"PSAM key load: encrypted data field", run_sm_encrypt},
    {"issuer-script PUT DATA MAC", run_retail},
    {"session key from ATC", run_3des_ecb},
    {"ARPC", run_3des_ecb},
    {"SM4 encrypt", run_sm4_ecb},
    {"SM4 CBC-MAC", run_sm4_mac},
    {"SM4 key diversification", run_sm4_diversify},
    {"SM4 purchase session key", run_sm4_session},
    {"SM4 purchase MAC1", run_sm4_purchase_mac1},
    {"SM4 EXTERNAL AUTHENTICATE", run_sm4_external},
};

/** Reproduced vectors that other tests take (U-ROOT: test_sign), or that are of the debit
 * application (T-SK2). */
static const char *const elsewhere[] = {"U-ROOT", "T-SK2"};

static bool is_elsewhere(const char *id)
{
    for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++) {
        if (strcmp(elsewhere[i], id) == 0)
            return true;
    }
    return false;
}

static const struct runner *runner_of(const char *operation)
{
    for (size_t i = 0; i < ARRAY_LEN(runners); i++) {
        if (strncmp(runners[i].operation, operation, strlen(runners[i].operation)) == 0)
            return &runners[i];
    }
    return NULL;
}

static const char *text_of(const json_t *vector, const char *name)
{
    const char *s = json_string_value(json_object_get(vector, name));
    return s ? s : "";
}

static void run_vector(struct crypto *x, const json_t *json)
{
    struct vector v = {.x = x,
                       .inputs = json_object_get(json, "inputs"),
                       .id = text_of(json, "id"),
                       .operation = text_of(json, "operation")};
    const struct runner *r = runner_of(v.operation);
    if (!r)
        fail_msg("%s: nobody runs \"%s\"", v.id, v.operation);
    else if (hex_decode_any(text_of(json, "output"), v.want, sizeof v.want, &v.want_len))
        fail_msg("%s: output is no hex", v.id);
    else if (r->run(&v))
        fail_msg("%s: our function failed", v.id);
    else if (v.got_len != v.want_len || memcmp(v.got, v.want, v.want_len) != 0)
        fail_msg("%s: other bytes than published", v.id);
}

static unsigned run_all(struct crypto *x, const json_t *all, const char *kind, bool reproduced)
{
    unsigned run = 0;
    size_t i;
    json_t *json;
    json_array_foreach(all, i, json)
    {
        if (strcmp(text_of(json, "kind"), kind) != 0 || is_elsewhere(text_of(json, "id")) ||
            (reproduced && !json_is_true(json_object_get(json, "reproduced"))))
            continue;
        run_vector(x, json);
        run++;
    }
    return run;
}

static json_t *vectors(void)
{
    json_error_t e;
    json_t *all = json_load_file(ONECARD_SOURCE_DIR "/tests/vectors/card.json", 0, &e);
    assert_non_null(all);
    return all;
}

static void published_vectors_come_out_of_our_functions(void **state)
{
    json_t *all = vectors();
    unsigned run = run_all(*state, all, "published", true);
    json_decref(all);
    print_message("%u published vectors\n", run);
    assert_true(run >= 44);
}

static void computed_sm4_vectors_do_not_move(void **state)
{
    json_t *all = vectors();
    unsigned run = run_all(*state, all, "computed-only", false);
    json_decref(all);
    assert_int_equal(run, 4);
}

/** T-SK2 is diversification, then the session key of T-SK1, with another master key. */
static void debit_application_session_key_from_master_key(void **state)
{
    struct pboc_key mk = {0}, ck = {0};
    uint8_t b[16], data[16], got[16];
    unhex("CFE31C8FEC62792BCB1A5D41A2442166", b, 16);
    assert_int_equal(pboc_key_set(&mk, PBOC_3DES, b, 16), 0);
    unhex("5731290002516500", data, 8);
    assert_int_equal(pboc_diversify(*state, &mk, data, &ck), 0);
    unhex("0000000000000002000000000000FFFD", data, 16);
    assert_int_equal(mac_des_ecb(*state, (struct bytes){ck.bytes, 16}, data, 16, got), 0);
    unhex("822492068CD484E4E4A5B17CF57ACD43", b, 16);
    assert_memory_equal(got, b, 16);
}

/** Negative: a card whose load key has algorithm id 02 computes something else (E4). */
static void key_with_unknown_algorithm_id_is_refused(void **state)
{
    struct pboc_key k;
    const uint8_t bytes[16] = {0};
    (void)state;
    assert_int_equal(pboc_key_set(&k, (enum pboc_alg)2, bytes, 16), OC_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors_come_out_of_our_functions),
        cmocka_unit_test(computed_sm4_vectors_do_not_move),
        cmocka_unit_test(debit_application_session_key_from_master_key),
        cmocka_unit_test(key_with_unknown_algorithm_id_is_refused),
    };
    return cmocka_run_group_tests(tests, setup_crypto, teardown_crypto);
}

#include "site.h"

#include "crypto/crypto.h"
#include "ledger/ledger.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define ISSUER "1020304000000001"
static const char *const purposes[] = {"purchase", "load",        "tac",
                                       "internal", "maintenance", "main"};
static const enum cardsim_key_use uses[] = {CARDSIM_KEY_PURCHASE,    CARDSIM_KEY_LOAD,
                                            CARDSIM_KEY_TAC,         CARDSIM_KEY_INTERNAL,
                                            CARDSIM_KEY_MAINTENANCE, CARDSIM_KEY_MAIN};

static void key_of(size_t i, uint8_t ret[16])
{
    for (size_t k = 0; k < 16; k++)
        ret[k] = (uint8_t)(0x11 * (i + 1) + 2 * k);
}

static struct cardsim *make_card(int i)
{
    struct cardsim *card = NULL;
    struct cardsim_personal p;
    struct cardsim_options o = {.profile = CARDSIM_PBOC};
    cardsim_personal_init(&p, CARDSIM_PBOC);
    assert_int_equal(hex_decode(ISSUER, p.issuer, 8), 0);
    memset(p.serial, 0, sizeof p.serial);
    p.serial[9] = (uint8_t)(i + 1);
    p.app_flag = 1;
    assert_int_equal(hex_decode("20250101", p.start, 4), 0);
    assert_int_equal(hex_decode("20401231", p.expiry, 4), 0);
    for (size_t k = 0; k < ARRAY_LEN(uses); k++) {
        struct cardsim_key *key = &p.keys[uses[k]];
        key->set = key->master = true;
        key->id = uses[k] == CARDSIM_KEY_PURCHASE || uses[k] == CARDSIM_KEY_LOAD ? 1 : 0;
        key->version = 1;
        key_of(k, key->value);
    }
    assert_int_equal(cardsim_new(&card, &o), 0);
    cardsim_set_seed(card, (uint64_t)(i + 1));
    assert_int_equal(cardsim_personalise(card, &p), 0);
    return card;
}

/* ---- the daemon ---- */

static void on_ready(struct serve *s, void *arg)
{
    struct site *site = arg;
    (void)s;
    (void)sem_post(&site->ready);
}

static void *run(void *arg)
{
    struct site *s = arg;
    ROLE_ENTER_WORKER();
    s->rc = serve_run(s->serve);
    (void)sem_post(&s->ready);
    return NULL;
}

void site_start(struct site *s)
{
    struct serve_opts o = {.file = s->config, .no_signals = true, .ready = on_ready, .arg = s};
    ROLE_ENTER_WORKER();
    assert_int_equal(serve_open(&o, &s->serve), 0);
    assert_int_equal(reader_sim_new(serve_readers(s->serve), "left", &s->reader[0]), 0);
    assert_int_equal(reader_sim_new(serve_readers(s->serve), "right", &s->reader[1]), 0);
    if (s->early >= 0)
        reader_sim_insert(s->reader[1], s->card[s->early]);
    assert_int_equal(sem_init(&s->ready, 0, 0), 0);
    s->rc = 1;
    assert_int_equal(pthread_create(&s->thread, NULL, run, s), 0);
    s->running = true;
    (void)sem_wait(&s->ready);
    if (s->rc != 1)
        fail_msg("the daemon did not start: %d", s->rc);
}

struct order {
    struct loop_task task;
    struct site *site;
    int what, reader, card;
    int64_t fen;
    sem_t done;
};

static int64_t chip(struct site *s, int card)
{
    struct cardsim_status st;
    cardsim_status(s->card[card], &st);
    return st.balance_fen;
}

static void obey(struct loop_task *task)
{
    struct order *o = CONTAINER_OF(task, struct order, task);
    if (o->what == 0)
        serve_stop(o->site->serve);
    else if (o->what == 1)
        reader_sim_insert(o->site->reader[o->reader], o->site->card[o->card]);
    else if (o->what == 2)
        (void)reader_sim_remove(o->site->reader[o->reader]);
    else
        o->fen = chip(o->site, o->card);
    (void)sem_post(&o->done);
}

static int64_t order(struct site *s, int what, int reader, int card)
{
    struct order o = {
        .task = {.fn = obey}, .site = s, .what = what, .reader = reader, .card = card};
    (void)sem_init(&o.done, 0, 0);
    loop_post(serve_loop(s->serve), &o.task);
    (void)sem_wait(&o.done);
    return o.fen;
}

void site_insert(struct site *s, int reader, int card)
{
    (void)order(s, 1, reader, card);
}

void site_remove(struct site *s, int reader)
{
    (void)order(s, 2, reader, 0);
}

void site_stop(struct site *s)
{
    ROLE_ENTER_WORKER();
    if (!s->running)
        return;
    (void)order(s, 0, 0, 0);
    (void)pthread_join(s->thread, NULL);
    s->running = false;
    serve_close(&s->serve);
}

/* ---- the folder ---- */

static void make_site(struct site *s)
{
    char path[96];
    uint8_t chain[32];
    struct keystore *ks = NULL;
    struct crypto *x = NULL;
    ROLE_ENTER_WORKER();
    (void)snprintf(path, sizeof path, "%s/keystore", s->dir);
    assert_int_equal(keystore_create(path, NULL, &rng_system), 0);
    assert_int_equal(keystore_open(path, NULL, &ks), 0);
    assert_int_equal(crypto_new(NULL, &x), 0);
    assert_int_equal(keystore_key(ks, x, "journal", chain), 0);
    (void)snprintf(path, sizeof path, "%s/ledger.db", s->dir);
    struct ledger_opts o = {.path = path, .clock = &clock_system, .chain_key = chain};
    struct op_site site = {.name = "Test", .city_offset_min = 480};
    site.first_day = city_date(clock_wall_ms(&clock_system), 480);
    assert_int_equal(ledger_create(&o, &site), 0);
    crypto_free(&x);
    keystore_close(&ks);
}

static void write_config(struct site *s, const char *extra)
{
    ROLE_ENTER_WORKER();
    int n = snprintf(s->text, sizeof s->text,
                     "site: {name: Test, issuer: \"%s\"}\n"
                     "paths: {profiles: \"%s/conf/profiles\", modules: "
                     "\"%s/lib/onecard/modules\"}\n"
                     "keys: {allow_clear: true}\nsam: {software: true}\n"
                     "readers: {pcsc: off}\nlog: {level: error}\n%s",
                     ISSUER, ONECARD_SOURCE_DIR, ONECARD_BINARY_DIR, extra ? extra : "");
    assert_true(n > 0 && (size_t)n < sizeof s->text);
    assert_int_equal(file_write_atomic(s->config, s->text, (size_t)n, 0600), 0);
}

void site_open(struct site *s, const char *extra)
{
    memset(s, 0, sizeof *s);
    s->early = -1;
    log_set_level(LOG_ERROR);
    const char *tmp = getenv("TMPDIR"); /* a socket's path must be short */
    (void)snprintf(s->dir, sizeof s->dir, "%s/onecard-site.XXXXXX", tmp && strlen(tmp) < 32 ? tmp : "/tmp");
    assert_non_null(mkdtemp(s->dir));
    (void)snprintf(s->config, sizeof s->config, "%s/onecardd.yaml", s->dir);
    (void)snprintf(s->socket, sizeof s->socket, "%s/run/onecardd.sock", s->dir);
    make_site(s);
    write_config(s, extra);
    for (int i = 0; i < SITE_CARDS; i++)
        s->card[i] = make_card(i);
    site_start(s);
}

static int drop(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

void site_close(struct site *s)
{
    site_stop(s);
    for (int i = 0; i < SITE_CARDS; i++)
        cardsim_free(&s->card[i]);
    (void)nftw(s->dir, drop, 16, FTW_DEPTH | FTW_PHYS);
    assert_int_equal(s->rc, 0);
}

/* ---- asking ---- */

static int connect_to(struct site *s)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    (void)snprintf(to.sun_path, sizeof to.sun_path, "%s", s->socket);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void send_request(int fd, const char *method, const char *path, const char *body)
{
    char head[512];
    size_t len = body ? strlen(body) : 0;
    int n =
        snprintf(head, sizeof head,
                 "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n",
                 method, path, len);
    assert_int_equal(write(fd, head, (size_t)n), n);
    for (size_t at = 0; at < len;) {
        ssize_t k = send(fd, body + at, len - at, MSG_NOSIGNAL);
        if (k <= 0)
            break;
        at += (size_t)k;
    }
}

json_t *site_call(struct site *s, const char *method, const char *path, const char *body,
                  int *ret_status)
{
    struct buf b;
    uint8_t part[1024];
    ssize_t n;
    int fd = connect_to(s), status = 0;
    send_request(fd, method, path, body);
    buf_init(&b, 0);
    while ((n = read(fd, part, sizeof part)) > 0)
        buf_put(&b, part, (size_t)n);
    (void)close(fd);
    const char *text = buf_cstr(&b), *end = strstr(text, "\r\n\r\n");
    (void)sscanf(text, "HTTP/1.1 %d", &status);
    json_t *j = end ? json_loads(end + 4, 0, NULL) : NULL;
    buf_fini(&b);
    if (ret_status)
        *ret_status = status;
    return j;
}

json_t *site_expect(struct site *s, int status, const char *method, const char *path,
                    const char *body)
{
    int got = 0;
    json_t *j = site_call(s, method, path, body, &got);
    if (got != status) {
        char *text = j ? json_dumps(j, 0) : NULL;
        print_error("%s %s %s: %d %s\n", method, path, body ? body : "", got, text ? text : "");
        free(text);
    }
    assert_int_equal(got, status);
    return j;
}

void site_hang_up(struct site *s, const char *path, int ms)
{
    int fd = connect_to(s);
    send_request(fd, "GET", path, NULL);
    (void)usleep((useconds_t)ms * 1000);
    (void)close(fd);
}

const char *text_of(const json_t *j, const char *name)
{
    const char *t = json_string_value(json_object_get(j, name));
    return t ? t : "";
}

int64_t number_of(const json_t *j, const char *name)
{
    return json_integer_value(json_object_get(j, name));
}

bool site_wait(struct site *s, const char *path, const char *member, const char *text)
{
    bool same = false;
    for (int i = 0; i < 100 && !same; i++) {
        json_t *j = site_call(s, "GET", path, NULL, NULL);
        same = strcmp(text_of(j, member), text) == 0;
        json_decref(j);
        if (!same)
            (void)usleep(50000);
    }
    return same;
}

void site_request(struct site *s, const char *body, char ret_id[32])
{
    json_t *j = site_expect(s, 202, "POST", "/v1/requests", body);
    (void)snprintf(ret_id, 32, "%s", text_of(j, "request"));
    json_decref(j);
}

json_t *site_result(struct site *s, const char *id)
{
    char path[96];
    (void)snprintf(path, sizeof path, "/v1/requests/%s?wait_ms=2000", id);
    for (int i = 0; i < 60; i++) {
        json_t *j = site_expect(s, 200, "GET", path, NULL);
        if (strcmp(text_of(j, "state"), "done") == 0) {
            json_t *r = json_incref(json_object_get(j, "result"));
            json_decref(j);
            return r;
        }
        json_decref(j);
    }
    return NULL;
}

/* ---- furniture ---- */

static void add_keys(struct site *s)
{
    for (size_t i = 0; i < ARRAY_LEN(purposes); i++) {
        char body[256], hex[33];
        uint8_t key[16];
        key_of(i, key);
        (void)snprintf(body, sizeof body, "{\"purpose\":\"%s\",\"version\":1,\"clear\":\"%s\"}",
                       purposes[i], hex_encode(key, sizeof key, hex));
        json_decref(site_expect(s, 201, "POST", "/v1/keys/import", body));
    }
}

int64_t site_chip(struct site *s, int card)
{
    return order(s, 3, 0, card);
}

void site_furnish(struct site *s, bool gate)
{
    add_keys(s);
    json_decref(
        site_expect(s, 201, "POST", "/v1/participants", "{\"id\":\"bank\",\"name\":\"B\"}"));
    json_decref(
        site_expect(s, 201, "POST", "/v1/participants", "{\"id\":\"bus\",\"name\":\"公交\"}"));
    json_decref(site_expect(s, 201, "POST", "/v1/terminals",
                            "{\"id\":\"desk\",\"kind\":\"desk\",\"participant\":\"bank\",\"sam\":"
                            "\"100000000001\",\"reader\":\"left\",\"services\":\"*\"}"));
    if (gate)
        json_decref(site_expect(
            s, 201, "POST", "/v1/terminals",
            "{\"id\":\"bus\",\"kind\":\"bus\",\"participant\":\"bus\",\"sam\":\"100000000002\","
            "\"reader\":\"right\",\"services\":[\"transit.*\"],\"gate\":\"transit.ride\","
            "\"params\":{\"fare\":\"2.00\",\"line\":\"12\",\"same_card_seconds\":\"0\"}}"));
    for (int i = 0; i < 2; i++) {
        char body[200];
        (void)snprintf(body, sizeof body,
                       "{\"serial\":\"%d\",\"profile\":\"pboc-ep\",\"opening_fen\":5000}", i + 1);
        json_decref(site_expect(s, 201, "POST", "/v1/cards/register", body));
        assert_int_equal(cardsim_purse_set(s->card[i], 5000, 0, 1, 1), 0);
    }
}

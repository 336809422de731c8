/* See site.h. */
#include "site.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const uint8_t master[16] = {0x11, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF,
                                   0xFE, 0xDC, 0xBA, 0x98, 0x76, 0x54, 0x32, 0x10};
static const uint8_t issuer[8] = {0x10, 0x20, 0x30, 0x40, 0x00, 0x00, 0x00, 0x01};

void site_key(enum key_purpose p, uint8_t ret[16])
{
    memcpy(ret, master, 16);
    ret[0] ^= (uint8_t)(2 * p);
    ret[9] ^= (uint8_t)(4 * p);
}

void site_chips(struct chip_site *ret)
{
    *ret = (struct chip_site){.opening = SITE_OPENING, .online = 1, .offline = 1};
    memcpy(ret->issuer, issuer, sizeof issuer);
    site_key(KEY_PURCHASE, ret->purchase);
    site_key(KEY_LOAD, ret->load);
    site_key(KEY_TAC, ret->tac);
    site_key(KEY_INTERNAL, ret->internal);
    site_key(KEY_MAIN, ret->main);
    site_key(KEY_MAINTENANCE, ret->maintenance);
}

void site_terminal(enum place p, unsigned i, char ret[16])
{
    snprintf(ret, 16, "%c%06u", "tgex"[p], i + 1);
}

unsigned site_places(const struct site *s, enum place p)
{
    return p == PLACE_DESK ? s->terminals : p == PLACE_GATE ? s->gates : s->metro;
}

void site_citizen(uint64_t i, char ret[16])
{
    snprintf(ret, 16, "c%07u", (unsigned)(i + 1));
}

/* ---- files ---- */

static const char *under(const struct site *s, const char *name, char ret[600])
{
    snprintf(ret, 600, "%s/%s", s->dir, name);
    return ret;
}

static WORKER_FN int put(const struct site *s, const char *name, const void *bytes, size_t len)
{
    char path[600];
    return file_write_atomic(under(s, name, path), bytes, len, 0600);
}

static WORKER_FN int get(const struct site *s, const char *name, struct x509_bytes *ret)
{
    char path[600];
    struct buf b;
    buf_init(&b, sizeof ret->data);
    int rc = file_read(under(s, name, path), &b);
    if (rc == 0) {
        memcpy(ret->data, b.data, b.len);
        ret->len = b.len;
    }
    buf_fini(&b);
    return rc;
}

static WORKER_FN int put_meta(const struct site *s)
{
    char text[128];
    int n =
        snprintf(text, sizeof text, "cards %llu\nterminals %u\ngates %u\nmetro %u\ncitizens %u\n",
                 (unsigned long long)s->cards, s->terminals, s->gates, s->metro, s->citizens);
    return put(s, "site", text, (size_t)n);
}

static WORKER_FN int get_meta(struct site *s)
{
    struct x509_bytes text;
    unsigned long long cards = 0;
    int rc = get(s, "site", &text);
    if (rc != 0)
        return rc;
    text.data[text.len < sizeof text.data ? text.len : sizeof text.data - 1] = '\0';
    if (sscanf((const char *)text.data, "cards %llu terminals %u gates %u metro %u citizens %u",
               &cards, &s->terminals, &s->gates, &s->metro, &s->citizens) < 3)
        return OC_EPARSE;
    s->cards = cards;
    return 0;
}

static WORKER_FN int map_cards(struct site *s, bool empty)
{
    char path[600];
    size_t size = s->cards * sizeof *s->stores;
    int fd = open(under(s, "cards.bin", path), O_RDWR | O_CREAT | O_CLOEXEC | (empty ? O_TRUNC : 0),
                  0600);
    if (fd < 0)
        return OC_EIO;
    void *at = ftruncate(fd, (off_t)size) == 0
                   ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
                   : MAP_FAILED;
    close(fd);
    if (at == MAP_FAILED)
        return OC_EIO;
    s->stores = at;
    return 0;
}

/* ---- certificates ---- */

int site_certificate(const struct site *s, const char *terminal, struct x509_bytes *ret)
{
    struct x509_bytes csr;
    int rc = x509_request_new(&s->key, terminal, &csr);
    if (rc != 0)
        return rc;
    return x509_issue(&(struct x509_issue){.authority_key = &s->authority_key,
                                           .authority_cert = &s->authority,
                                           .csr = csr.data,
                                           .csr_len = csr.len,
                                           .name = terminal,
                                           .use = X509_TERMINAL,
                                           .now_ms = clock_wall_ms(&clock_system),
                                           .days = 365},
                      ret);
}

static int find_pin(struct site *s)
{
    struct x509_bytes csr;
    int rc = x509_request_new(&s->key, "pin", &csr);
    return rc != 0 ? rc : x509_request_check(csr.data, csr.len, s->pin);
}

static WORKER_FN int put_authority(const struct site *s)
{
    struct buf b;
    buf_init(&b, 0);
    int rc = x509_to_pem(&s->authority, "CERTIFICATE", &b);
    if (rc == 0)
        rc = put(s, "authority.pem", b.data, b.len);
    buf_fini(&b);
    return rc;
}

int site_new(struct site *s, const char *site_dir, const struct site_size *size)
{
    *s = (struct site){.cards = size->cards,
                       .terminals = size->terminals,
                       .gates = size->gates,
                       .metro = size->metro,
                       .citizens = size->citizens};
    snprintf(s->dir, sizeof s->dir, "%s/loadgen", site_dir);
    int rc = file_mkdirs(s->dir, 0700);
    if (rc == 0)
        rc = x509_key_new(&s->authority_key);
    if (rc == 0)
        rc = x509_authority_new(&s->authority_key, "loadgen", clock_wall_ms(&clock_system), 3650,
                                &s->authority);
    if (rc == 0)
        rc = x509_key_new(&s->key);
    if (rc == 0)
        rc = find_pin(s);
    if (rc == 0)
        rc = put(s, "authority.key", s->authority_key.data, s->authority_key.len);
    if (rc == 0)
        rc = put(s, "authority.der", s->authority.data, s->authority.len);
    if (rc == 0)
        rc = put_authority(s);
    if (rc == 0)
        rc = put(s, "terminal.key", s->key.data, s->key.len);
    if (rc == 0)
        rc = put_meta(s);
    return rc != 0 ? rc : map_cards(s, true);
}

int site_open(struct site *s, const char *loadgen_dir, bool forget)
{
    *s = (struct site){0};
    snprintf(s->dir, sizeof s->dir, "%s", loadgen_dir);
    int rc = get_meta(s);
    if (rc == 0)
        rc = get(s, "authority.key", &s->authority_key);
    if (rc == 0)
        rc = get(s, "authority.der", &s->authority);
    if (rc == 0)
        rc = get(s, "terminal.key", &s->key);
    if (rc == 0)
        rc = find_pin(s);
    return rc != 0 ? rc : map_cards(s, forget);
}

void site_close(struct site *s)
{
    if (s->stores)
        munmap(s->stores, s->cards * sizeof *s->stores);
    s->stores = NULL;
    secret_wipe(&s->authority_key, sizeof s->authority_key);
    secret_wipe(&s->key, sizeof s->key);
}

/* The terminal's side, see peer.h. */
#include "peer.h"

#include <openssl/evp.h>
#include <string.h>

const uint8_t terminal6[6] = {0x11, 0x22, 0x33, 0x44, 0x55, 0x66};
const uint8_t when7[7] = {0x20, 0x26, 0x11, 0x21, 0x12, 0x34, 0x56};
const uint8_t key_purchase[16] = {0x3E, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
const uint8_t key_load[16] = {0x3F, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
const uint8_t key_tac[16] = {0x34, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
const uint8_t key_file[16] = {0x36, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
const uint8_t key_main[16] = {0x39, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
const uint8_t serial10[10] = {0, 0, 0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56};

size_t unhex(const char *text, uint8_t *out)
{
    size_t n = 0;
    for (; text[0] && text[1]; text += text[2] == ' ' ? 3 : 2) {
        const char two[3] = {text[0], text[1], '\0'};
        out[n++] = (uint8_t)strtoul(two, NULL, 16);
    }
    return n;
}

struct reply send_bytes(struct cardsim *c, const uint8_t *cmd, size_t len)
{
    struct reply r = {0};
    uint8_t buf[CARDSIM_RESPONSE_MAX];
    size_t n = 0;
    r.err = cardsim_transmit(c, cmd, len, buf, sizeof buf, &n);
    if (r.err == 0) {
        r.sw = (unsigned)buf[n - 2] << 8 | buf[n - 1];
        r.len = n - 2;
        memcpy(r.data, buf, r.len < sizeof r.data ? r.len : sizeof r.data);
    }
    return r;
}

struct reply send_hex(struct cardsim *c, const char *text)
{
    uint8_t cmd[300];
    return send_bytes(c, cmd, unhex(text, cmd));
}

struct reply send_data(struct cardsim *c, const char *header, const uint8_t *data, size_t len,
                       int le)
{
    uint8_t cmd[300];
    size_t n = unhex(header, cmd);
    cmd[n++] = (uint8_t)len;
    memcpy(cmd + n, data, len);
    n += len;
    if (le >= 0)
        cmd[n++] = (uint8_t)le;
    return send_bytes(c, cmd, n);
}

void ede(const uint8_t *key16, int encrypt, const uint8_t *in, uint8_t *out, size_t len)
{
    EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
    int n = 0;
    EVP_CipherInit_ex(x, EVP_des_ede_ecb(), NULL, key16, NULL, encrypt);
    EVP_CIPHER_CTX_set_padding(x, 0);
    EVP_CipherUpdate(x, out, &n, in, (int)len);
    EVP_CIPHER_CTX_free(x);
}

void des1(const uint8_t *key8, int encrypt, const uint8_t *in, uint8_t *out)
{
    uint8_t twice[16];
    memcpy(twice, key8, 8);
    memcpy(twice + 8, key8, 8);
    ede(twice, encrypt, in, out, 8);
}

void cbc_mac(const uint8_t *key8, const uint8_t *iv, const uint8_t *data, size_t len, uint8_t *mac8)
{
    uint8_t padded[320] = {0};
    size_t n = len / 8 * 8 + 8;
    memcpy(padded, data, len);
    padded[len] = 0x80;
    memcpy(mac8, iv, 8);
    for (size_t at = 0; at < n; at += 8) {
        for (size_t i = 0; i < 8; i++)
            mac8[i] = (uint8_t)(mac8[i] ^ padded[at + i]);
        des1(key8, 1, mac8, mac8);
    }
}

void retail(const uint8_t *key16, const uint8_t *iv, const uint8_t *data, size_t len, uint8_t *mac8)
{
    cbc_mac(key16, iv, data, len, mac8);
    des1(key16 + 8, 0, mac8, mac8);
    des1(key16, 1, mac8, mac8);
}

void plain_mac(const uint8_t *key8, const uint8_t *data, size_t len, uint8_t *mac8)
{
    static const uint8_t zero[8];
    cbc_mac(key8, zero, data, len, mac8);
}

void tac_mac(const uint8_t *dtk, const uint8_t *data, size_t len, uint8_t *mac8)
{
    uint8_t folded[8];
    for (size_t i = 0; i < 8; i++)
        folded[i] = (uint8_t)(dtk[i] ^ dtk[i + 8]);
    plain_mac(folded, data, len, mac8);
}

void be32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

struct reply send_secure(struct cardsim *c, const char *header, const uint8_t *data, size_t len,
                         const uint8_t *key16, bool encrypt)
{
    uint8_t text[300], body[300], mac[8], iv[8] = {0};
    size_t n = len;
    struct reply r = send_hex(c, "0084000004");
    if (r.err || r.sw != 0x9000)
        return r;
    memcpy(iv, r.data, 4);
    if (len)
        memcpy(body, data, len);
    if (encrypt) {
        uint8_t block[300] = {(uint8_t)len};
        n = (len + 1 + 7) / 8 * 8;
        memcpy(block + 1, data, len);
        if (n > len + 1)
            block[len + 1] = 0x80;
        ede(key16, 1, block, body, n);
    }
    size_t h = unhex(header, text);
    text[h] = (uint8_t)(n + 4);
    memcpy(text + h + 1, body, n);
    retail(key16, iv, text, h + 1 + n, mac);
    memcpy(body + n, mac, 4);
    return send_data(c, header, body, n + 4, -1);
}

struct reply authenticate(struct cardsim *c, const char *header, const uint8_t *key16)
{
    uint8_t cryptogram[8];
    struct reply r = send_hex(c, "0084000008");
    if (r.err || r.sw != 0x9000)
        return r;
    ede(key16, 1, r.data, cryptogram, 8);
    return send_data(c, header, cryptogram, 8, -1);
}

int do_load(struct cardsim *c, uint32_t amount, const uint8_t *dlk, const uint8_t *dtk,
            struct reply *ret_last)
{
    uint8_t d[11] = {1}, sk[8], in[8] = {0}, text[32], mac[8];
    be32(d + 1, amount);
    memcpy(d + 5, terminal6, 6);
    struct reply r = *ret_last = send_data(c, "80500002", d, 11, 0x10);
    if (r.err || r.sw != 0x9000 || r.len != 16)
        return 1;
    memcpy(in, r.data + 8, 4);
    memcpy(in + 4, r.data + 4, 2);
    in[6] = 0x80;
    ede(dlk, 1, in, sk, 8);
    memcpy(text, r.data, 4);
    memcpy(text + 4, d + 1, 4);
    text[8] = 2;
    memcpy(text + 9, terminal6, 6);
    plain_mac(sk, text, 15, mac);
    if (memcmp(mac, r.data + 12, 4) != 0)
        return 2;
    memcpy(text + 15, when7, 7);
    plain_mac(sk, text + 4, 18, mac);
    memcpy(d, when7, 7);
    memcpy(d + 7, mac, 4);
    uint8_t seq[2] = {r.data[4], r.data[5]};
    uint32_t balance = (uint32_t)r.data[0] << 24 | (uint32_t)r.data[1] << 16 |
                       (uint32_t)r.data[2] << 8 | r.data[3];
    r = *ret_last = send_data(c, "80520000", d, 11, 4);
    if (r.err || r.sw != 0x9000 || r.len != 4)
        return 3;
    uint8_t tac[32];
    be32(tac, balance + amount);
    memcpy(tac + 4, seq, 2);
    memcpy(tac + 6, text + 4, 18);
    tac_mac(dtk, tac, 24, mac);
    return memcmp(mac, r.data, 4) == 0 ? 0 : 4;
}

int do_debit(struct cardsim *c, uint8_t p1, uint32_t amount, const uint8_t *dpk, const uint8_t *dtk,
             const char *capp, const uint8_t *suffix, struct debit *ret, struct reply *ret_last)
{
    static const uint8_t seq4[4] = {0, 1, 2, 3};
    uint8_t d[15] = {1}, sk[8], in[8], text[40], mac[8];
    char header[9];
    be32(d + 1, amount);
    memcpy(d + 5, terminal6, 6);
    memcpy(header, p1 == 3 ? "80500302" : "80500102", 9);
    struct reply r = *ret_last = send_data(c, header, d, 11, 0x0F);
    if (r.err || r.sw != 0x9000 || r.len != 15)
        return 1;
    memcpy(ret->balance, r.data, 4);
    memcpy(ret->seq, r.data + 4, 2);
    memcpy(in, r.data + 11, 4);
    memcpy(in + 4, r.data + 4, 2);
    memcpy(in + 6, seq4 + 2, 2);
    ede(dpk, 1, in, sk, 8);
    if (capp) {
        r = *ret_last = send_hex(c, capp);
        if (r.err || r.sw != 0x9000)
            return 2;
    }
    be32(text, amount);
    text[4] = p1 == 3 ? 9 : 6;
    memcpy(text + 5, terminal6, 6);
    memcpy(text + 11, when7, 7);
    if (suffix)
        memcpy(text + 18, suffix, 9);
    plain_mac(sk, text, suffix ? 27 : 18, mac);
    memcpy(d, seq4, 4);
    memcpy(d + 4, when7, 7);
    memcpy(d + 11, mac, 4);
    plain_mac(sk, text, 4, ret->mac2);
    memcpy(text + 11, seq4, 4);
    memcpy(text + 15, when7, 7);
    tac_mac(dtk, text, 22, ret->tac);
    r = *ret_last = send_data(c, "80540100", d, 15, 8);
    if (r.err || r.sw != 0x9000 || r.len != 8)
        return 3;
    return memcmp(r.data, ret->tac, 4) == 0 && memcmp(r.data + 4, ret->mac2, 4) == 0 ? 0 : 4;
}

void scripted(void *ctx, uint8_t *out, size_t len)
{
    struct script *s = ctx;
    memcpy(out, s->bytes + s->at, len);
    s->at += len;
}

void give_key(struct cardsim_personal *p, enum cardsim_key_use use, const uint8_t *value)
{
    p->keys[use].set = true;
    memcpy(p->keys[use].value, value, 16);
}

struct cardsim *ready_card(enum cardsim_profile profile, int64_t balance_fen)
{
    struct cardsim *c = NULL;
    struct cardsim_personal p;
    cardsim_personal_init(&p, profile);
    give_key(&p, CARDSIM_KEY_PURCHASE, key_purchase);
    give_key(&p, CARDSIM_KEY_LOAD, key_load);
    give_key(&p, CARDSIM_KEY_TAC, key_tac);
    give_key(&p, CARDSIM_KEY_MAINTENANCE, key_file);
    give_key(&p, CARDSIM_KEY_MAIN, key_main);
    memcpy(p.serial, serial10, 10);
    p.balance_fen = balance_fen;
    if (cardsim_new(&c, NULL) != 0 || cardsim_personalise(c, &p) != 0)
        abort();
    cardsim_set_seed(c, 1);
    cardsim_power_on(c);
    (void)send_hex(c, profile == CARDSIM_TUNION ? "00A4040008A000000632010105"
                                                : "00A4040009A00000000386980701");
    return c;
}

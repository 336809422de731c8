/* Session tickets of a server: everything it must remember is in the ticket, sealed with a key that
 * outlives the process, so that ten thousand terminals come back after a restart without ten
 * thousand signatures. What a ticket says is believed only while the certificate in it is still
 * good; a ticket without one is not taken, so that nobody slips from the protocol of enrolment into
 * another. */
#include "flow/tls_core.h"

#include <openssl/core_names.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <string.h>

static bool derive(const uint8_t key[TLS_TICKET_LEN], const char *what, uint8_t *out, size_t len)
{
    uint8_t md[EVP_MAX_MD_SIZE];
    unsigned md_len = 0;
    bool ok = HMAC(EVP_sha256(), key, TLS_TICKET_LEN, (const unsigned char *)what, strlen(what), md,
                   &md_len) != NULL &&
              md_len >= len;
    if (ok)
        memcpy(out, md, len);
    secret_wipe(md, sizeof md);
    return ok;
}

static bool derive_all(const uint8_t *key, struct tls_ticket_key *k)
{
    return derive(key, "onecard ticket name", k->name, sizeof k->name) &&
           derive(key, "onecard ticket cipher", k->cipher, sizeof k->cipher) &&
           derive(key, "onecard ticket mac", k->mac, sizeof k->mac);
}

static bool set_mac(EVP_MAC_CTX *mac, struct tls_ticket_key *k)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, k->mac, sizeof k->mac),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end()};
    return EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* 1: go on, 2: go on and renew the ticket, 0: not ours, -1: failure. */
static int ticket_key(SSL *ssl, unsigned char name[16], unsigned char *iv, EVP_CIPHER_CTX *cipher,
                      EVP_MAC_CTX *mac, int enc)
{
    struct tls_stream *t = SSL_get_app_data(ssl);
    struct tls_ctx *c = t->ctx;
    unsigned i = 0;
    if (enc) {
        memcpy(name, c->tickets[0].name, sizeof c->tickets[0].name);
        if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(c->ticket_cipher)) != 1)
            return -1;
    } else {
        while (i < c->ticket_count &&
               memcmp(name, c->tickets[i].name, sizeof c->tickets[i].name) != 0)
            i++;
        if (i == c->ticket_count)
            return 0;
    }
    struct tls_ticket_key *k = &c->tickets[i];
    if (EVP_CipherInit_ex(cipher, c->ticket_cipher, NULL, k->cipher, iv, enc) != 1 ||
        !set_mac(mac, k))
        return -1;
    return i == 0 ? 1 : 2;
}

static int sealing(SSL *ssl, void *arg)
{
    (void)ssl;
    (void)arg;
    return 1;
}

static SSL_TICKET_RETURN opened(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
                                size_t name_len, SSL_TICKET_STATUS status, void *arg)
{
    (void)ssl;
    (void)name;
    (void)name_len;
    (void)arg;
    if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    const X509 *cert = SSL_SESSION_get0_peer(session);
    if (!cert || tls_dates_(cert) != TLS_OK)
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    /* Clients use a ticket once (RFC 8446, C.4): without another they come back with nothing. */
    return SSL_TICKET_RETURN_USE_RENEW;
}

int tls_tickets_init_(struct tls_ctx *c, const uint8_t *key, const uint8_t *old_key)
{
    c->tickets = secret_alloc(2 * sizeof *c->tickets);
    c->ticket_cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
    if (!c->tickets || !c->ticket_cipher)
        return OC_ENOMEM;
    c->ticket_count = old_key ? 2 : 1;
    if (!derive_all(key, &c->tickets[0]) || (old_key && !derive_all(old_key, &c->tickets[1])))
        return OC_ECRYPTO;
    if (SSL_CTX_set_tlsext_ticket_key_evp_cb(c->ssl, ticket_key) != 1 ||
        SSL_CTX_set_session_ticket_cb(c->ssl, sealing, opened, NULL) != 1 ||
        SSL_CTX_set_num_tickets(c->ssl, 1) != 1)
        return OC_ECRYPTO;
    return 0;
}

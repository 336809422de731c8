/* What an enrolling terminal sends as its request, and certificates of others: refused or read,
 * never issued unless the request checks. */
#include "base/base.h"
#include "crypto/crypto.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void issue_for(const uint8_t *data, size_t size, bool fit)
{
    static struct x509_bytes key, authority;
    const int64_t now_ms = INT64_C(1795312800000);
    static struct x509_bytes cert;
    struct x509_info info;
    if (key.len == 0) {
        int err = x509_key_new(&key);
        CHECK(err == 0);
        err = x509_authority_new(&key, "fuzz", now_ms, 10, &authority);
        CHECK(err == 0);
    }
    const struct x509_issue w = {.authority_key = &key,
                                 .authority_cert = &authority,
                                 .csr = data,
                                 .csr_len = size,
                                 .name = "gate-1",
                                 .use = X509_TERMINAL,
                                 .now_ms = now_ms,
                                 .days = 1};
    int err = x509_issue(&w, &cert);
    CHECK((err == 0) == fit);
    if (err == 0) {
        err = x509_read(cert.data, cert.len, &info);
        CHECK(err == 0 && strcmp(info.name, "gate-1") == 0 && !info.authority);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t pin[X509_PIN_LEN];
    struct x509_info info;
    static struct x509_bytes der;
    int err = x509_request_check(data, size, pin);
    CHECK(err == 0 || err == OC_EPARSE || err == OC_ENOTSUP);
    issue_for(data, size, err == 0);
    if (x509_read(data, size, &info) == 0)
        CHECK(memchr(info.name, '\0', sizeof info.name) && strlen(info.fingerprint) == 64);
    if (x509_from_pem((const char *)data, size, "CERTIFICATE REQUEST", &der) == 0)
        CHECK(der.len >= 1 && der.len <= X509_DER_MAX);
    return 0;
}

/* Why a handshake or a connection failed, in words that can be counted: OpenSSL's reasons, the
 * alerts of the other side and the results of verifying come down to a few. */
#include "flow/tls_core.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/sslerr.h>

const char *tls_word_text_(enum tls_word w)
{
    static const char *const words[TLS_WORDS] = {
        [TLS_OK] = "ok",
        [TLS_RESUMED] = "resumed",
        [TLS_NO_CERTIFICATE] = "no certificate",
        [TLS_EXPIRED] = "certificate expired",
        [TLS_NOT_YET_VALID] = "certificate not yet valid",
        [TLS_UNKNOWN_AUTHORITY] = "unknown authority",
        [TLS_WRONG_NAME] = "certificate of another name",
        [TLS_WRONG_PURPOSE] = "certificate of another purpose",
        [TLS_BAD_CERTIFICATE] = "bad certificate",
        [TLS_VERSION] = "protocol version",
        [TLS_NO_PROTOCOL] = "no common protocol",
        [TLS_NOT_TLS] = "not TLS",
        [TLS_TIMED_OUT] = "timed out",
        [TLS_CLOSED] = "closed by peer",
        [TLS_CANCELLED] = "cancelled",
        [TLS_BUSY] = "busy",
        [TLS_ALERT] = "alert",
        [TLS_FAILED] = "handshake failure",
    };
    return words[w];
}

static enum tls_word of_verify(long result)
{
    switch (result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return TLS_EXPIRED;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return TLS_NOT_YET_VALID;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_CERT_UNTRUSTED:
        return TLS_UNKNOWN_AUTHORITY;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return TLS_WRONG_NAME;
    case X509_V_ERR_INVALID_PURPOSE:
        return TLS_WRONG_PURPOSE;
    default:
        return TLS_BAD_CERTIFICATE;
    }
}

static enum tls_word of_alert(int alert)
{
    switch (alert) {
    case SSL_AD_CERTIFICATE_EXPIRED:
        return TLS_EXPIRED;
    case SSL_AD_UNKNOWN_CA:
        return TLS_UNKNOWN_AUTHORITY;
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
        return TLS_BAD_CERTIFICATE;
    case TLS13_AD_CERTIFICATE_REQUIRED:
        return TLS_NO_CERTIFICATE;
    case SSL_AD_PROTOCOL_VERSION:
        return TLS_VERSION;
    case SSL_AD_NO_APPLICATION_PROTOCOL:
        return TLS_NO_PROTOCOL;
    case SSL_AD_HANDSHAKE_FAILURE:
        return TLS_FAILED;
    default:
        return TLS_ALERT;
    }
}

static enum tls_word of_reason(int reason, const SSL *ssl)
{
    switch (reason) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
        return of_verify(SSL_get_verify_result(ssl));
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        return TLS_NO_CERTIFICATE;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_VERSION_TOO_HIGH:
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
        return TLS_VERSION;
    case SSL_R_NO_APPLICATION_PROTOCOL:
        return TLS_NO_PROTOCOL;
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_UNKNOWN_PROTOCOL:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_BAD_RECORD_TYPE:
    case SSL_R_UNEXPECTED_RECORD:
    case SSL_R_UNEXPECTED_MESSAGE:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_RECORD_LENGTH_MISMATCH:
        return TLS_NOT_TLS;
    default:
        return TLS_FAILED;
    }
}

enum tls_word tls_why_(const struct tls_stream *t, int ssl_error, bool *ret_alert)
{
    /* The first is the cause, what follows are its consequences. */
    unsigned long e = ERR_peek_error();
    int reason = ERR_GET_REASON(e);
    enum tls_word w = TLS_FAILED;
    *ret_alert = false;
    if (ssl_error == SSL_ERROR_ZERO_RETURN || (ssl_error == SSL_ERROR_SYSCALL && t->eof))
        w = TLS_CLOSED;
    else if (ssl_error == SSL_ERROR_SYSCALL && sock_error_(t->err) == OC_ECLOSED)
        w = TLS_CLOSED;
    else if (ssl_error == SSL_ERROR_SSL && ERR_GET_LIB(e) == ERR_LIB_SSL) {
        *ret_alert = reason > SSL_AD_REASON_OFFSET && reason <= SSL_AD_REASON_OFFSET + 255;
        w = *ret_alert ? of_alert(reason - SSL_AD_REASON_OFFSET) : of_reason(reason, t->ssl);
    }
    ERR_clear_error();
    return w;
}

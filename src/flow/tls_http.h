/* TLS beneath the HTTP server: here libevent's own buffers over OpenSSL, because evhttp knows
 * nothing else. Private to this folder; what a server is told: struct http_tls in http.h. */
#ifndef FLOW_TLS_HTTP_H
#define FLOW_TLS_HTTP_H

#include "base/base.h"

#include <stdbool.h>

struct bufferevent;
struct event_base;
struct http_tls;
struct tls_http;

/** OC_EINVAL: certificate, key or authority makes no sense (logged); OC_ENOMEM, OC_ECRYPTO. */
int tls_http_new(const struct http_tls *o, struct tls_http **ret) MUST_USE;
/** Connections keep what they need of it. NULL is fine. */
void tls_http_free(struct tls_http **t);
/** For evhttp_set_bevcb(): the buffers of a connection that is being accepted. NULL: no memory;
 * evhttp would then speak in clear, see tls_http_is(). */
struct bufferevent *tls_http_bev(struct event_base *base, void *arg);
/** Is TLS spoken there? */
bool tls_http_is(struct bufferevent *bev);

#endif

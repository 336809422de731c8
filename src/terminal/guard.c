/* Who may use the local interface over TCP. A loopback port is open to every program and every user
 * of the machine, and to every web page in the clerk's browser; so:
 *   - Host must name a loopback address and our port: a page elsewhere whose name was made to point
 * here (DNS rebinding) has another Host;
 *   - Origin, where there is one, must be our own; Sec-Fetch-Site must not say that another site
 * asks;
 *   - everything but the bare page wants the token, as a bearer in Authorization. The page has it
 * from the fragment of its address and keeps it for its own origin: a cookie would go to every port
 * of this machine, and a fragment never leaves the browser. The token lies in the state folder,
 * which nobody else may read. */
#include "terminal/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_host(const char *text, int port)
{
    char host[HOST_MAX];
    int got = 0;
    if (!text || address_split(text, false, host, &got) != 0 || got != port)
        return false;
    return strcasecmp(host, "localhost") == 0 || is_loopback(host);
}

static bool has_token(const struct agent *a, const struct http_req *req)
{
    static const char bearer[] = "Bearer ";
    const char *text = http_header(req, "Authorization");
    if (!text || strncmp(text, bearer, sizeof bearer - 1) != 0)
        return false;
    text += sizeof bearer - 1;
    return a->token[0] && strlen(text) == TOKEN_LEN && secret_equal(text, a->token, TOKEN_LEN);
}

const char *guard_look(const struct agent *a, const struct http_req *req, bool needs_token)
{
    int port = http_server_port(a->http);
    const char *host = http_header(req, "Host"), *origin = http_header(req, "Origin");
    const char *site = http_header(req, "Sec-Fetch-Site");
    static const char scheme[] = "http://";
    if (http_peer_uid(req) != (uid_t)-1)
        return NULL; /* the Unix socket: its permissions decide */
    if (!is_host(host, port))
        return "this interface answers to its loopback address only";
    if (origin && (strncmp(origin, scheme, sizeof scheme - 1) != 0 ||
                   strcasecmp(origin + sizeof scheme - 1, host) != 0))
        return "a page of another origin asks";
    if (site && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0)
        return "a page of another site asks";
    if (needs_token && !has_token(a, req))
        return "the token is missing or wrong: open the page by the address that `onecard-terminal "
               "link` prints";
    return NULL;
}

static void to_text(const uint8_t *bytes, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned bits = 0, have = 0;
    size_t at = 0;
    for (size_t i = 0; i < 32; i++) {
        bits = bits << 8 | bytes[i];
        for (have += 8; have >= 6; have -= 6)
            out[at++] = digits[bits >> (have - 6) & 63];
    }
    out[at++] = digits[bits << (6 - have) & 63];
    out[at] = '\0';
}

static WORKER_FN int read_token(const char *path, char ret[TOKEN_LEN + 1])
{
    struct buf b;
    buf_init(&b, 256);
    int rc = file_read(path, &b);
    if (rc == 0 && strcspn(buf_cstr(&b), "\r\n") != TOKEN_LEN)
        rc = OC_EPARSE;
    if (rc == 0)
        memcpy(ret, b.data, TOKEN_LEN);
    buf_fini(&b);
    ret[TOKEN_LEN] = '\0';
    return rc;
}

static WORKER_FN int make_token(const char *path, char ret[TOKEN_LEN + 1])
{
    char text[TOKEN_LEN + 2];
    uint8_t bytes[32];
    int rc = rng_fill(&rng_system, bytes, sizeof bytes);
    if (rc != 0)
        return rc;
    to_text(bytes, ret);
    (void)snprintf(text, sizeof text, "%s\n", ret);
    rc = file_write_atomic(path, text, strlen(text), 0600);
    secret_wipe(bytes, sizeof bytes);
    secret_wipe(text, sizeof text);
    return rc;
}

int guard_token(const char *state, bool make, char ret[TOKEN_LEN + 1])
{
    char *path = state_path(state, "local-token");
    if (!path)
        return OC_ENOMEM;
    int rc = read_token(path, ret);
    if (rc != 0 && make)
        rc = make_token(path, ret);
    free(path);
    return rc;
}

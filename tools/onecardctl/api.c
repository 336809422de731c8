/* One connection to the daemon, kept between calls. A call that is given up closes its connection:
 * the daemon sees the client go, which is what disarms a request that waits for a card. */
#include "api.h"

#include "memory.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BODY_MAX ((size_t)64 << 20)

struct api {
    CURL *easy;
    CURLM *multi;
    struct curl_slist *headers;
    char *path;
    int watch;
    struct buf in;
    char error[CURL_ERROR_SIZE + 64];
};

static size_t take_body(char *data, size_t one, size_t n, void *arg)
{
    struct api *a = arg;
    buf_put(&a->in, data, one * n);
    return a->in.err == 0 ? one * n : 0;
}

int api_new(const char *path, struct api **ret)
{
    struct api *a = calloc(1, sizeof *a);
    if (!a)
        return OC_ENOMEM;
    a->watch = -1;
    buf_init(&a->in, BODY_MAX);
    a->path = strdup(path);
    a->easy = curl_easy_init();
    a->multi = curl_multi_init();
    a->headers = curl_slist_append(NULL, "Content-Type: application/json");
    bool both = a->headers && curl_slist_append(a->headers, "Expect:");
    if (!a->path || !a->easy || !a->multi || !both) {
        api_free(&a);
        return OC_ENOMEM;
    }
    *ret = a;
    return 0;
}

void api_free(struct api **a)
{
    if (!*a)
        return;
    curl_easy_cleanup((*a)->easy);
    if ((*a)->multi)
        (void)curl_multi_cleanup((*a)->multi);
    curl_slist_free_all((*a)->headers);
    buf_fini(&(*a)->in);
    free((*a)->path);
    free(*a);
    *a = NULL;
}

void api_watch(struct api *a, int fd)
{
    a->watch = fd;
}

const char *api_error(const struct api *a)
{
    return a->error;
}

int api_probe(const char *path)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof sa.sun_path)
        return ENAMETOOLONG;
    memcpy(sa.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    int rc = connect(fd, (const struct sockaddr *)&sa, sizeof sa) == 0 ? 0 : errno;
    (void)close(fd);
    return rc;
}

/* ---- one call ---- */

/* The functions, not curl's macros: those want the option written out at each call. */
static bool set_text(CURL *e, CURLoption option, const char *text)
{
    return (curl_easy_setopt)(e, option, text) == CURLE_OK;
}

static bool set_number(CURL *e, CURLoption option, long number)
{
    return (curl_easy_setopt)(e, option, number) == CURLE_OK;
}

static bool set_pointer(CURL *e, CURLoption option, void *p)
{
    return (curl_easy_setopt)(e, option, p) == CURLE_OK;
}

/* False: no memory for one of them. Without the socket's path curl would ask the network, without
 * the method it would ask for something else. */
static bool set_up(struct api *a, const char *method, const char *url, const char *body,
                   int timeout_ms)
{
    CURL *e = a->easy;
    curl_easy_reset(e);
    buf_reset(&a->in);
    a->error[0] = '\0';
    bool good =
        set_text(e, CURLOPT_URL, url) && set_text(e, CURLOPT_UNIX_SOCKET_PATH, a->path) &&
        set_text(e, CURLOPT_PROXY, "") && /* whatever the environment says */
        set_number(e, CURLOPT_NOSIGNAL, 1) && set_number(e, CURLOPT_CONNECTTIMEOUT_MS, 5000) &&
        set_number(e, CURLOPT_TIMEOUT_MS, timeout_ms) &&
        set_text(e, CURLOPT_CUSTOMREQUEST, method) &&
        set_pointer(e, CURLOPT_HTTPHEADER, a->headers) &&
        curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
        set_pointer(e, CURLOPT_WRITEDATA, a) && set_pointer(e, CURLOPT_ERRORBUFFER, a->error);
    /* A kept connection that ends unanswered is tried once more by curl: never these. */
    if (good && strcmp(method, "GET") != 0)
        good = set_number(e, CURLOPT_FRESH_CONNECT, 1);
    if (good && body)
        good = set_number(e, CURLOPT_POSTFIELDSIZE, (long)strlen(body)) &&
               curl_easy_setopt(e, CURLOPT_POSTFIELDS, body) == CURLE_OK;
    return good;
}

/* Runs the transfer to its end. OC_ECANCELED when the watched descriptor speaks first. */
static int perform(struct api *a, CURLcode *ret_code)
{
    int running = 1, left;
    while (running > 0) {
        struct curl_waitfd extra = {.fd = a->watch, .events = CURL_WAIT_POLLIN};
        if (curl_multi_perform(a->multi, &running) != CURLM_OK)
            return OC_EHTTP;
        if (running > 0 &&
            curl_multi_poll(a->multi, &extra, a->watch >= 0 ? 1 : 0, 1000, NULL) != CURLM_OK)
            return OC_EHTTP;
        if (running > 0 && (extra.revents & CURL_WAIT_POLLIN) != 0)
            return OC_ECANCELED;
    }
    const CURLMsg *m = curl_multi_info_read(a->multi, &left);
    *ret_code = m && m->msg == CURLMSG_DONE ? m->data.result : CURLE_GOT_NOTHING;
    return 0;
}

static int verdict(struct api *a, CURLcode code)
{
    if (code == CURLE_OK)
        return 0;
    if (a->error[0] == '\0')
        (void)snprintf(a->error, sizeof a->error, "%s", curl_easy_strerror(code));
    if (code == CURLE_COULDNT_CONNECT)
        return OC_ECLOSED;
    return code == CURLE_OPERATION_TIMEDOUT ? OC_ETIMEDOUT : OC_EHTTP;
}

static int transfer(struct api *a, struct api_answer *ret)
{
    CURLcode code = CURLE_OK;
    if (curl_multi_add_handle(a->multi, a->easy) != CURLM_OK)
        return OC_ENOMEM;
    int rc = perform(a, &code);
    (void)curl_multi_remove_handle(a->multi, a->easy);
    if (rc == 0)
        rc = verdict(a, code);
    if (rc != 0)
        return rc;
    ret->json = json_loadb((const char *)a->in.data, a->in.len, JSON_REJECT_DUPLICATES, NULL);
    (void)curl_easy_getinfo(a->easy, CURLINFO_RESPONSE_CODE, &ret->status);
    return 0;
}

int api_call(struct api *a, const char *method, const char *path, const json_t *body,
             int timeout_ms, struct api_answer *ret)
{
    char *text = NULL, *url = NULL;
    struct api_answer answer = {0};
    int rc = OC_ENOMEM;
    if (asprintf(&url, "http://onecard%s", path) < 0)
        return OC_ENOMEM;
    if (body)
        text = json_dumps(body, JSON_COMPACT);
    /* Where memory ran out while the body was made, a member may be missing in it. */
    if ((text || !body) && !memory_missed() && set_up(a, method, url, text, timeout_ms))
        rc = transfer(a, &answer);
    if (text)
        secret_wipe(text, strlen(text)); /* may carry a key */
    free(text);
    free(url);
    if (rc == 0)
        *ret = answer;
    return rc;
}

void api_answer_fini(struct api_answer *answer)
{
    json_decref(answer->json);
    answer->json = NULL;
}

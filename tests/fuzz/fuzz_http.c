/* Bytes on the HTTP server's socket: whatever comes, the server answers or hangs up, paths are
 * normal, and it serves the next one. */
#include "flow/flow.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct loop *loop;
static struct http_server *server;
static char folder[] = ONECARD_SCRATCH "/onecard-fuzz.XXXXXX", path[64];

struct input {
    const uint8_t *data;
    size_t size;
    int patience_ms;
    char answer[512];
    size_t got;
};

static CO_FN int handler(struct http_req *req, void *arg)
{
    size_t len = 0;
    const char *p = http_path(req), *body = http_body(req, &len), *v = http_query(req, "name");
    const char *header = http_header(req, "x-test");
    (void)arg;
    CHECK(p[0] == '/' && !strstr(p, "//") && !strstr(p, "/../") && !strstr(p, "/./"));
    CHECK(p[1] == '\0' || p[strlen(p) - 1] != '/');
    for (const char *s = p; *s; s++)
        CHECK((unsigned char)*s >= 0x20 && *s != 0x7f);
    CHECK(strlen(http_target(req)) < 65536 && body[len] == '\0' && len <= 4096);
    if (v && http_reply_header(req, "X-Name", v) != 0)
        CHECK(strlen(v) != strspn(v, "abcdefghijklmnopqrstuvwxyz"));
    CHECK(!header || http_reply_header(req, "X-Test", header) != OC_EINTERNAL);
    http_reply(req, 200, "text/plain", body, len);
    return 0;
}

static void read_answer(struct input *in, struct stream *s, int64_t until) CO_FN;
static void read_answer(struct input *in, struct stream *s, int64_t until)
{
    size_t got = 0;
    int rc = 0;
    while (rc == 0 && in->got < sizeof in->answer - 1) {
        rc = stream_co_read(s, in->answer + in->got, sizeof in->answer - 1 - in->got, &got, until);
        in->got += rc == 0 ? got : 0;
    }
    in->answer[in->got] = '\0';
}

static CO_FN int ask(void *arg)
{
    struct input *in = arg;
    struct stream *s = NULL;
    int64_t until = flow_deadline_ms(in->patience_ms);
    CHECK(sock_co_connect_unix(path, flow_deadline_ms(5000), &s) == 0);
    if (stream_co_write(s, in->data, in->size, until) == 0)
        read_answer(in, s, until);
    stream_close(&s);
    return 0;
}

static void remove_folder(void)
{
    (void)unlink(path);
    (void)rmdir(folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct http_opts o = {.unix_path = path, .max_body = 4096, .co_handler = handler};
    (void)argc;
    (void)argv;
    log_set_level(LOG_ERROR);
    CHECK(mkdtemp(folder) && atexit(remove_folder) == 0);
    (void)snprintf(path, sizeof path, "%s/s", folder);
    CHECK(loop_new(&loop, NULL) == 0 && http_server_open(loop, &o, &server) == 0);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char good[] = "GET /a?name=b HTTP/1.0\r\nConnection: close\r\n\r\n";
    static struct input in, sane;
    in = (struct input){.data = data, .size = size, .patience_ms = 30};
    sane = (struct input){
        .data = (const uint8_t *)good, .size = sizeof good - 1, .patience_ms = 20000};
    CHECK(loop_run_flow(loop, "fuzz", ask, &in) == 0);
    CHECK(in.got == 0 || strncmp(in.answer, "HTTP/", 5) == 0);
    if (size > 0 && data[size - 1] % 16 == 0) {
        CHECK(loop_run_flow(loop, "sane", ask, &sane) == 0);
        CHECK(strncmp(sane.answer, "HTTP/1.0 200", 12) == 0 && strstr(sane.answer, "X-Name: b"));
    }
    return 0;
}

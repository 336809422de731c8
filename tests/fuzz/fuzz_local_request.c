/* A request's body on the agent's local interface, and a result of the switch as it is shown there:
 * a body is answered what is wrong with it, or what it says fits the protocol's sizes; a PIN never
 * stays in the body. */
#include "terminal/internal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct agent agent;
static struct lane lane;
static struct lane_config lane_conf = {.match = "", .number = 1};
static struct terminal_config config = {.desk = {.wait_ms = 1000, .retap_ms = 500}};
static struct loop *loop;

struct input {
    const uint8_t *data;
    size_t size;
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    lane.conf = &lane_conf;
    agent.config = &config;
    agent.lanes = &lane;
    agent.lane_count = 1;
    CHECK(loop_new(&loop, NULL) == 0);
    return 0;
}

static void good(const struct request_ask *a, const json_t *body)
{
    const char *pin = json_string_value(json_object_get(body, "pin"));
    CHECK(a->service && a->service[0] && strlen(a->service) < STORE_SERVICE);
    CHECK(strlen(a->ref) < STORE_REF && strlen(a->person) < STORE_PERSON);
    CHECK(a->amount_fen >= 0 && a->wait_ms >= 0 && a->retap_ms >= 0);
    CHECK(a->param_count <= FRAME_PARAMS_MAX && !(a->code && a->number) && a->reader <= 1);
    for (size_t i = 0; i < a->param_count; i++)
        CHECK(strlen(a->params[i].name) < 32 && strlen(a->params[i].value) < 128);
    CHECK(strspn(a->pin, "0123456789") == strlen(a->pin) && (!pin || pin[0] == '\0'));
}

static int read_body(const struct input *in) CO_FN;
static int read_body(const struct input *in)
{
    struct local_call c = {.agent = &agent, .status = 200};
    struct request_ask *ask = arena_alloc(flow_arena(), sizeof *ask);
    CHECK(ask);
    if (text_depth_ok((const char *)in->data, in->size, TEXT_DEPTH_MAX))
        c.body = json_loadb((const char *)in->data, in->size, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(c.body)) {
        if (local_read_ask(&c, ask))
            good(ask, c.body);
        else
            CHECK(c.reply && c.status == 400);
    }
    json_decref(c.body);
    json_decref(c.reply);
    return 0;
}

static int show_result(const struct input *in) CO_FN;
static int show_result(const struct input *in)
{
    const char *why = NULL;
    pb_to_terminal *m = NULL;
    if (frame_get_to_terminal(in->data, in->size, flow_arena(), &m, &why) != 0 ||
        m->message_case != (int)TO_TERMINAL_RESULT)
        return 0;
    json_decref(request_result_json(m->result));
    return 0;
}

static CO_FN int run(void *arg)
{
    const struct input *in = arg;
    return in->size > 0 && in->data[0] == '{' ? read_body(in) : show_result(in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    CHECK(size > 65536 || loop_run_flow(loop, "fuzz", run, &in) == 0);
    return 0;
}

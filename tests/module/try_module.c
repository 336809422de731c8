/* Loads one module from a folder and asks one service, as the switch would, for a named card
 * with 50.00 yuan; prints the plan. For trying a module out:  try_module DIR NAME SERVICE
 * [AMOUNT-FEN [PARAMS-JSON]] */
#include "module/module.h"

#include "flow/flow.h"

#include <stdio.h>
#include <stdlib.h>

struct job {
    struct service *service;
    struct decide_input in;
    struct plan *plan;
};

static int body(void *arg) CO_FN;
static int body(void *arg)
{
    struct job *j = arg;
    return module_co_decide(j->service, &j->in, j->plan);
}

static int ask(struct modules *set, struct arena *a, char **argv, struct buf *out)
{
    const char *hint = "";
    struct onecard_card card = {.record_owner = "card:1",
                                .number = "1",
                                .profile = "pboc-ep",
                                .named = true,
                                .has_balance = true,
                                .has_capp = true,
                                .balance_fen = 5000,
                                .citizen = "c1",
                                .citizen_fen = 3000};
    struct job j = {.service = module_service(set, argv[3], a, &hint), .plan = plan_new(a)};
    if (!j.service || !j.plan) {
        fprintf(stderr, "%s\n", hint ? hint : "");
        return OC_ENOENT;
    }
    j.in.req = (struct onecard_request){.now_ms = clock_wall_ms(&clock_system),
                                        .terminal = {"desk-1", "desk", "shop"},
                                        .amount_fen = argv[4] ? strtoll(argv[4], NULL, 10) : 0,
                                        .card = &card};
    j.in.req.business_date = city_date(j.in.req.now_ms, 480);
    j.in.params = argv[4] ? argv[5] : NULL;
    struct loop *loop;
    int rc = loop_new(&loop, NULL);
    if (rc == 0) {
        rc = loop_run_flow(loop, "try", body, &j);
        loop_free(&loop);
        plan_json(j.plan, false, out);
    }
    return rc;
}

int main(int argc, char **argv)
{
    ROLE_ENTER_WORKER();
    if (argc < 4) {
        fprintf(stderr, "usage: try_module DIR NAME SERVICE [AMOUNT-FEN [PARAMS-JSON]]\n");
        return 2;
    }
    const char *names[] = {argv[2]};
    struct modules *set = NULL;
    struct conf_errors errors;
    struct arena arena;
    struct buf out;
    conf_errors_init(&errors);
    arena_init(&arena, 0);
    buf_init(&out, 0);
    int rc = module_set_load(&(struct modules_opts){.dir = argv[1], .names = names, .count = 1},
                             &errors, &set);
    if (rc) {
        conf_errors_print(&errors, &out);
    } else {
        rc = ask(set, &arena, argv, &out);
    }
    printf("%s\n", buf_cstr(&out));
    module_set_free(&set);
    buf_fini(&out);
    arena_fini(&arena);
    conf_errors_fini(&errors);
    return rc ? 1 : 0;
}

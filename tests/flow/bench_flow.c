/* What flows cost on this machine: bench-flow prints one line a figure. Not a test: figures drift.
 */
#include "base/base.h"
#include "flow/flow.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define YIELDS  2000000
#define STARTS  500000
#define TRIPS   200000
#define ECHOES  200000
#define SLEEPER 10000

static struct flow_cond never;

static void tell(const char *what, int64_t since_ns, int64_t n)
{
    int64_t took = clock_mono_ns(&clock_system) - since_ns;
    printf("%-44s %8.3f us\n", what, (double)took / (double)n / 1000.0);
}

CO_FN static int yields(void *arg)
{
    int64_t since = clock_mono_ns(&clock_system);
    int rc = 0;
    for (int i = 0; i < YIELDS && rc == 0; i++)
        rc = flow_co_yield();
    (void)arg;
    tell("enter + yield", since, YIELDS);
    return rc;
}

CO_FN static int yield_on(void *arg)
{
    const bool *end = arg;
    int rc = 0;
    while (!*end && rc == 0)
        rc = flow_co_yield();
    return rc;
}

CO_FN static int among_many(void *arg)
{
    static bool end;
    int64_t since;
    int rc = 0;
    (void)arg;
    for (int i = 0; i < 99 && rc == 0; i++)
        rc = flow_start(flow_loop(), "y", yield_on, &end, NULL);
    since = clock_mono_ns(&clock_system);
    for (int i = 0; i < YIELDS / 100 && rc == 0; i++)
        rc = flow_co_yield();
    tell("enter + yield, 100 flows ready", since, YIELDS);
    end = true;
    return rc ? rc : flow_co_sleep_ms(1);
}

CO_FN static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

CO_FN static int starts(void *arg)
{
    int64_t since = clock_mono_ns(&clock_system);
    int rc = 0;
    (void)arg;
    for (int i = 0; i < STARTS && rc == 0; i++) {
        rc = flow_start(flow_loop(), "short", nothing, NULL, NULL);
        if (rc == 0)
            rc = flow_co_yield();
    }
    tell("start, run and end a flow (and yield)", since, STARTS);
    return rc;
}

static void run_nothing(struct offload_job *job)
{
    (void)job;
}

CO_FN static int trips(void *arg)
{
    int64_t since = clock_mono_ns(&clock_system);
    int rc = 0;
    for (int i = 0; i < TRIPS && rc == 0; i++) {
        struct offload_job *job = offload_job_new(sizeof *job, run_nothing, NULL);
        rc = job ? flow_co_offload(arg, job, FLOW_FOREVER) : OC_ENOMEM;
        offload_job_put(job);
    }
    tell("round trip through a worker thread", since, TRIPS);
    return rc;
}

CO_FN static int echo(void *arg)
{
    struct stream *s = arg;
    char byte[16];
    size_t got;
    int rc = 0;
    while (rc == 0) {
        rc = stream_co_read(s, byte, sizeof byte, &got, FLOW_FOREVER);
        if (rc == 0)
            rc = stream_co_write(s, byte, got, FLOW_FOREVER);
    }
    stream_close(&s);
    return 0;
}

CO_FN static int ping(void *arg)
{
    struct stream *s = arg;
    char byte = 'x';
    size_t got;
    int rc = 0;
    int64_t since = clock_mono_ns(&clock_system);
    for (int i = 0; i < ECHOES && rc == 0; i++) {
        rc = stream_co_write(s, &byte, 1, FLOW_FOREVER);
        if (rc == 0)
            rc = stream_co_read(s, &byte, 1, &got, flow_deadline_ms(1000));
    }
    tell("round trip over a Unix socket, same loop", since, ECHOES);
    stream_close(&s);
    return rc ? rc : flow_co_yield();
}

static int echo_pair(struct loop *l)
{
    int fd[2];
    struct stream *a, *b;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) != 0)
        return OC_EIO;
    int rc = sock_stream(l, fd[0], &a);
    if (rc == 0)
        rc = sock_stream(l, fd[1], &b);
    if (rc == 0)
        rc = flow_start(l, "echo", echo, a, NULL);
    return rc ? rc : loop_run_flow(l, "ping", ping, b);
}

CO_FN static int suspend(void *arg)
{
    (void)arg;
    return flow_co_wait(&never, FLOW_FOREVER);
}

static size_t resident(void)
{
    unsigned long total = 0, pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f) {
        if (fscanf(f, "%lu %lu", &total, &pages) != 2)
            pages = 0;
        (void)fclose(f);
    }
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static int suspended(struct loop *l)
{
    size_t before = resident();
    int rc = 0;
    flow_cond_init(&never);
    for (int i = 0; i < SLEEPER && rc == 0; i++)
        rc = flow_start(l, "s", suspend, NULL, NULL);
    if (rc == 0)
        rc = loop_run_flow(l, "run", nothing, NULL);
    printf("%-44s %8.1f MiB\n", "10,000 suspended flows, resident",
           (double)(resident() - before) / 1048576.0);
    return rc;
}

int main(void)
{
    struct loop *l;
    struct pool *p = NULL;
    ROLE_ENTER_WORKER();
    int rc = loop_new(&l, &(struct loop_opts){.max_flows = SLEEPER + 200});
    if (rc)
        return 1;
    rc = pool_new(&p, "bench", 1, 64, NULL, NULL);
    if (rc == 0)
        rc = loop_run_flow(l, "yields", yields, NULL);
    if (rc == 0)
        rc = loop_run_flow(l, "many", among_many, NULL);
    if (rc == 0)
        rc = loop_run_flow(l, "starts", starts, NULL);
    if (rc == 0)
        rc = loop_run_flow(l, "trips", trips, p);
    if (rc == 0)
        rc = echo_pair(l);
    if (rc == 0)
        rc = suspended(l);
    pool_free(&p);
    loop_stop(l, 0);
    rc = loop_run(l) == 0 ? rc : OC_EBUSY;
    loop_free(&l);
    return rc ? 1 : 0;
}

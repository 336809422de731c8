/* Must not compile: a suspension on a worker thread. */
#include "base/base.h"
#include "flow/flow.h"

int on_worker(struct flow_cond *c) WORKER_FN;
int on_worker(struct flow_cond *c)
{
    return flow_co_wait(c, FLOW_FOREVER);
}

/* What the role analysis must let pass. */
#include "base/base.h"
#include "flow/flow.h"

CO_FN static int waits(void)
{
    return flow_co_sleep_ms(1);
}
WORKER_FN static int blocks(void)
{
    struct buf b;
    buf_init(&b, 10);
    int rc = file_read("/dev/null", &b);
    buf_fini(&b);
    return rc;
}
int flow_body(void *arg);
CO_FN int flow_body(void *arg)
{
    (void)arg;
    return waits();
}
int worker_main(void);
int worker_main(void)
{
    ROLE_ENTER_WORKER();
    return blocks();
}

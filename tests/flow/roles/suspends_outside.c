/* Must not compile: a suspension outside of a flow. */
#include "flow/flow.h"

int not_a_flow(void);
int not_a_flow(void)
{
    return flow_co_sleep_ms(1);
}

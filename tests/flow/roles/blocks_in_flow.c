/* Must not compile: a flow that blocks the loop. */
#include "base/base.h"
#include "flow/flow.h"

int flow_body(struct buf *b) CO_FN;
int flow_body(struct buf *b)
{
    return file_read("/dev/null", b);
}

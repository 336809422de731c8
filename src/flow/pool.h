/* Between offload.c and pool.c. Private to this folder. */
#ifndef FLOW_POOL_H
#define FLOW_POOL_H

struct pool;
struct executor;
struct executor *pool_executor_(struct pool *pool);

#endif

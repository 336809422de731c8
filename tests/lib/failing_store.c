#include "failing_store.h"
#include "db/private.h"

static atomic_int left;        /* statements until one fails, of any thread */
static atomic_int error;       /* what it says then */
static atomic_bool struck;     /* one has failed */
static _Thread_local bool own; /* this thread has its own count */
static _Thread_local int own_left;

int __real_db_end(struct db_q *q);
int __wrap_db_end(struct db_q *q);

static bool strikes(void)
{
    if (own)
        return own_left > 0 && --own_left == 0;
    if (atomic_load(&left) <= 0 || atomic_fetch_sub(&left, 1) != 1)
        return false;
    atomic_store(&struck, true);
    return true;
}

int __wrap_db_end(struct db_q *q)
{
    if (strikes()) {
        int err = own ? OC_EDB : atomic_load(&error);
        q->err = err;
        if (q->db->tx && !q->db->tx->err)
            q->db->tx->err = err;
    }
    return __real_db_end(q);
}

void failing_arm(unsigned n, int err)
{
    atomic_store(&error, err);
    atomic_store(&struck, false);
    atomic_store(&left, (int)n);
}

bool failing_disarm(void)
{
    atomic_store(&left, 0);
    return atomic_load(&struck);
}

void failing_own(int n)
{
    own = true;
    own_left = n;
}

bool failing_own_end(void)
{
    own = false;
    return own_left == 0;
}

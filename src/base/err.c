/* English words for error numbers. A table, so that a number without words is seen in its test. */
#include <onecard/err.h>

#include "base/check.h"

static const struct {
    int err;
    const char *text;
} errors[] = {
    {OC_OK, "done"},
    {OC_ENOMEM, "out of memory"},
    {OC_EINVAL, "wrong form"},
    {OC_ENOENT, "not found"},
    {OC_EEXIST, "exists already with another content"},
    {OC_EBUSY, "busy, try again later"},
    {OC_ETIMEDOUT, "timed out"},
    {OC_ECANCELED, "cancelled"},
    {OC_EIO, "input or output failed"},
    {OC_ENOSPC, "no space left"},
    {OC_ELIMIT, "over the limit"},
    {OC_EPERM, "not allowed"},
    {OC_ESTATE, "not possible in this state"},
    {OC_ECONFLICT, "conflicts with a change made meanwhile"},
    {OC_ENOTSUP, "not supported"},
    {OC_EINTERNAL, "internal error"},
    {OC_ECLOSED, "closed by the other end"},
    {OC_ECARD_GONE, "no card: nothing was sent"},
    {OC_ECARD_LOST, "the card's answer was lost: outcome unknown"},
    {OC_ECARD_SW, "the card answered with an unexpected status word"},
    {OC_ECARD_DATA, "the card's answer is malformed"},
    {OC_ECARD_MUTE, "the card does not answer"},
    {OC_EREADER, "the reader is not there"},
    {OC_EPROFILE, "no card profile fits"},
    {OC_ECARD_CACHE, "the journey record was refused before the debit"},
    {OC_ECRYPTO, "the cryptographic library failed"},
    {OC_EMAC, "a MAC, TAC or signature is wrong"},
    {OC_ENOKEY, "no such key"},
    {OC_ESEAL, "cannot be unsealed: wrong key or damaged"},
    {OC_EDB, "the database failed"},
    {OC_EDB_FULL, "the database has no space left"},
    {OC_EDB_CORRUPT, "the database is damaged"},
    {OC_EDB_SCHEMA, "the database is newer than this program"},
    {OC_EREFUSED, "refused"},
    {OC_ECHAIN, "the audit chain does not verify"},
    {OC_EBOOKS, "the books do not balance"},
    {OC_EMODULE, "the module failed"},
    {OC_EABI, "the module was built for another ABI"},
    {OC_ELOOP, "services asked one another in a circle"},
    {OC_EPARSE, "malformed input"},
    {OC_EHTTP, "HTTP failed"},
};

const char *oc_strerror(int err)
{
    for (size_t i = 0; i < ARRAY_LEN(errors); i++)
        if (errors[i].err == err)
            return errors[i].text;
    return "unknown error";
}

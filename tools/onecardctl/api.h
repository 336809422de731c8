/* HTTP+JSON over the daemon's Unix socket. Only this file's C part knows libcurl. */
#ifndef ONECARDCTL_API_H
#define ONECARDCTL_API_H

#include "base/base.h"

#include <jansson.h>
#include <stdbool.h>

struct api;
struct api_answer {
    long status;  /* HTTP */
    json_t *json; /* the body; NULL where it was none */
};

/** A client of the socket at `path`; nothing is opened yet. OC_ENOMEM. */
int api_new(const char *path, struct api **ret) MUST_USE;
void api_free(struct api **a);
/** While `fd` is readable a call ends with OC_ECANCELED. -1: no such thing. */
void api_watch(struct api *a, int fd);
/** One call, with `body` as JSON where it is not NULL; what is no GET is sent once at most. *ret is
 * written on 0 only; api_answer_fini when done. OC_ECLOSED, OC_ENOMEM: nothing was sent. OC_EHTTP:
 * sent, and no proper answer came. OC_ETIMEDOUT: the same, in time. OC_ECANCELED: api_watch. Blocks.
 */
int api_call(struct api *a, const char *method, const char *path, const json_t *body,
             int timeout_ms, struct api_answer *ret) MUST_USE;
void api_answer_fini(struct api_answer *answer);
/** What the last failure was, for people. */
const char *api_error(const struct api *a);
/** Tries the socket: 0 somebody listens, else errno of connect(). Blocks. */
int api_probe(const char *path);

#endif

/* Who this terminal is: key, certificate, authority; in one file of the state folder, so that they
 * always belong together. A renewed one lies beside the old until the switch has taken it. */
#ifndef TERMINAL_IDENTITY_H
#define TERMINAL_IDENTITY_H

#include "crypto/crypto.h"
#include "terminal/config.h"

#define IDENTITY_FILE "identity.pem"
#define IDENTITY_NEXT "identity-next.pem"

struct identity {
    struct x509_bytes certificate, authority, key;
    struct x509_info info; /* of the certificate */
    bool foreign;          /* of an authority outside: not ours to renew */
};

/** Locked memory. NULL: none. */
struct identity *identity_new(void) MUST_USE;
/** Wipes. NULL inside is fine. */
void identity_free(struct identity **id);
/** Reads state/NAME. OC_ENOENT, OC_EPARSE (logged), OC_EPERM (others may read it; logged), OC_EIO.
 * Blocks. */
int identity_load(const char *state, const char *name, struct identity **ret) MUST_USE WORKER_FN;
/** Reads the three files that configuration names. Errors as above, logged. Blocks. */
int identity_load_foreign(const struct terminal_identity *c,
                          struct identity **ret) MUST_USE WORKER_FN;
/** Writes it whole, mode 0600, durable. OC_EIO, OC_ENOSPC, OC_ENOMEM. Blocks. */
int identity_save(const struct identity *id, const char *state,
                  const char *name) MUST_USE WORKER_FN;
/** The next one takes the place of the current, durably. OC_EIO. Blocks. */
int identity_promote(const char *state) MUST_USE WORKER_FN;
/** The next one goes: it was not taken. Blocks. */
void identity_drop_next(const char *state) WORKER_FN;
/** A third of the certificate's life, or less, is left. */
bool identity_due(const struct identity *id, int64_t now_ms);

/** "state/NAME" on the heap, or NULL: the caller frees it. */
char *state_path(const char *state, const char *name) MUST_USE;
/** Makes the folder, 0700, and checks that nobody else may read it. OC_EPERM, OC_EIO (logged).
 * Blocks. */
int state_folder(const char *path) MUST_USE WORKER_FN;
/** One process a state folder: two would use the same numbers, or change the key under each other.
 * Held as long as *ret_fd is open. OC_EBUSY: another has it; OC_EIO, OC_ENOMEM. Blocks. */
int state_lock(const char *path, int *ret_fd) MUST_USE WORKER_FN;

#endif

/* The parts of the host's table that stand in files of their own: as <onecard/module.h> says of the
 * members of these names. */
#ifndef MODULE_HOST_TABLE_H
#define MODULE_HOST_TABLE_H

#include <onecard/module.h>

struct onecard_doc *host_doc_parse(const struct onecard_request *req, const char *json);
struct onecard_doc *host_doc_object(const struct onecard_request *req);
struct onecard_doc *host_doc_array(const struct onecard_request *req);
const char *host_doc_text_of(const struct onecard_request *req, const struct onecard_doc *d);
struct onecard_doc *host_doc_load(const struct onecard_conf *conf, const char *path,
                                  const char **ret_why);
const char *host_doc_place(const struct onecard_doc *d);
const char *host_folder_at(const struct onecard_conf *conf, const char *folder, const char *suffix,
                           size_t i);

int host_co_record(const struct onecard_request *req, const char *owner, const char *key,
                   uint32_t *ret_version, char *doc, size_t cap);
int host_co_doc(const struct onecard_request *req, const char *owner, const char *key,
                uint32_t *ret_version, struct onecard_doc **ret_doc);
void host_want_doc(const struct onecard_request *req, const char *owner, const char *key);
void host_want_account(const struct onecard_request *req, enum onecard_account account,
                       const char *owner);
int host_co_next_doc(const struct onecard_request *req, const char *owner, const char *prefix,
                     char key[40], uint32_t *ret_version, struct onecard_doc **ret_doc);
int host_co_ask(const struct onecard_request *req, struct onecard_plan *plan, const char *service,
                const struct onecard_doc *params, struct onecard_doc **ret_reply);
int host_co_call(const struct onecard_request *req, const char *participant, const char *kind,
                 const struct onecard_doc *doc, struct onecard_doc **ret_answer);
int host_co_account(const struct onecard_request *req, enum onecard_account account,
                    const char *owner, fen_t *ret_fen);
int host_co_holder(const struct onecard_request *req, const char *number, char ret_citizen[32]);
int host_co_citizen(const struct onecard_request *req, const char *citizen);
int host_co_person(const struct onecard_request *req, const char *citizen,
                   struct onecard_doc **ret_person);
int host_co_slot(const struct onecard_request *req, const char *app, struct onecard_doc **ret_slot);
int host_co_totals(const struct onecard_request *req, const char *terminal, int64_t first,
                   struct onecard_doc **ret_totals);
int host_co_history(const struct onecard_request *req, unsigned count,
                    struct onecard_doc **ret_rows);
int host_co_txn(const struct onecard_request *req, const char *txn, struct onecard_doc **ret_txn);
int host_journey_text(const struct onecard_request *req, const char *field, char *ret_text,
                      size_t cap);
int host_journey_int(const struct onecard_request *req, const char *field, int64_t *ret_value);

#endif

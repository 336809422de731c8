/* What the files of the fake host share. */
#ifndef FAKE_INSIDE_H
#define FAKE_INSIDE_H

#include "fake_host.h"

#include <jansson.h>

/** One call of decide(): what request->opaque points to. */
struct frame {
    struct fake *f;
    const struct onecard_service *service;
    const struct fake_pair *params;
    const struct frame *up; /* who asks; NULL: the requester */
};
const struct frame *fake_frame(const struct onecard_request *req);
/** The module part of the service's name. */
void fake_scope(const struct frame *fr, char ret[16]);
int fake_parse_fen(const char *yuan, fen_t *ret);
const char *fake_find(const struct fake_pair *pairs, const char *name);
/** Copies a text that must fit. */
bool fake_keep(struct onecard_plan *p, char *dst, size_t cap, const char *src);
bool fake_room(struct onecard_plan *p, size_t count, size_t max);
void fake_mistake(struct onecard_plan *p, const char *what);

/* fake_doc.c */
char *fake_strdup(const char *s); /* lives until fake_reset() */
void *fake_alloc(size_t size);
/** A document of its own from JSON text or a value (which is taken). NULL: no JSON. */
struct onecard_doc *fake_doc_new(const char *json);
struct onecard_doc *fake_doc_take(json_t *v);
json_t *fake_json(const struct onecard_doc *d);
char *fake_dump(const json_t *v);
/** A document for the plan: an object. NULL, and a mistake, where it is none. */
const char *fake_doc_text(struct onecard_plan *p, const struct onecard_doc *d, const char *what);
/** Whether a document was spoilt since the last time it was asked. */
bool fake_doc_spoilt(void);
#define FAKE_DEPTH 32 /* levels of a document */
void fake_doc_table(struct onecard_host *h);

/* fake_yaml.c: as the host's table says */
struct onecard_doc *fake_doc_load(const struct onecard_conf *conf, const char *path,
                                  const char **ret_why);
const char *fake_doc_place(const struct onecard_doc *d);
const char *fake_folder_at(const struct onecard_conf *conf, const char *folder, const char *suffix,
                           size_t i);

/* fake_conf.c */
void fake_conf_table(struct onecard_host *h);

/* fake_facts.c */
void fake_facts_table(struct onecard_host *h);
struct fake_store *fake_store_new(void);

/* fake_ask.c */
int fake_co_ask(const struct onecard_request *req, struct onecard_plan *plan, const char *service,
                const struct onecard_doc *params, struct onecard_doc **ret_reply);
json_t *fake_reply_json(const struct onecard_plan *p);

#endif

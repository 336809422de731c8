/* Services that ask one another, by the fake host: the asked one writes a plan of its own, which is
 * taken over when it agrees. */
#include "fake_inside.h"

#include <stdio.h>
#include <string.h>

json_t *fake_reply_json(const struct onecard_plan *p)
{
    json_t *o = json_object();
    for (size_t i = 0; i < p->reply_count; i++) {
        const char *v = p->reply[i].value;
        json_t *value = p->reply[i].json ? json_loads(v, JSON_DECODE_ANY, NULL) : json_string(v);
        json_object_set_new(o, p->reply[i].key, value);
    }
    return o;
}

static const struct onecard_service *service_of(const struct onecard_module *m, const char *name)
{
    for (size_t i = 0; i < m->service_count; i++) {
        if (strcmp(m->services[i]->name, name) == 0) {
            return m->services[i];
        }
    }
    return NULL;
}

/* OC_ELOOP: it is asked already, or too many are. */
static int check_chain(const struct frame *fr, const char *service)
{
    unsigned depth = 1;
    for (; fr; fr = fr->up, depth++) {
        if (strcmp(fr->service->name, service) == 0) {
            return OC_ELOOP;
        }
    }
    return depth > ONECARD_ASK_DEPTH ? OC_ELOOP : 0;
}

static const char *param_known(const struct onecard_service *s, const char *name)
{
    for (size_t i = 0; i < s->param_count; i++) {
        if (strcmp(s->params[i].name, name) == 0) {
            return s->params[i].name;
        }
    }
    return NULL;
}

/* The params as texts; NULL: one of them the service does not know, or it is no scalar. */
static struct fake_pair *pairs_of(const struct onecard_service *s, const struct onecard_doc *params)
{
    struct fake_pair *pairs = fake_alloc(FAKE_PAIRS * sizeof(*pairs));
    size_t n = 0;
    const char *key;
    json_t *v;
    json_object_foreach(fake_json(params), key, v)
    {
        if (!param_known(s, key) || json_is_object(v) || json_is_array(v) || n + 1 >= FAKE_PAIRS) {
            fprintf(stderr, "fake host: %s does not take the parameter %s\n", s->name, key);
            return NULL;
        }
        pairs[n].name = param_known(s, key);
        pairs[n++].value = json_is_string(v) ? json_string_value(v) : fake_dump(v);
    }
    for (size_t i = 0; i < s->param_count; i++) {
        if (s->params[i].required && !fake_find(pairs, s->params[i].name)) {
            fprintf(stderr, "fake host: %s misses the parameter %s\n", s->name, s->params[i].name);
            return NULL;
        }
    }
    return pairs;
}

static void merge_rest(struct onecard_plan *to, const struct onecard_plan *from)
{
    for (size_t i = 0; i < from->event_count; i++) {
        if (fake_room(to, to->event_count, ONECARD_EVENTS_MAX)) {
            to->events[to->event_count++] = from->events[i];
        }
    }
    for (size_t i = 0; i < from->message_count; i++) {
        if (fake_room(to, to->message_count, ONECARD_MESSAGES_MAX)) {
            to->messages[to->message_count++] = from->messages[i];
        }
    }
    if (from->hold.to[0]) {
        if (to->hold.to[0]) {
            fake_mistake(to, "a second hold");
        }
        to->hold = from->hold;
    }
    if (from->slot.app[0]) {
        if (to->slot.app[0]) {
            fake_mistake(to, "a second slot");
        }
        to->slot = from->slot;
    }
}

static void merge(struct onecard_plan *to, const struct onecard_plan *from)
{
    if (from->kind != OC_PLAN_NONE || from->capp_count || from->gross || from->refund ||
        from->link[0]) {
        fake_mistake(to, "an asked service may add legs, records, events, messages and the hold");
    }
    if (from->overrun) {
        fake_mistake(to, from->mistake ? from->mistake : "the asked service made a mistake");
    }
    for (size_t i = 0; i < from->leg_count; i++) {
        if (fake_room(to, to->leg_count, ONECARD_LEGS_MAX)) {
            to->legs[to->leg_count++] = from->legs[i];
        }
    }
    for (size_t i = 0; i < from->record_count; i++) {
        if (fake_room(to, to->record_count, ONECARD_RECORDS_MAX)) {
            to->records[to->record_count++] = from->records[i];
        }
    }
    merge_rest(to, from);
}

static const char *reason_code(enum oc_reason r)
{
    static const char *const codes[] = {
#define CODE(name, number, code, en, zh) [number] = code,
        OC_REASONS(CODE)
#undef CODE
    };
    return (int)r >= 0 && r < OC_R_COUNT && codes[r] ? codes[r] : "unknown";
}

static int refused(struct onecard_plan *plan, enum oc_reason why, const char *detail,
                   struct onecard_doc **ret_reply)
{
    if (plan) {
        plan->refused = why;
        snprintf(plan->detail, sizeof(plan->detail), "%s", detail);
    }
    *ret_reply =
        fake_doc_take(json_pack("{s:s,s:s}", "reason", reason_code(why), "detail", detail));
    return OC_EREFUSED;
}

static int ask_module(const struct onecard_request *req, struct onecard_plan *plan,
                      const struct fake_ask *a, const struct onecard_doc *params,
                      struct onecard_doc **ret_reply)
{
    const struct frame *up = fake_frame(req);
    struct onecard_plan *sub = fake_alloc(sizeof(*sub));
    struct frame fr = {.f = up->f, .service = service_of(a->module, a->service), .up = up};
    if (!fr.service || !(fr.service->needs & OC_ASKABLE)) {
        return OC_ENOENT;
    }
    fake_scope(&fr, sub->scope);
    fr.params = pairs_of(fr.service, params);
    if (!fr.params) {
        return refused(plan, OC_R_PARAMETER, "", ret_reply);
    }
    struct onecard_request r = *req;
    const char *citizen = fake_find(fr.params, "citizen");
    r.service = a->service;
    r.opaque = &fr;
    r.asked_by = up->service->name;
    r.citizen = citizen ? citizen : r.citizen;
    int rc = fr.service->decide(a->ctx, &r, sub);
    if (sub->refused != OC_R_NONE) {
        return refused(plan, sub->refused, sub->detail, ret_reply);
    }
    if (rc == 0) {
        json_t *reply = fake_reply_json(sub);
        *ret_reply = fake_doc_take(reply);
        if (plan) {
            merge(plan, sub);
        }
    }
    return rc;
}

int fake_co_ask(const struct onecard_request *req, struct onecard_plan *plan, const char *service,
                const struct onecard_doc *params, struct onecard_doc **ret_reply)
{
    const struct frame *fr = fake_frame(req);
    fr->f->asked++;
    int rc = check_chain(fr, service);
    for (size_t i = 0; rc == 0 && i < FAKE_CALLS && fr->f->asks[i].service; i++) {
        const struct fake_ask *a = &fr->f->asks[i];
        if (strcmp(a->service, service) != 0) {
            continue;
        }
        if (a->module) {
            return ask_module(req, plan, a, params, ret_reply);
        }
        if (a->refused != OC_R_NONE) {
            return refused(plan, a->refused, "", ret_reply);
        }
        *ret_reply = fake_doc_new(a->reply ? a->reply : "{}");
        return 0;
    }
    return rc ? rc : OC_ENOENT;
}

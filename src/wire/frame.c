/* Frames of the terminal protocol. What comes from outside is walked by its message descriptor
 * before protobuf-c unpacks it: protobuf-c bounds neither the number of fields nor looks at texts.
 * Invariants: a message that passed check_message() has at most FRAME_FIELDS_MAX fields and
 * FRAME_ELEMENTS_MAX elements, no field twice that may stand once, and texts of UTF-8 without NUL;
 * so unpacking takes at most FRAME_MEMORY_MAX of the arena. Depth follows from the protocol, whose
 * messages do not contain themselves, and is bounded all the same. */
#include "wire/frame.h"

#include <string.h>

#define DEPTH_MAX 6

enum wire_type { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

/* ---- writing ---- */

struct sink {
    ProtobufCBuffer base; /* first: protobuf-c gives it back */
    struct buf *b;
};

static void sink_append(ProtobufCBuffer *base, size_t len, const uint8_t *data)
{
    struct sink *s = (struct sink *)(void *)base;
    buf_put(s->b, data, len);
}

static void put(struct buf *b, const ProtobufCMessage *m)
{
    size_t len = protobuf_c_message_get_packed_size(m);
    CHECK(len > 0);
    if (len > FRAME_MAX) {
        b->err = b->err ? b->err : OC_ELIMIT;
        return;
    }
    uint8_t head[FRAME_HEAD_MAX];
    size_t n = 0;
    size_t left = len;
    for (; left > 0x7F; left >>= 7)
        head[n++] = (uint8_t)(0x80 | (left & 0x7F));
    head[n++] = (uint8_t)left;
    buf_put(b, head, n);
    struct sink s = {.base = {.append = sink_append}, .b = b};
    protobuf_c_message_pack_to_buffer(m, &s.base);
}

void frame_put_to_switch(struct buf *b, const pb_to_switch *m)
{
    put(b, &m->base);
}

void frame_put_to_terminal(struct buf *b, const pb_to_terminal *m)
{
    put(b, &m->base);
}

/* ---- reading ---- */

int frame_peek(const void *bytes, size_t len, size_t *ret_head, size_t *ret_len)
{
    const uint8_t *p = bytes;
    size_t value = 0;
    for (size_t i = 0; i < FRAME_HEAD_MAX; i++) {
        if (i == len) {
            *ret_len = 0;
            return OC_EBUSY;
        }
        value |= (size_t)(p[i] & 0x7F) << (7 * i);
        if (p[i] & 0x80)
            continue;
        if (p[i] == 0) /* length 0, or a byte more than needed */
            return OC_EPARSE;
        if (value > FRAME_MAX)
            return OC_ELIMIT;
        *ret_len = value;
        if (len - i - 1 < value)
            return OC_EBUSY;
        *ret_head = i + 1;
        return 0;
    }
    return OC_ELIMIT;
}

struct walk {
    unsigned fields, elements;
    const char *why;
};
struct span {
    const uint8_t *p, *end;
};

static bool get_varint(struct span *s, uint64_t *ret)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70 && s->p < s->end; shift += 7) {
        uint8_t b = *s->p++;
        value |= (uint64_t)(b & 0x7F) << (shift < 63 ? shift : 63);
        if (!(b & 0x80)) {
            *ret = value;
            return true;
        }
    }
    return false;
}

/* One field's value, without its tag: bytes of it for WIRE_BYTES. */
static bool get_value(struct span *s, unsigned type, struct span *ret)
{
    uint64_t n = 0;
    if (type == WIRE_VARINT)
        return get_varint(s, &n);
    if (type == WIRE_64)
        n = 8;
    else if (type == WIRE_32)
        n = 4;
    else if (type != WIRE_BYTES || !get_varint(s, &n))
        return false; /* groups are not of proto3 */
    if (n > (uint64_t)(s->end - s->p))
        return false;
    *ret = (struct span){s->p, s->p + n};
    s->p += n;
    return true;
}

static bool is_number(const ProtobufCFieldDescriptor *f)
{
    return f->type != PROTOBUF_C_TYPE_STRING && f->type != PROTOBUF_C_TYPE_BYTES &&
           f->type != PROTOBUF_C_TYPE_MESSAGE;
}

static unsigned wire_type(const ProtobufCFieldDescriptor *f)
{
    switch (f->type) {
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return WIRE_BYTES;
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return WIRE_64;
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return WIRE_32;
    default:
        return WIRE_VARINT;
    }
}

static bool refuse(struct walk *w, const char *why)
{
    w->why = why;
    return false;
}

/* Length of the UTF-8 character at p, 0: none. RFC 3629 §4. */
static size_t utf8_len(const uint8_t *p, size_t left)
{
    if (p[0] < 0x80)
        return p[0] ? 1 : 0;
    size_t n = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
    if (p[0] < 0xC2 || p[0] > 0xF4 || n > left)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    }
    bool overlong = (p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xF0 && p[1] < 0x90);
    bool beyond = (p[0] == 0xED && p[1] > 0x9F) || (p[0] == 0xF4 && p[1] > 0x8F);
    return overlong || beyond ? 0 : n;
}

static bool check_text(struct walk *w, struct span v)
{
    while (v.p < v.end) {
        size_t n = utf8_len(v.p, (size_t)(v.end - v.p));
        if (n == 0)
            return refuse(w, "a text is not UTF-8");
        v.p += n;
    }
    return true;
}

static bool count_elements(struct walk *w, unsigned n)
{
    w->elements += n;
    return w->elements <= FRAME_ELEMENTS_MAX || refuse(w, "too many elements");
}

/* Numbers in one field, one behind the other. */
static bool check_packed(struct walk *w, const ProtobufCFieldDescriptor *f, struct span v)
{
    while (v.p < v.end) {
        struct span one;
        if (!get_value(&v, wire_type(f), &one))
            return refuse(w, "a packed field is damaged");
        if (!count_elements(w, 1))
            return false;
    }
    return true;
}

static bool check_message(struct walk *w, const ProtobufCMessageDescriptor *d, struct span s,
                          unsigned depth);

static bool check_known(struct walk *w, const ProtobufCFieldDescriptor *f, unsigned type,
                        struct span v, unsigned depth)
{
    bool repeated = f->label == PROTOBUF_C_LABEL_REPEATED;
    if (repeated && is_number(f) && type == WIRE_BYTES)
        return check_packed(w, f, v);
    if (type != wire_type(f))
        return refuse(w, "a field has another type");
    if (repeated && !count_elements(w, 1))
        return false;
    if (f->type == PROTOBUF_C_TYPE_STRING)
        return check_text(w, v);
    if (f->type == PROTOBUF_C_TYPE_MESSAGE)
        return check_message(w, f->descriptor, v, depth + 1);
    return true;
}

/* A field that may stand once does; of a oneof only one. `seen` holds a bit for each field. */
static bool check_once(struct walk *w, const ProtobufCMessageDescriptor *d,
                       const ProtobufCFieldDescriptor *f, uint32_t *seen)
{
    if (f->label == PROTOBUF_C_LABEL_REPEATED)
        return true;
    /* Messages with a oneof consist of nothing else: any field stands for all of them. */
    bool oneof = (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
    uint32_t bit = oneof ? UINT32_MAX : (uint32_t)1 << (f - d->fields);
    if (*seen & bit)
        return refuse(w, "a field stands twice");
    *seen |= bit;
    return true;
}

static bool check_message(struct walk *w, const ProtobufCMessageDescriptor *d, struct span s,
                          unsigned depth)
{
    CHECK(d->n_fields <= 32);
    uint32_t seen = 0;
    if (depth > DEPTH_MAX)
        return refuse(w, "messages too deep");
    while (s.p < s.end) {
        uint64_t tag;
        struct span v = {0};
        if (!get_varint(&s, &tag) || tag > UINT32_MAX || tag >> 3 == 0)
            return refuse(w, "a field's tag is damaged");
        if (!get_value(&s, tag & 7, &v))
            return refuse(w, "a field is damaged");
        if (++w->fields > FRAME_FIELDS_MAX)
            return refuse(w, "too many fields");
        const ProtobufCFieldDescriptor *f =
            protobuf_c_message_descriptor_get_field(d, (unsigned)(tag >> 3));
        if (f && (!check_once(w, d, f, &seen) || !check_known(w, f, tag & 7, v, depth)))
            return false;
    }
    return true;
}

struct source {
    struct arena *arena;
    bool full;
};

static void *source_alloc(void *arg, size_t size)
{
    struct source *s = arg;
    void *p = arena_alloc(s->arena, size);
    if (!p)
        s->full = true;
    return p;
}

/* The arena ends as a whole. */
static void source_free(void *arg, void *p)
{
    (void)arg;
    (void)p;
}

static int get(const ProtobufCMessageDescriptor *d, struct span s, struct arena *a,
               ProtobufCMessage **ret, const char **ret_why)
{
    struct walk w = {.why = "the message is damaged"};
    size_t len = (size_t)(s.end - s.p);
    struct source source = {.arena = a};
    ProtobufCAllocator alloc = {
        .alloc = source_alloc, .free = source_free, .allocator_data = &source};
    ProtobufCMessage *m = NULL;
    if (len == 0 || len > FRAME_MAX)
        w.why = "the message has an impossible length";
    else if (check_message(&w, d, s, 0))
        m = protobuf_c_message_unpack(d, &alloc, len, s.p);
    if (m) {
        *ret = m;
        return 0;
    }
    if (source.full)
        return OC_ELIMIT;
    if (ret_why)
        *ret_why = w.why;
    return OC_EPARSE;
}

static int unknown(const char **ret_why)
{
    if (ret_why)
        *ret_why = "unknown or missing message";
    return OC_ENOTSUP;
}

int frame_get_to_switch(const void *bytes, size_t len, struct arena *a, pb_to_switch **ret,
                        const char **ret_why)
{
    struct span s = {bytes, (const uint8_t *)bytes + len};
    ProtobufCMessage *m;
    int err = get(&onecard__terminal__v1__to_switch__descriptor, s, a, &m, ret_why);
    if (err)
        return err;
    pb_to_switch *t = (pb_to_switch *)(void *)m;
    if (t->message_case == 0)
        return unknown(ret_why);
    *ret = t;
    return 0;
}

int frame_get_to_terminal(const void *bytes, size_t len, struct arena *a, pb_to_terminal **ret,
                          const char **ret_why)
{
    struct span s = {bytes, (const uint8_t *)bytes + len};
    ProtobufCMessage *m;
    int err = get(&onecard__terminal__v1__to_terminal__descriptor, s, a, &m, ret_why);
    if (err)
        return err;
    pb_to_terminal *t = (pb_to_terminal *)(void *)m;
    if (t->message_case == 0)
        return unknown(ret_why);
    *ret = t;
    return 0;
}

/* ---- names ---- */

static const char *name_of(const ProtobufCMessageDescriptor *d, unsigned number)
{
    const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field(d, number);
    return f ? f->name : "nothing";
}

const char *frame_to_switch_name(const pb_to_switch *m)
{
    return name_of(m->base.descriptor, (unsigned)m->message_case);
}

const char *frame_to_terminal_name(const pb_to_terminal *m)
{
    return name_of(m->base.descriptor, (unsigned)m->message_case);
}

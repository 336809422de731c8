/* Frames of the terminal protocol: a protobuf message behind its length
 * (include/onecard/terminal.proto). The generated code's names are given short ones here; nobody
 * else includes it. Pure: no IO, no clock.
 *
 * A frame is checked before protobuf-c sees it: its length, the depth of its messages, and how many
 * elements a repeated field can hold, so unpacking is bounded by FRAME_MEMORY_MAX of the caller's
 * arena. Texts are UTF-8 without NUL; their length is bounded where they are used, not here. A
 * field that may stand once stands once. */
#ifndef WIRE_FRAME_H
#define WIRE_FRAME_H

#include "base/base.h"
#include "terminal.pb-c.h"

#define FRAME_MAX          65536 /* bytes of a message */
#define FRAME_HEAD_MAX     3     /* bytes of its length */
#define FRAME_ELEMENTS_MAX 512   /* elements of all repeated fields of one message together */
#define FRAME_FIELDS_MAX   2048  /* fields of one message, known and unknown, inner ones counted */
#define FRAME_MEMORY_MAX   (512 * 1024) /* of an arena, for one message at worst */
#define FRAME_LIST_MAX     24           /* commands of one List or Arm */
#define FRAME_READERS_MAX  4
#define FRAME_PARAMS_MAX   16
#define FRAME_MINOR        3 /* of version 1 of the protocol: Welcome.minor */

typedef Onecard__Terminal__V1__Command pb_command;
typedef Onecard__Terminal__V1__Answer pb_answer;
typedef Onecard__Terminal__V1__Card pb_card;
typedef Onecard__Terminal__V1__Presentation pb_presentation;
typedef Onecard__Terminal__V1__Presentation__Chip pb_presentation_chip;
typedef Onecard__Terminal__V1__Reader pb_reader;
typedef Onecard__Terminal__V1__Hello pb_hello;
typedef Onecard__Terminal__V1__Readers pb_readers;
typedef Onecard__Terminal__V1__CardRemoved pb_card_removed;
typedef Onecard__Terminal__V1__Param pb_param;
typedef Onecard__Terminal__V1__Request pb_request;
typedef Onecard__Terminal__V1__Cancel pb_cancel;
typedef Onecard__Terminal__V1__ListAnswers pb_list_answers;
typedef Onecard__Terminal__V1__Heartbeat pb_heartbeat;
typedef Onecard__Terminal__V1__SignOn pb_sign_on;
typedef Onecard__Terminal__V1__Total pb_total;
typedef Onecard__Terminal__V1__SignOff pb_sign_off;
typedef Onecard__Terminal__V1__Enroll pb_enroll;
typedef Onecard__Terminal__V1__Renew pb_renew;
typedef Onecard__Terminal__V1__ToSwitch pb_to_switch;
typedef Onecard__Terminal__V1__Welcome pb_welcome;
typedef Onecard__Terminal__V1__Arm pb_arm;
typedef Onecard__Terminal__V1__List pb_list;
typedef Onecard__Terminal__V1__Release pb_release;
typedef Onecard__Terminal__V1__Progress pb_progress;
typedef Onecard__Terminal__V1__Settled pb_settled;
typedef Onecard__Terminal__V1__Result pb_result;
typedef Onecard__Terminal__V1__Busy pb_busy;
typedef Onecard__Terminal__V1__HeartbeatAck pb_heartbeat_ack;
typedef Onecard__Terminal__V1__SignedOn pb_signed_on;
typedef Onecard__Terminal__V1__SignedOff pb_signed_off;
typedef Onecard__Terminal__V1__Enrolled pb_enrolled;
typedef Onecard__Terminal__V1__Renewed pb_renewed;
typedef Onecard__Terminal__V1__Drain pb_drain;
typedef Onecard__Terminal__V1__Error pb_error;
typedef Onecard__Terminal__V1__ToTerminal pb_to_terminal;

/* Which message a frame carries. */
enum pb_to_switch_case {
    TO_SWITCH_HELLO = ONECARD__TERMINAL__V1__TO_SWITCH__MESSAGE_HELLO,
    TO_SWITCH_READERS = ONECARD__TERMINAL__V1__TO_SWITCH__MESSAGE_READERS,
    TO_SWITCH_CARD = ONECARD__TERMINAL__V1__TO_SWITCH__MESSAGE_CARD,
    TO_SWITCH_CARD_REMOVED = ONECARD__TERMINAL__V1__TO_SWITCH__MESSAGE_CARD_REMOVED,
    TO_SWITCH_REQUEST = ONECARD__TERMINAL__V1__TO_SWITCH__MESSAGE_REQUEST,
    TO_SWITCH_CANCEL = ONECARD__TERMINAL__V1__TO_SWITCH__MESSAGE_CANCEL,
    TO_SWITCH_ANSWERS = ONECARD__TERMINAL__V1__TO_SWITCH__MESSAGE_ANSWERS,
    TO_SWITCH_HEARTBEAT = ONECARD__TERMINAL__V1__TO_SWITCH__MESSAGE_HEARTBEAT,
    TO_SWITCH_SIGN_ON = ONECARD__TERMINAL__V1__TO_SWITCH__MESSAGE_SIGN_ON,
    TO_SWITCH_SIGN_OFF = ONECARD__TERMINAL__V1__TO_SWITCH__MESSAGE_SIGN_OFF,
    TO_SWITCH_ENROLL = ONECARD__TERMINAL__V1__TO_SWITCH__MESSAGE_ENROLL,
    TO_SWITCH_RENEW = ONECARD__TERMINAL__V1__TO_SWITCH__MESSAGE_RENEW,
};
enum pb_to_terminal_case {
    TO_TERMINAL_WELCOME = ONECARD__TERMINAL__V1__TO_TERMINAL__MESSAGE_WELCOME,
    TO_TERMINAL_ARM = ONECARD__TERMINAL__V1__TO_TERMINAL__MESSAGE_ARM,
    TO_TERMINAL_LIST = ONECARD__TERMINAL__V1__TO_TERMINAL__MESSAGE_LIST,
    TO_TERMINAL_RELEASE = ONECARD__TERMINAL__V1__TO_TERMINAL__MESSAGE_RELEASE,
    TO_TERMINAL_PROGRESS = ONECARD__TERMINAL__V1__TO_TERMINAL__MESSAGE_PROGRESS,
    TO_TERMINAL_RESULT = ONECARD__TERMINAL__V1__TO_TERMINAL__MESSAGE_RESULT,
    TO_TERMINAL_BUSY = ONECARD__TERMINAL__V1__TO_TERMINAL__MESSAGE_BUSY,
    TO_TERMINAL_HEARTBEAT_ACK = ONECARD__TERMINAL__V1__TO_TERMINAL__MESSAGE_HEARTBEAT_ACK,
    TO_TERMINAL_SIGNED_ON = ONECARD__TERMINAL__V1__TO_TERMINAL__MESSAGE_SIGNED_ON,
    TO_TERMINAL_SIGNED_OFF = ONECARD__TERMINAL__V1__TO_TERMINAL__MESSAGE_SIGNED_OFF,
    TO_TERMINAL_ENROLLED = ONECARD__TERMINAL__V1__TO_TERMINAL__MESSAGE_ENROLLED,
    TO_TERMINAL_RENEWED = ONECARD__TERMINAL__V1__TO_TERMINAL__MESSAGE_RENEWED,
    TO_TERMINAL_DRAIN = ONECARD__TERMINAL__V1__TO_TERMINAL__MESSAGE_DRAIN,
    TO_TERMINAL_ERROR = ONECARD__TERMINAL__V1__TO_TERMINAL__MESSAGE_ERROR,
};
enum pb_answer_state {
    PB_ANSWER_SKIPPED = ONECARD__TERMINAL__V1__ANSWER__STATE__SKIPPED,
    PB_ANSWER_ANSWERED = ONECARD__TERMINAL__V1__ANSWER__STATE__ANSWERED,
    PB_ANSWER_NOT_SENT = ONECARD__TERMINAL__V1__ANSWER__STATE__NOT_SENT,
    PB_ANSWER_LOST = ONECARD__TERMINAL__V1__ANSWER__STATE__LOST,
};
enum pb_outcome {
    PB_OUTCOME_UNKNOWN = ONECARD__TERMINAL__V1__OUTCOME__OUTCOME_UNKNOWN,
    PB_POSTED = ONECARD__TERMINAL__V1__OUTCOME__POSTED,
    PB_REFUSED = ONECARD__TERMINAL__V1__OUTCOME__REFUSED,
    PB_VOIDED = ONECARD__TERMINAL__V1__OUTCOME__VOIDED,
    PB_IN_DOUBT = ONECARD__TERMINAL__V1__OUTCOME__IN_DOUBT,
};
enum pb_phase {
    PB_PHASE_UNKNOWN = ONECARD__TERMINAL__V1__PROGRESS__PHASE__UNKNOWN,
    PB_PHASE_WAIT_CARD = ONECARD__TERMINAL__V1__PROGRESS__PHASE__WAIT_CARD,
    PB_PHASE_CARD = ONECARD__TERMINAL__V1__PROGRESS__PHASE__CARD,
    PB_PHASE_COMMITTED = ONECARD__TERMINAL__V1__PROGRESS__PHASE__COMMITTED,
    PB_PHASE_WAIT_RETURN = ONECARD__TERMINAL__V1__PROGRESS__PHASE__WAIT_RETURN,
};
enum pb_technology {
    PB_TECHNOLOGY_UNKNOWN = ONECARD__TERMINAL__V1__TECHNOLOGY__TECHNOLOGY_UNKNOWN,
    PB_TECHNOLOGY_CONTACT = ONECARD__TERMINAL__V1__TECHNOLOGY__TECHNOLOGY_CONTACT,
    PB_TECHNOLOGY_CONTACTLESS = ONECARD__TERMINAL__V1__TECHNOLOGY__TECHNOLOGY_CONTACTLESS,
};
enum pb_presentation_case {
    PB_PRESENTATION_CHIP = ONECARD__TERMINAL__V1__PRESENTATION__WHAT_CHIP,
    PB_PRESENTATION_CODE = ONECARD__TERMINAL__V1__PRESENTATION__WHAT_CODE,
    PB_PRESENTATION_NUMBER = ONECARD__TERMINAL__V1__PRESENTATION__WHAT_NUMBER,
};

/** Appends one frame, length first. Errors in b->err; OC_ELIMIT there: the message is over
 * FRAME_MAX. */
void frame_put_to_switch(struct buf *b, const pb_to_switch *m);
void frame_put_to_terminal(struct buf *b, const pb_to_terminal *m);

/** Looks for a whole frame at the beginning of `len` bytes. 0: *ret_head bytes of length, then
 * *ret_len bytes of message are there. OC_EBUSY: more bytes are needed (*ret_len: of the message,
 * once its length is known, else 0). OC_EPARSE: no canonical varint, or length 0. OC_ELIMIT: over
 * FRAME_MAX. */
int frame_peek(const void *bytes, size_t len, size_t *ret_head, size_t *ret_len) MUST_USE;

/** Unpacks a message into the arena; it lives as long as that and is never freed on its own. Bytes
 * are copied. Texts without UTF-8 or with a NUL inside, an element too many or too deep, a field
 * twice: OC_EPARSE, and `ret_why` (static text, may be NULL) says what. OC_ENOTSUP: well-formed, of
 * a kind this version does not know; a peer skips it. OC_ELIMIT: the arena is full, which a message
 * that passed cannot do to one with FRAME_MEMORY_MAX left. */
int frame_get_to_switch(const void *bytes, size_t len, struct arena *a, pb_to_switch **ret,
                        const char **ret_why) MUST_USE;
int frame_get_to_terminal(const void *bytes, size_t len, struct arena *a, pb_to_terminal **ret,
                          const char **ret_why) MUST_USE;

/** "request", "list", …: the message's name for logs. Static. */
const char *frame_to_switch_name(const pb_to_switch *m);
const char *frame_to_terminal_name(const pb_to_terminal *m);

#endif

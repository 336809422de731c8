/* A list of commands, executed by the terminal's card: what came of it stands in list_answers until
 * the next one. See load.h. */
#include "load.h"

#include <stdlib.h>

#define ANSWERS_MAX FRAME_LIST_MAX

/* One thread, one list at a time. */
static pb_answer items[ANSWERS_MAX];
static pb_answer *each[ANSWERS_MAX];
static uint8_t bytes[ANSWERS_MAX][CHIP_ANSWER_MAX];
struct list_answers list_answers = {.each = each};

static bool accepted(const pb_command *c, unsigned sw)
{
    for (size_t i = 0; i < c->n_accept; i++)
        if (c->accept[i] == sw)
            return true;
    return c->n_accept == 0 && sw == 0x9000;
}

void list_begin(size_t count)
{
    list_answers.count = count < ANSWERS_MAX ? count : ANSWERS_MAX;
    list_answers.executed = 0;
    for (size_t i = 0; i < list_answers.count; i++) {
        onecard__terminal__v1__answer__init(&items[i]);
        each[i] = &items[i];
    }
}

static unsigned execute(struct term *t, const pb_command *c, size_t at)
{
    pb_answer *a = &items[at];
    size_t n = chip_transmit(t->load->kind, &t->chip, c->apdu.data, c->apdu.len, bytes[at]);
    a->state = (__typeof__(a->state))PB_ANSWER_ANSWERED;
    a->bytes.data = bytes[at];
    a->bytes.len = n;
    a->micros = t->load->o.card_ms > 0
                    ? 1000 * t->load->o.card_ms / (t->last_commands ? t->last_commands : 8)
                    : 5;
    list_answers.executed++;
    return (unsigned)(bytes[at][n - 2] << 8 | bytes[at][n - 1]);
}

/* What a card command takes, where cards are made slow. */
static int64_t command_ns(const struct term *t)
{
    return (int64_t)t->load->o.card_ms * NS_PER_MS / (t->last_commands ? t->last_commands : 8);
}

/* deadline 0: none */
void list_run(struct term *t, pb_command *const *commands, size_t count, uint64_t deadline_mono_ms)
{
    int64_t begun = clock_mono_ns(&clock_system);
    size_t next = 0;
    list_begin(count);
    for (size_t i = 0; i < list_answers.count; i++) {
        uint64_t when =
            load_mono_ms(t->load) + (uint64_t)(command_ns(t) * list_answers.executed / NS_PER_MS);
        if (i < next)
            continue;
        if (deadline_mono_ms != 0 && when > deadline_mono_ms) {
            items[i].state = (__typeof__(items[i].state))PB_ANSWER_NOT_SENT;
            next = list_answers.count;
            continue;
        }
        unsigned sw = execute(t, commands[i], i);
        next = accepted(commands[i], sw)    ? i + 1
               : commands[i]->otherwise > i ? commands[i]->otherwise
                                            : list_answers.count;
    }
    t->tap_commands += list_answers.executed;
    t->load->all.commands += list_answers.executed;
    t->load->all.card_ns += clock_mono_ns(&clock_system) - begun;
}

void list_not_sent(size_t count)
{
    list_begin(count);
    for (size_t i = 0; i < list_answers.count; i++)
        items[i].state = (__typeof__(items[i].state))PB_ANSWER_NOT_SENT;
}

/* Sends what stands in t->out, after the card's time has passed. */
void list_send(struct term *t)
{
    if (t->load->o.card_ms > 0 && list_answers.executed > 0)
        work_set(t, WORK_HELD, t->load->now_ns + command_ns(t) * list_answers.executed);
    else
        link_flush(t);
}

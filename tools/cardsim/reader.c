/*
 * The card's side of the virtual reader (vpcd): two bytes length, payload; payloads of one byte are
 * control: 0 power off, 1 power on, 2 reset, 4 ask for the ATR. Only the ATR and APDUs are
 * answered.
 *
 * TCP_NODELAY and TCP_QUICKACK are not cosmetics: the reader writes length and payload apart, and a
 * delayed acknowledgement between the two costs some 40 ms an APDU.
 */
#include "sim.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CTRL_OFF = 0, CTRL_ON = 1, CTRL_RESET = 2, CTRL_ATR = 4, RETRY_MS = 200 };

static void disconnect(struct sim *s)
{
    if (s->reader >= 0)
        (void)close(s->reader);
    s->reader = -1;
    s->in_len = 0;
    s->pending_len = 0;
    cardsim_power_off(s->card);
}

void reader_insert(struct sim *s)
{
    s->present = true;
    s->return_at = 0;
    s->connect_at = 0;
}

void reader_remove(struct sim *s)
{
    disconnect(s);
    s->present = false;
    s->return_at = 0;
}

static int open_reader(const struct sim *s)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    int fd = -1;
    if (getaddrinfo(s->host, s->port, &hints, &list) != 0)
        return -1;
    for (struct addrinfo *i = list; i && fd < 0; i = i->ai_next) {
        fd = socket(i->ai_family, i->ai_socktype | SOCK_CLOEXEC, i->ai_protocol);
        if (fd >= 0 && connect(fd, i->ai_addr, i->ai_addrlen) != 0) {
            (void)close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    return fd;
}

void reader_try_connect(struct sim *s)
{
    const int one = 1;
    s->connect_at = sim_now_ms() + RETRY_MS;
    s->reader = open_reader(s);
    if (s->reader < 0)
        return;
    s->in_len = 0;
    (void)setsockopt(s->reader, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    (void)setsockopt(s->reader, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof one);
}

static void log_bytes(struct sim *s, const char *what, const uint8_t *data, size_t len,
                      size_t shown)
{
    if (!s->log)
        return;
    (void)fputs(what, s->log);
    for (size_t i = 0; i < len && i < shown; i++)
        (void)fprintf(s->log, "%02X", data[i]);
    (void)fputs(len > shown ? "…" : "", s->log);
}

static void log_command(struct sim *s, const uint8_t *cmd, size_t len)
{
    log_bytes(s, "> ", cmd, len, cardsim_command_secret(cmd, len) ? 5 : len);
    if (s->log)
        (void)fprintf(s->log, "  %s\n", cardsim_command_name(cmd, len));
}

static void log_line(struct sim *s, const char *what, const uint8_t *data, size_t len)
{
    log_bytes(s, what, data, len, len);
    if (s->log)
        (void)fputc('\n', s->log);
}

static void queue(struct sim *s, const uint8_t *data, size_t len, unsigned delay_ms)
{
    s->pending[0] = (uint8_t)(len >> 8);
    s->pending[1] = (uint8_t)len;
    memcpy(s->pending + 2, data, len);
    s->pending_len = len + 2;
    s->pending_at = delay_ms ? sim_now_ms() + delay_ms : 0;
    if (!delay_ms)
        reader_send_pending(s);
}

void reader_send_pending(struct sim *s)
{
    size_t at = 0;
    while (at < s->pending_len) {
        ssize_t n = send(s->reader, s->pending + at, s->pending_len - at, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            disconnect(s);
            return;
        }
        at += (size_t)n;
    }
    s->pending_len = 0;
}

static void torn(struct sim *s)
{
    log_line(s, "< (torn)", NULL, 0);
    reader_remove(s);
    if (s->return_after_ms)
        s->return_at = sim_now_ms() + s->return_after_ms;
}

static void apdu(struct sim *s, const uint8_t *cmd, size_t len)
{
    uint8_t resp[CARDSIM_RESPONSE_MAX];
    size_t resp_len = 0;
    s->last_command = sim_now_ms();
    log_command(s, cmd, len);
    int err = cardsim_transmit(s->card, cmd, len, resp, sizeof resp, &resp_len);
    sim_keep(s); /* before the answer: what the terminal has seen is never lost */
    unsigned delay_ms = cardsim_take_delay_ms(s->card);
    if (err == CARDSIM_TORN) {
        torn(s);
        return;
    }
    if (err == CARDSIM_EOFF) { /* a reader that forgot to power the card */
        cardsim_power_on(s->card);
        err = cardsim_transmit(s->card, cmd, len, resp, sizeof resp, &resp_len);
        sim_keep(s);
    }
    if (err) {
        log_line(s, err == CARDSIM_MUTE ? "< (mute)" : "< (no answer)", NULL, 0);
        return;
    }
    log_line(s, "< ", resp, resp_len);
    queue(s, resp, resp_len, delay_ms);
}

static void control(struct sim *s, uint8_t what)
{
    uint8_t atr[CARDSIM_ATR_MAX];
    switch (what) {
    case CTRL_OFF:
        cardsim_power_off(s->card);
        break;
    case CTRL_ON:
        cardsim_power_on(s->card);
        break;
    case CTRL_RESET:
        cardsim_reset(s->card);
        break;
    case CTRL_ATR:
        queue(s, atr, cardsim_atr(s->card, atr), 0);
        break;
    default:
        break;
    }
}

/* One whole frame from the buffer; false when there is none, or the answer to one is still held
 * back. */
static bool take_frame(struct sim *s)
{
    static const size_t head = 2;
    if (s->reader < 0 || s->pending_len > 0 || s->in_len < head)
        return false;
    size_t len = (size_t)s->in[0] << 8 | s->in[1];
    if (s->in_len < head + len)
        return false;
    if (len == 1)
        control(s, s->in[2]);
    else if (len > 1)
        apdu(s, s->in + 2, len);
    if (s->reader < 0)
        return false;
    s->in_len -= head + len;
    memmove(s->in, s->in + head + len, s->in_len);
    return true;
}

void reader_readable(struct sim *s)
{
    const int one = 1;
    ssize_t n = recv(s->reader, s->in + s->in_len, sizeof s->in - s->in_len, 0);
    if (n < 0 && errno == EINTR)
        return;
    if (n <= 0) { /* the reader's daemon went away; it may come back */
        disconnect(s);
        s->connect_at = sim_now_ms() + RETRY_MS;
        return;
    }
    (void)setsockopt(s->reader, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof one);
    s->in_len += (size_t)n;
    while (take_frame(s))
        continue;
}

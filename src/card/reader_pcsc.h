/* Readers of PC/SC. A monitor thread with a context of its own watches all readers (hot-plug
 * included); each reader has one thread and one context for connect, transmit and disconnect,
 * because a context is locked across an exchange, SCardTransmit cannot be cancelled and
 * SCardConnect may block without bound. A hang holds up its own reader only. pcsc-lite of Debian 12
 * serves at most 16 readers at a time; names remembered here: READERS_MAX. */
#ifndef CARD_READER_PCSC_H
#define CARD_READER_PCSC_H

#include "card/reader.h"
#include <winscard.h>

/** The winscard functions used, so that a test can put a fake beneath. Called from several threads
 * at once. */
struct pcsc_api {
    LONG (*establish)(DWORD scope, LPCVOID r1, LPCVOID r2, LPSCARDCONTEXT ctx);
    LONG (*release)(SCARDCONTEXT ctx);
    LONG (*list_readers)(SCARDCONTEXT ctx, LPCSTR groups, LPSTR names, LPDWORD len);
    LONG (*status_change)
    (SCARDCONTEXT ctx, DWORD timeout_ms, SCARD_READERSTATE *states, DWORD count);
    LONG (*cancel)(SCARDCONTEXT ctx);
    LONG (*connect)
    (SCARDCONTEXT ctx, LPCSTR reader, DWORD share, DWORD protocols, LPSCARDHANDLE card,
     LPDWORD protocol);
    LONG (*status)
    (SCARDHANDLE card, LPSTR name, LPDWORD name_len, LPDWORD state, LPDWORD protocol, LPBYTE atr,
     LPDWORD atr_len);
    LONG (*transmit)
    (SCARDHANDLE card, const SCARD_IO_REQUEST *send_pci, LPCBYTE cmd, DWORD len,
     SCARD_IO_REQUEST *recv_pci, LPBYTE answer, LPDWORD answer_len);
    LONG (*disconnect)(SCARDHANDLE card, DWORD disposition);
};
/** pcsc-lite's. */
extern const struct pcsc_api pcsc_api_system;

struct pcsc_opts {
    const struct pcsc_api *api; /* NULL: pcsc_api_system; must outlive the process' threads */
    int connect_ms;   /* patience with a connect before the reader is marked mute; 0: 5,000 */
    int retry_min_ms; /* first pause when pcscd is absent; 0: 250 */
    int retry_max_ms; /* longest pause; 0: 5,000 */
    int poll_ms;      /* bound of one wait for changes; 0: 2,000 */
};

struct pcsc;
/** Starts watching; readers appear in `rs` as they are seen. `o` NULL: defaults. pcscd need not run
 * yet. `rs` and `loop` must outlive the result. OC_ENOMEM, OC_EIO (no thread; logged). */
int pcsc_new(struct readers *rs, struct loop *loop, const struct pcsc_opts *o,
             struct pcsc **ret) MUST_USE;
/** Stops: before readers_free and loop_free, loop thread, no dialogue open. A thread that hangs
 * inside the library is left behind after 1 s (it touches nothing of ours any more). Blocks so
 * long. NULL inside is fine. */
void pcsc_free(struct pcsc **p);
/** Is pcscd there? For status displays. */
bool pcsc_connected(const struct pcsc *p);

#endif

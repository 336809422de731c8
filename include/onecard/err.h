/* Error numbers of onecard: 0, or a negative number in a range that tells its origin.
 * A refusal of a transaction is not an error: see enum oc_reason in <onecard/types.h>. */
#ifndef ONECARD_ERR_H
#define ONECARD_ERR_H

enum onecard_err {
    OC_OK = 0,
    /* -1 … -99: anybody */
    OC_ENOMEM = -1,
    OC_EINVAL = -2,       /* an argument or a text has the wrong form */
    OC_ENOENT = -3,       /* no such thing */
    OC_EEXIST = -4,       /* there already, with another content */
    OC_EBUSY = -5,        /* try again later */
    OC_ETIMEDOUT = -6,    /* the deadline passed */
    OC_ECANCELED = -7,    /* somebody asked this flow to stop */
    OC_EIO = -8,          /* the operating system said no; the log has its words */
    OC_ENOSPC = -9,       /* disk full */
    OC_ELIMIT = -10,      /* larger, deeper or more than we take */
    OC_EPERM = -11,       /* not allowed */
    OC_ESTATE = -12,      /* not in this state */
    OC_ECONFLICT = -13,   /* version moved, or same key with another content */
    OC_ENOTSUP = -14,     /* this build, card or profile cannot */
    OC_EINTERNAL = -15,   /* our own invariant does not hold */
    OC_ECLOSED = -16,     /* the other end or the service has gone */
    /* -100 … -199: card and reader */
    OC_ECARD_GONE = -100, /* no card, or it left before the command did: nothing was sent */
    OC_ECARD_LOST = -101, /* the command left and no answer came: outcome unknown (R3) */
    OC_ECARD_SW = -102,   /* the card answered another status word than the one expected */
    OC_ECARD_DATA = -103, /* the answer is malformed */
    OC_ECARD_MUTE = -104, /* a card is there and does not answer at all */
    OC_EREADER = -105,    /* no such reader now */
    OC_EPROFILE = -106,   /* no profile fits this card, or the profile lacks what was asked */
    OC_ECARD_CACHE = -107, /* the journey record was refused before the debit: the debit never left */
    /* -200 … -299: cryptography and keys */
    OC_ECRYPTO = -200,    /* the library failed */
    OC_EMAC = -201,       /* a MAC, TAC or signature is wrong */
    OC_ENOKEY = -202,     /* no such key (purpose, algorithm, version) */
    OC_ESEAL = -203,      /* cannot be unsealed: wrong key or damaged */
    /* -300 … -399: store */
    OC_EDB = -300,        /* the database failed */
    OC_EDB_FULL = -301,   /* no space: money stops, reading goes on */
    OC_EDB_CORRUPT = -302,
    OC_EDB_SCHEMA = -303, /* schema newer than this program */
    /* -400 … -499: ledger */
    OC_EREFUSED = -400,   /* the operation was refused; its reason says why */
    OC_ECHAIN = -401,     /* the audit chain does not verify */
    OC_EBOOKS = -402,     /* the books do not balance */
    /* -500 … -599: modules */
    OC_EMODULE = -500,    /* the module failed or answered nonsense */
    OC_EABI = -501,       /* the module was built for another ABI */
    OC_ELOOP = -502,      /* services asked one another in a circle, or too deep */
    /* -600 … -699: protocols and files */
    OC_EPARSE = -600,     /* malformed input; the message says where */
    OC_EHTTP = -601
};

/** English text of an error number; "error -N" for one unknown. Never NULL, static. */
const char *oc_strerror(int err);

#endif

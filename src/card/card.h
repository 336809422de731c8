/* The public face of card: readers, dialogues with cards, and what cards are. */
#ifndef CARD_CARD_H
#define CARD_CARD_H

#include "card/ident.h"
#include "card/list.h"
#include "card/personalise.h"
#include "card/profile.h"
#include "card/purse.h"
#include "card/reader.h"
#include "card/reader_pcsc.h"
#include "card/reader_remote.h"
#include "card/script.h"
#include "card/session.h"
#include "card/slot.h"
#include "card/transmit.h"

#endif

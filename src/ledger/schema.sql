-- The ledger's tables: the fold of the journal (ledger.h, invariant 2). Numbers of states and kinds are those of types.h and
-- op.h. Every key starts with a shard or is an id that carries one. No triggers, no defaults that depend on time.
-- Only journal, txn and event grow for ever, and only at their end but for txn_card.

CREATE TABLE site (
    shard           INTEGER NOT NULL PRIMARY KEY,
    name            TEXT    NOT NULL,
    city_offset_min INTEGER NOT NULL,
    first_day       INTEGER NOT NULL,
    open_day        INTEGER NOT NULL,
    last_at_ms      INTEGER NOT NULL,
    last_txn        INTEGER NOT NULL,
    last_card       INTEGER NOT NULL,
    last_event      INTEGER NOT NULL,
    deny_epoch      INTEGER NOT NULL
) STRICT;

-- op: op_encode(); mac: HMAC-SHA-256(chain key, previous mac, shard, seq, op).
CREATE TABLE journal (
    shard INTEGER NOT NULL,
    seq   INTEGER NOT NULL,
    op    BLOB    NOT NULL,
    mac   BLOB    NOT NULL CHECK (length(mac) = 32),
    PRIMARY KEY (shard, seq)
) STRICT, WITHOUT ROWID;

-- The journal's end in a second place, so that a journal cut short shows; tag: HMAC(chain key, "head", shard, seq, mac).
-- Not part of the fold.
CREATE TABLE head (
    shard INTEGER NOT NULL PRIMARY KEY,
    seq   INTEGER NOT NULL,
    mac   BLOB    NOT NULL CHECK (length(mac) = 32),
    tag   BLOB    NOT NULL CHECK (length(tag) = 32)
) STRICT;

CREATE TABLE participant (
    shard      INTEGER NOT NULL,
    id         TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    load_quota INTEGER NOT NULL,
    closed     INTEGER NOT NULL,
    PRIMARY KEY (shard, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE terminal (
    shard        INTEGER NOT NULL,
    id           TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    participant  TEXT    NOT NULL,
    sam          BLOB    NOT NULL CHECK (length(sam) = 6),
    reader       TEXT    NOT NULL,
    services     TEXT    NOT NULL,
    gate         TEXT    NOT NULL,
    params       TEXT    NOT NULL,
    closed       INTEGER NOT NULL,
    created_ms   INTEGER NOT NULL,
    next_request INTEGER NOT NULL,
    day          INTEGER NOT NULL, -- business date of day_sum
    day_sum      INTEGER NOT NULL,
    PRIMARY KEY (shard, id)
) STRICT, WITHOUT ROWID;

-- R10: number and sequence are the SAM's and move with it.
CREATE TABLE sam (
    shard    INTEGER NOT NULL,
    sam      BLOB    NOT NULL CHECK (length(sam) = 6),
    terminal TEXT    NOT NULL, -- '' : in no terminal now
    next_seq INTEGER NOT NULL,
    PRIMARY KEY (shard, sam)
) STRICT, WITHOUT ROWID;

CREATE TABLE sam_history (
    shard       INTEGER NOT NULL,
    sam         BLOB    NOT NULL CHECK (length(sam) = 6),
    seq         INTEGER NOT NULL, -- journal row that moved it here
    from_ms     INTEGER NOT NULL,
    to_ms       INTEGER NOT NULL, -- 0: still there
    terminal    TEXT    NOT NULL,
    participant TEXT    NOT NULL,
    PRIMARY KEY (shard, sam, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE key (
    shard      INTEGER NOT NULL,
    purpose    INTEGER NOT NULL,
    alg        INTEGER NOT NULL,
    version    INTEGER NOT NULL,
    issuer     BLOB    NOT NULL CHECK (length(issuer) = 8),
    kcv        BLOB    NOT NULL CHECK (length(kcv) = 3),
    sealed     BLOB    NOT NULL,
    revoked    INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (shard, purpose, alg, version, issuer)
) STRICT, WITHOUT ROWID;

CREATE TABLE citizen (
    shard      INTEGER NOT NULL,
    id         TEXT    NOT NULL,
    sealed     BLOB    NOT NULL,
    search     BLOB    NOT NULL CHECK (length(search) = 16), -- zeros: none
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (shard, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX citizen_search ON citizen (shard, search);

-- One row holds the card, its purse and pending load, its limits and what the chip last showed (R1).
CREATE TABLE card (
    id                   INTEGER NOT NULL PRIMARY KEY,
    shard                INTEGER NOT NULL,
    issuer               BLOB    NOT NULL CHECK (length(issuer) = 8),
    serial               BLOB    NOT NULL CHECK (length(serial) = 10),
    number               TEXT    NOT NULL,
    profile              TEXT    NOT NULL,
    citizen              TEXT    NOT NULL,
    kind                 INTEGER NOT NULL,
    state                INTEGER NOT NULL CHECK (state BETWEEN 1 AND 6),
    registered           INTEGER NOT NULL,
    loss_effective_ms    INTEGER NOT NULL,
    valid_from           INTEGER NOT NULL,
    valid_to             INTEGER NOT NULL,
    ceiling              INTEGER NOT NULL,
    floor                INTEGER NOT NULL,
    purse_debits         INTEGER NOT NULL, -- posted
    purse_credits        INTEGER NOT NULL,
    purse_debits_pending INTEGER NOT NULL,
    purse_credits_pending INTEGER NOT NULL,
    load_debits          INTEGER NOT NULL, -- the pending-load account (R6)
    load_credits         INTEGER NOT NULL,
    load_debits_pending  INTEGER NOT NULL,
    load_credits_pending INTEGER NOT NULL,
    open_txn             INTEGER NOT NULL,
    seen_has             INTEGER NOT NULL, -- what the chip last showed
    seen_balance         INTEGER NOT NULL,
    seen_online          INTEGER NOT NULL,
    seen_offline         INTEGER NOT NULL,
    seen_ms              INTEGER NOT NULL,
    seen_terminal        TEXT    NOT NULL,
    due_has              INTEGER NOT NULL, -- SEEN_ONLINE, SEEN_OFFLINE: counters below are known; SEEN_BALANCE: so is the opening
    due_online           INTEGER NOT NULL, -- the chip's counters as the books expect them
    due_offline          INTEGER NOT NULL,
    awaiting             INTEGER NOT NULL,
    alarm                INTEGER NOT NULL,
    mismatch             INTEGER NOT NULL, -- last difference chip - purse that was reported
    last_txn             INTEGER NOT NULL,
    last_terminal        TEXT    NOT NULL,
    last_service         TEXT    NOT NULL,
    last_txn_ms          INTEGER NOT NULL,
    day                  INTEGER NOT NULL, -- business date of the sums below
    day_debits           INTEGER NOT NULL,
    day_credits          INTEGER NOT NULL,
    day_count            INTEGER NOT NULL,
    deny_action          INTEGER NOT NULL, -- mirror of denylist
    created_ms           INTEGER NOT NULL
) STRICT;
-- Serial first: it finds a card by serial alone as well.
CREATE UNIQUE INDEX card_serial ON card (shard, serial, issuer);
CREATE INDEX card_number ON card (shard, number) WHERE number <> '';

CREATE TABLE card_app (
    shard    INTEGER NOT NULL,
    card     INTEGER NOT NULL,
    app      TEXT    NOT NULL,
    category TEXT    NOT NULL,
    from_day INTEGER NOT NULL,
    to_day   INTEGER NOT NULL,
    closed   INTEGER NOT NULL,
    PRIMARY KEY (shard, card, app)
) STRICT, WITHOUT ROWID;

-- A card taken off stays as a row with action 0, so that lists since an epoch tell it.
CREATE TABLE denylist (
    shard    INTEGER NOT NULL,
    issuer   BLOB    NOT NULL CHECK (length(issuer) = 8),
    serial   BLOB    NOT NULL CHECK (length(serial) = 10),
    action   INTEGER NOT NULL CHECK (action BETWEEN 0 AND 2),
    by_state INTEGER NOT NULL, -- 1: put there by the card's state, leaves with it
    why      TEXT    NOT NULL,
    epoch    INTEGER NOT NULL,
    at_ms    INTEGER NOT NULL,
    PRIMARY KEY (shard, issuer, serial)
) STRICT, WITHOUT ROWID;
CREATE INDEX denylist_epoch ON denylist (shard, epoch);

-- Purse and pending load stand in the card's row; every other account here. Balance: credits - debits.
CREATE TABLE account (
    shard           INTEGER NOT NULL,
    kind            INTEGER NOT NULL,
    owner           TEXT    NOT NULL,
    debits_pending  INTEGER NOT NULL CHECK (debits_pending >= 0),
    debits_posted   INTEGER NOT NULL,
    credits_pending INTEGER NOT NULL CHECK (credits_pending >= 0),
    credits_posted  INTEGER NOT NULL,
    floor           INTEGER NOT NULL, -- the least int64: none
    PRIMARY KEY (shard, kind, owner)
) STRICT, WITHOUT ROWID;

-- A transaction's own words stand once, in the journal: intent_seq (a refusal's for REFUSED) and outcome_seq (the last
-- outcome's, 0 none) point there. Here stands what is looked up and what changes.
CREATE TABLE txn (
    id            INTEGER NOT NULL PRIMARY KEY,
    shard         INTEGER NOT NULL,
    state         INTEGER NOT NULL CHECK (state BETWEEN 1 AND 5),
    intent_seq    INTEGER NOT NULL,
    outcome_seq   INTEGER NOT NULL,
    created_ms    INTEGER NOT NULL,
    decided_ms    INTEGER NOT NULL,
    card          INTEGER, -- NULL: none
    terminal      TEXT    NOT NULL,
    service       TEXT    NOT NULL,
    request_no    INTEGER, -- NULL: none
    request_hash  BLOB    NOT NULL CHECK (length(request_hash) = 16),
    clearing_date INTEGER NOT NULL CHECK ((state = 2) = (clearing_date <> 0)),
    amount        INTEGER NOT NULL,
    link          INTEGER NOT NULL,
    refund        INTEGER NOT NULL,
    refunded      INTEGER NOT NULL CHECK (refunded BETWEEN 0 AND amount OR refunded = 0),
    suspense      INTEGER NOT NULL, -- while IN_DOUBT: 1 shown in suspense, 0 in transit
    tries         INTEGER NOT NULL,
    before_txn    INTEGER NOT NULL  -- the card's last transaction when this one began
) STRICT;
CREATE UNIQUE INDEX txn_request ON txn (shard, terminal, request_no) WHERE request_no IS NOT NULL;
CREATE INDEX txn_clearing ON txn (shard, clearing_date, id) WHERE state = 2;
CREATE INDEX txn_open ON txn (shard, id) WHERE state IN (1, 4);
CREATE INDEX txn_card ON txn (shard, card, id) WHERE card IS NOT NULL;

CREATE TABLE record (
    shard     INTEGER NOT NULL,
    scope     TEXT    NOT NULL,
    owner     TEXT    NOT NULL,
    key       TEXT    NOT NULL,
    version   INTEGER NOT NULL, -- 0: a place held by locked_by
    doc       TEXT    NOT NULL,
    locked_by INTEGER NOT NULL, -- the open transaction that will write it, 0 none
    PRIMARY KEY (shard, scope, owner, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE event (
    shard    INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    at_ms    INTEGER NOT NULL,
    card     INTEGER NOT NULL,
    txn      INTEGER NOT NULL,
    terminal TEXT    NOT NULL,
    kind     TEXT    NOT NULL,
    text     TEXT    NOT NULL,
    PRIMARY KEY (shard, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE day (
    shard         INTEGER NOT NULL,
    date          INTEGER NOT NULL,
    state         INTEGER NOT NULL CHECK (state BETWEEN 1 AND 3),
    opened_ms     INTEGER NOT NULL,
    closed_ms     INTEGER NOT NULL,
    float_opening INTEGER NOT NULL,
    loads         INTEGER NOT NULL,
    purchases     INTEGER NOT NULL,
    adjustments   INTEGER NOT NULL,
    float_closing INTEGER NOT NULL, -- 0 while open
    journal_seq   INTEGER NOT NULL,
    chain_head    BLOB    NOT NULL CHECK (length(chain_head) = 32),
    manifest      BLOB    NOT NULL CHECK (length(manifest) = 32),
    PRIMARY KEY (shard, date)
) STRICT, WITHOUT ROWID;

-- The third step: holds at institutions and messages to them, what may be forgotten of citizens, institutions' keys.

INSERT INTO schema_step (version, program) VALUES (3, 'onecard 0.3');

-- 0 none; 1 of a plan with a card command, which the card's row names while it is open; 2 of one without.
ALTER TABLE txn ADD COLUMN hold INTEGER NOT NULL DEFAULT 0;

-- R12: one row for each transaction with a hold. States: enum hold_state.
CREATE TABLE hold (
    txn         INTEGER NOT NULL PRIMARY KEY,
    shard       INTEGER NOT NULL,
    state       INTEGER NOT NULL CHECK (state BETWEEN 1 AND 8),
    participant TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    amount      INTEGER NOT NULL,
    reference   TEXT    NOT NULL,
    note        TEXT    NOT NULL,
    changed_ms  INTEGER NOT NULL
) STRICT;
CREATE INDEX hold_state ON hold (shard, state, txn);

-- What is due or dead; what was sent or dropped stands in the journal only.
CREATE TABLE outbox (
    id          INTEGER NOT NULL PRIMARY KEY,
    shard       INTEGER NOT NULL,
    txn         INTEGER NOT NULL,
    created_ms  INTEGER NOT NULL,
    state       INTEGER NOT NULL CHECK (state IN (1, 3)),
    participant TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    citizen     TEXT    NOT NULL, -- whose data it carries, '' : nobody's
    tries       INTEGER NOT NULL,
    note        TEXT    NOT NULL,
    doc         TEXT    NOT NULL
) STRICT;
CREATE INDEX outbox_to ON outbox (shard, participant, id);
CREATE INDEX outbox_citizen ON outbox (shard, citizen) WHERE citizen <> '';

ALTER TABLE site ADD COLUMN last_message INTEGER NOT NULL DEFAULT 0;

ALTER TABLE citizen ADD COLUMN erased INTEGER NOT NULL DEFAULT 0;
ALTER TABLE citizen ADD COLUMN documents_due INTEGER NOT NULL DEFAULT 0;
CREATE INDEX record_citizen ON record (shard, owner) WHERE substr(owner, 1, 8) = 'citizen:';

-- What a citizen's data are sealed under. Not part of the fold: a journal forgets nothing.
CREATE TABLE citizen_key (
    shard      INTEGER NOT NULL,
    citizen    TEXT    NOT NULL,
    what       INTEGER NOT NULL CHECK (what BETWEEN 1 AND 2), -- 1 personal data, 2 documents
    sealed     BLOB    NOT NULL,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (shard, citizen, what)
) STRICT, WITHOUT ROWID;

CREATE TABLE participant_key (
    shard       INTEGER NOT NULL,
    participant TEXT    NOT NULL,
    key         BLOB    NOT NULL CHECK (length(key) = 32), -- Ed25519, public
    changed_ms  INTEGER NOT NULL,
    PRIMARY KEY (shard, participant)
) STRICT, WITHOUT ROWID;

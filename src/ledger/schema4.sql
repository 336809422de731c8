-- The fourth step: records in the order in which they come, found by owner first, each with a date: what a transaction
-- writes about one citizen lies together. Which open transaction holds a record follows from its intent and stands in no
-- row. What follows a transaction is found from it, a citizen's transactions and deposits are found from the citizen.

INSERT INTO schema_step (version, program) VALUES (4, 'onecard 0.4');

DROP INDEX record_citizen;
ALTER TABLE record RENAME TO record_before;
CREATE TABLE record (
    shard   INTEGER NOT NULL,
    scope   TEXT    NOT NULL,
    owner   TEXT    NOT NULL,
    key     TEXT    NOT NULL,
    version INTEGER NOT NULL,
    day     INTEGER NOT NULL, -- business date of the newest transaction that wrote it; 0: none since this step (R20)
    doc     TEXT    NOT NULL,
    PRIMARY KEY (shard, owner, scope, key)
) STRICT;
-- Version 0 was the place of a record that an open transaction would make.
INSERT INTO record SELECT shard, scope, owner, key, version, 0, doc FROM record_before WHERE version > 0 ORDER BY 1, 3, 2, 4;
DROP TABLE record_before;

-- A message counts from when it became due, which is not always when it was made.
ALTER TABLE outbox RENAME COLUMN created_ms TO due_ms;

-- And records of offline terminals (R16), and which card replaces a lost one.
-- One row a record, whatever became of it: enum offline_result. Whose counter it moves stands in the card's gap (R1).
CREATE TABLE offline_record (
    shard         INTEGER NOT NULL,
    seq           INTEGER NOT NULL, -- its own number: the journal row that brought it
    issuer        BLOB    NOT NULL CHECK (length(issuer) = 8),
    serial        BLOB    NOT NULL CHECK (length(serial) = 10),
    type          INTEGER NOT NULL,
    counter       INTEGER NOT NULL, -- before the transaction
    sam           BLOB    NOT NULL CHECK (length(sam) = 6),
    sam_seq       INTEGER NOT NULL,
    amount        INTEGER NOT NULL,
    has_balance   INTEGER NOT NULL,
    balance       INTEGER NOT NULL,
    card_date     BLOB    NOT NULL CHECK (length(card_date) = 4),
    card_time     BLOB    NOT NULL CHECK (length(card_time) = 3),
    tac           BLOB    NOT NULL CHECK (length(tac) = 4),
    tac_verdict   INTEGER NOT NULL,
    key_version   INTEGER NOT NULL,
    alg           INTEGER NOT NULL,
    moves         INTEGER NOT NULL, -- 1: such a transaction moves the counter
    terminal      TEXT    NOT NULL, -- as the collector says, '' : not said
    result        INTEGER NOT NULL CHECK (result BETWEEN 1 AND 11),
    card          INTEGER NOT NULL, -- 0: not ours
    txn           INTEGER NOT NULL,
    posts         INTEGER NOT NULL CHECK (posts = (txn <> 0 AND result IN (1, 9))),
    at_terminal   TEXT    NOT NULL, -- by the SAM's history, '' : not known
    participant   TEXT    NOT NULL,
    business_date INTEGER NOT NULL,
    first_ms      INTEGER NOT NULL,
    changed_ms    INTEGER NOT NULL,
    PRIMARY KEY (shard, sam, sam_seq, issuer, serial, type, counter)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX offline_seq ON offline_record (shard, seq);
CREATE INDEX offline_card ON offline_record (shard, card, counter) WHERE card <> 0;
CREATE INDEX offline_held ON offline_record (shard, seq) WHERE result NOT IN (1, 2, 9);

ALTER TABLE card ADD COLUMN replaced_by INTEGER NOT NULL DEFAULT 0;
ALTER TABLE card ADD COLUMN replaces INTEGER NOT NULL DEFAULT 0;

-- The day of this step: records of day 0 are not younger. Not part of the fold.
CREATE TABLE record_undated (
    shard INTEGER NOT NULL PRIMARY KEY,
    day   INTEGER NOT NULL
) STRICT;
INSERT INTO record_undated (shard, day) SELECT shard, open_day FROM site;

-- Refunds and cancellations of a transaction: together they are bounded by its legs (R6). And second attempts.
CREATE INDEX txn_link ON txn (shard, link, id) WHERE link <> 0;

-- Whom a transaction concerns but for the holder of its card: owners of accounts, records and messages, whom it was asked for.
CREATE TABLE txn_citizen (
    shard   INTEGER NOT NULL,
    citizen TEXT    NOT NULL,
    txn     INTEGER NOT NULL,
    PRIMARY KEY (shard, citizen, txn)
) STRICT, WITHOUT ROWID;

-- Whose a deposit is: the account's owner is a name that a module chose.
CREATE TABLE deposit (
    shard   INTEGER NOT NULL,
    citizen TEXT    NOT NULL,
    owner   TEXT    NOT NULL,
    PRIMARY KEY (shard, citizen, owner)
) STRICT, WITHOUT ROWID;

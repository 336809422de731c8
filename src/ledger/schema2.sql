-- The second step: terminals prove themselves with keys of their own, and nothing at the start counts cards any more.

-- Which program brought a step, so that an older one can name it when it refuses the file. One row a step from here on;
-- read by src/db.
CREATE TABLE schema_step (
    version INTEGER NOT NULL PRIMARY KEY,
    program TEXT    NOT NULL
) STRICT;
INSERT INTO schema_step (version, program) VALUES (2, 'onecard 0.2');

-- The site's own authority for terminals' certificates: at most one row, never replaced.
CREATE TABLE authority (
    shard      INTEGER NOT NULL PRIMARY KEY,
    cert       BLOB    NOT NULL, -- DER
    sealed     BLOB    NOT NULL, -- its private key, sealed
    created_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE terminal_key (
    shard             INTEGER NOT NULL,
    terminal          TEXT    NOT NULL,
    pinned            INTEGER NOT NULL CHECK (pinned BETWEEN 0 AND 1),
    revoked           INTEGER NOT NULL CHECK (revoked BETWEEN 0 AND 1),
    token_hash        BLOB    NOT NULL CHECK (length(token_hash) = 32), -- zeros: no token waits
    token_until_ms    INTEGER NOT NULL,
    pin               BLOB    NOT NULL CHECK (length(pin) = 32),        -- zeros: none
    next_pin          BLOB    NOT NULL CHECK (length(next_pin) = 32),   -- zeros: no renewal waits
    not_after_ms      INTEGER NOT NULL, -- of the pinned certificate, 0: not known
    next_not_after_ms INTEGER NOT NULL,
    enrolled_ms       INTEGER NOT NULL,
    changed_ms        INTEGER NOT NULL,
    PRIMARY KEY (shard, terminal)
) STRICT, WITHOUT ROWID;

ALTER TABLE site ADD COLUMN cards INTEGER NOT NULL DEFAULT 0;
UPDATE site SET cards = (SELECT count(*) FROM card);

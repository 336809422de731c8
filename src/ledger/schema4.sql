-- The fourth step. Records in the order in which they come, found by owner first: what a transaction writes about one
-- citizen lies together. Which open transaction holds a record follows from its intent and stands in no row.

INSERT INTO schema_step (version, program) VALUES (4, 'onecard 0.4');

DROP INDEX record_citizen;
ALTER TABLE record RENAME TO record_before;
CREATE TABLE record (
    shard   INTEGER NOT NULL,
    scope   TEXT    NOT NULL,
    owner   TEXT    NOT NULL,
    key     TEXT    NOT NULL,
    version INTEGER NOT NULL,
    doc     TEXT    NOT NULL,
    PRIMARY KEY (shard, owner, scope, key)
) STRICT;
-- Version 0 was the place of a record that an open transaction would make.
INSERT INTO record SELECT shard, scope, owner, key, version, doc FROM record_before WHERE version > 0 ORDER BY 1, 3, 2, 4;
DROP TABLE record_before;

-- A message counts from when it became due, which is not always when it was made.
ALTER TABLE outbox RENAME COLUMN created_ms TO due_ms;

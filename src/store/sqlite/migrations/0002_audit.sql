-- What an auditor needs beside the log itself: stored nodes of the tree, cosignatures, roles, and an erasure that the log
-- tells of.

-- Hashes of perfect subtrees at every fourth level: the one at `level` 4, 8, 12 … and `number` stands over the leaves from
-- `number << level` on. Each is written once, with the leaf that completes it; level 0 is the leaves' own table. A proof needs
-- at most sixteen neighbours of each of these levels, and a tile of 256 is a run of them.
CREATE TABLE nodes (
    level  INTEGER NOT NULL CHECK (level > 0 AND level % 4 = 0),
    number INTEGER NOT NULL CHECK (number >= 0),
    hash   BLOB    NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (level, number)
) STRICT, WITHOUT ROWID;

-- Who else has seen a published checkpoint. `line` is the signature line of the note, `at` the witness's own time in seconds.
CREATE TABLE cosignatures (
    size        INTEGER NOT NULL REFERENCES checkpoints (size),
    witness     TEXT    NOT NULL,
    line        TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (size, witness)
) STRICT, WITHOUT ROWID;

CREATE INDEX cosignatures_by_witness ON cosignatures (witness, size);

ALTER TABLE accounts ADD COLUMN role TEXT NOT NULL DEFAULT 'desk' CHECK (role IN ('desk', 'manager', 'auditor'));

-- Leaves whose record and nonce were erased, each with the leaf of the log's own event that tells of it. The row comes first;
-- without it the database refuses to delete.
CREATE TABLE erasures (
    leaf_index INTEGER NOT NULL PRIMARY KEY REFERENCES events (leaf_index),
    told_by    INTEGER NOT NULL REFERENCES events (leaf_index)
) STRICT;

-- The leaf that tells of the erasure of this dossier's personal data.
ALTER TABLE dossiers ADD COLUMN erased_by INTEGER REFERENCES events (leaf_index);

CREATE INDEX erasures_by_event ON erasures (told_by);
CREATE INDEX dossiers_by_erasure ON dossiers (erased_by) WHERE erased_by IS NOT NULL;

DROP TRIGGER event_contents_never_go;

CREATE TRIGGER event_contents_never_go BEFORE DELETE ON event_contents
WHEN NOT EXISTS (SELECT 1 FROM erasures WHERE leaf_index = OLD.leaf_index)
BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;

CREATE TRIGGER event_contents_stay_erased BEFORE INSERT ON event_contents
WHEN EXISTS (SELECT 1 FROM erasures WHERE leaf_index = NEW.leaf_index)
BEGIN SELECT RAISE(ABORT, 'what was erased does not come back'); END;

CREATE TRIGGER erasures_never_change BEFORE UPDATE ON erasures
BEGIN SELECT RAISE(ABORT, 'erasures are never changed'); END;

CREATE TRIGGER erasures_never_go BEFORE DELETE ON erasures
BEGIN SELECT RAISE(ABORT, 'erasures are never deleted'); END;

CREATE TRIGGER erasures_come_once BEFORE INSERT ON erasures
WHEN EXISTS (SELECT 1 FROM erasures WHERE leaf_index = NEW.leaf_index)
BEGIN SELECT RAISE(ABORT, 'erasures are never changed'); END;

CREATE TRIGGER erasures_are_told BEFORE INSERT ON erasures
WHEN NOT EXISTS (SELECT 1 FROM events WHERE leaf_index = NEW.told_by AND dossier IS NULL)
BEGIN SELECT RAISE(ABORT, 'an erasure is told by an event of the log'); END;

CREATE TRIGGER nodes_never_change BEFORE UPDATE ON nodes
BEGIN SELECT RAISE(ABORT, 'nodes are never changed'); END;

CREATE TRIGGER nodes_never_go BEFORE DELETE ON nodes
BEGIN SELECT RAISE(ABORT, 'nodes are never deleted'); END;

CREATE TRIGGER nodes_come_once BEFORE INSERT ON nodes
WHEN EXISTS (SELECT 1 FROM nodes WHERE level = NEW.level AND number = NEW.number)
BEGIN SELECT RAISE(ABORT, 'nodes are never changed'); END;

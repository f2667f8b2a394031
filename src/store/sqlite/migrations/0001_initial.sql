-- The log and what is derived from it. Times are milliseconds since 1970, days are ISO dates.

-- The changes of this series that were applied, in order, and how many of them a program must know to work with the tables
-- afterwards. The newest number stands in the file's header, too.
CREATE TABLE migrations (
    number     INTEGER NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    needs      INTEGER NOT NULL CHECK (needs BETWEEN 1 AND number),
    applied_at INTEGER NOT NULL
) STRICT;

-- Facts about this database as a whole, such as the public identity of the keys it is bound to.
CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The last number given per procedure and year.
CREATE TABLE numbers (
    procedure TEXT    NOT NULL,
    year      INTEGER NOT NULL,
    last      INTEGER NOT NULL CHECK (last BETWEEN 1 AND 999999),
    PRIMARY KEY (procedure, year)
) STRICT, WITHOUT ROWID;

-- The projection: each row is what the fold of the dossier's events says, with keys to search by.
CREATE TABLE dossiers (
    sequence      INTEGER NOT NULL PRIMARY KEY,
    reference     TEXT    NOT NULL UNIQUE,
    procedure     TEXT    NOT NULL,
    version       INTEGER NOT NULL CHECK (version > 0),
    office        TEXT    NOT NULL,
    step          TEXT    NOT NULL,
    state         TEXT    NOT NULL,
    applicant     TEXT    NOT NULL,
    parcel        TEXT,
    name_key      TEXT    NOT NULL,
    parcel_key    TEXT,
    phone         TEXT,
    identity_hash BLOB    CHECK (length(identity_hash) = 32),
    registered_at INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    deposited_on  TEXT    NOT NULL,
    due_on        TEXT,
    answered_on   TEXT,
    answered_days INTEGER,
    CHECK ((answered_on IS NULL) = (answered_days IS NULL))
) STRICT;

CREATE INDEX dossiers_by_identity ON dossiers (identity_hash) WHERE identity_hash IS NOT NULL;
CREATE INDEX dossiers_by_phone ON dossiers (phone) WHERE phone IS NOT NULL;
CREATE INDEX dossiers_by_name_and_parcel ON dossiers (name_key, parcel_key) WHERE parcel_key IS NOT NULL;
CREATE INDEX dossiers_by_answer ON dossiers (procedure, answered_on, sequence, answered_days) WHERE answered_on IS NOT NULL;

-- One row per leaf of the log: nothing in it says what happened, so it can stay when a person's data must go.
CREATE TABLE events (
    leaf_index INTEGER NOT NULL PRIMARY KEY,
    dossier    INTEGER REFERENCES dossiers (sequence), -- NULL: an event of the log itself
    position   INTEGER NOT NULL,
    commitment BLOB    NOT NULL CHECK (length(commitment) = 32),
    leaf_hash  BLOB    NOT NULL CHECK (length(leaf_hash) = 32),
    UNIQUE (dossier, position)
) STRICT;

CREATE UNIQUE INDEX events_of_the_log ON events (position) WHERE dossier IS NULL;

-- What the leaf commits to.
CREATE TABLE event_contents (
    leaf_index INTEGER NOT NULL PRIMARY KEY REFERENCES events (leaf_index),
    record     BLOB    NOT NULL,
    nonce      BLOB    NOT NULL CHECK (length(nonce) = 32)
) STRICT;

-- The head after each batch that added leaves: seals name one of these.
CREATE TABLE heads (
    size INTEGER NOT NULL PRIMARY KEY CHECK (size > 0),
    root BLOB    NOT NULL CHECK (length(root) = 32)
) STRICT;

-- What the next leaf is added to: the right edge of the tree whose size and root are the newest row of `heads`.
CREATE TABLE frontier (
    only INTEGER NOT NULL PRIMARY KEY CHECK (only = 0),
    size INTEGER NOT NULL REFERENCES heads (size),
    edge BLOB    NOT NULL
) STRICT;

CREATE TABLE receipts (
    id          BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 8),
    key_id      INTEGER NOT NULL CHECK (key_id BETWEEN 0 AND 15),
    dossier     INTEGER NOT NULL REFERENCES dossiers (sequence),
    leaf_index  INTEGER NOT NULL UNIQUE REFERENCES events (leaf_index),
    issued_at   INTEGER NOT NULL,
    copies      INTEGER NOT NULL CHECK (copies >= 0),
    replaced_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX receipts_by_dossier ON receipts (dossier, leaf_index);

-- A receipt's seal, apart from the receipt because it is known only when the whole batch is.
CREATE TABLE seals (
    leaf_index INTEGER NOT NULL PRIMARY KEY REFERENCES receipts (leaf_index),
    tree_size  INTEGER NOT NULL REFERENCES heads (size),
    seal       BLOB    NOT NULL
) STRICT;

CREATE TABLE checkpoints (
    size         INTEGER NOT NULL PRIMARY KEY CHECK (size >= 0),
    note         TEXT    NOT NULL,
    published_at INTEGER NOT NULL
) STRICT;

-- What came of each named wish. The rest of the outcome is read from the log, which does not change.
CREATE TABLE idempotency (
    key         TEXT    NOT NULL PRIMARY KEY CHECK (length(CAST(key AS BLOB)) <= 64),
    fingerprint BLOB    NOT NULL CHECK (length(fingerprint) = 32),
    first_leaf  INTEGER NOT NULL REFERENCES events (leaf_index),
    last_leaf   INTEGER NOT NULL REFERENCES events (leaf_index)
) STRICT, WITHOUT ROWID;

CREATE TABLE accounts (
    name          TEXT    NOT NULL PRIMARY KEY,
    password_hash TEXT    NOT NULL,
    created_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    token_hash BLOB    NOT NULL PRIMARY KEY CHECK (length(token_hash) = 32),
    account    TEXT    NOT NULL REFERENCES accounts (name),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_by_account ON sessions (account);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE attempts (
    bucket         BLOB    NOT NULL PRIMARY KEY CHECK (length(bucket) = 32),
    failures       INTEGER NOT NULL CHECK (failures >= 0),
    window_ends_at INTEGER NOT NULL,
    locked_until   INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX attempts_by_window ON attempts (window_ends_at);

-- History is written once. The insert guards are there because INSERT OR REPLACE removes a row without a delete trigger.
CREATE TRIGGER events_never_change BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;

CREATE TRIGGER events_never_go BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;

CREATE TRIGGER events_follow_in_the_log BEFORE INSERT ON events
WHEN NEW.leaf_index <> (SELECT coalesce(max(leaf_index) + 1, 0) FROM events)
BEGIN SELECT RAISE(ABORT, 'a leaf takes the next index'); END;

CREATE TRIGGER events_follow_in_the_dossier BEFORE INSERT ON events
WHEN NEW.position <> (SELECT coalesce(max(position), 0) + 1 FROM events WHERE dossier IS NEW.dossier)
BEGIN SELECT RAISE(ABORT, 'an event takes the next position of its dossier'); END;

CREATE TRIGGER event_contents_never_change BEFORE UPDATE ON event_contents
BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;

CREATE TRIGGER event_contents_never_go BEFORE DELETE ON event_contents
BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;

CREATE TRIGGER event_contents_come_once BEFORE INSERT ON event_contents
WHEN EXISTS (SELECT 1 FROM event_contents WHERE leaf_index = NEW.leaf_index)
BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;

CREATE TRIGGER heads_never_change BEFORE UPDATE ON heads
BEGIN SELECT RAISE(ABORT, 'heads are never changed'); END;

CREATE TRIGGER heads_never_go BEFORE DELETE ON heads
BEGIN SELECT RAISE(ABORT, 'heads are never deleted'); END;

CREATE TRIGGER heads_grow BEFORE INSERT ON heads
WHEN NEW.size <= (SELECT coalesce(max(size), 0) FROM heads)
BEGIN SELECT RAISE(ABORT, 'the log only grows'); END;

CREATE TRIGGER seals_never_change BEFORE UPDATE ON seals
BEGIN SELECT RAISE(ABORT, 'seals are never changed'); END;

CREATE TRIGGER seals_never_go BEFORE DELETE ON seals
BEGIN SELECT RAISE(ABORT, 'seals are never deleted'); END;

CREATE TRIGGER seals_come_once BEFORE INSERT ON seals
WHEN EXISTS (SELECT 1 FROM seals WHERE leaf_index = NEW.leaf_index)
BEGIN SELECT RAISE(ABORT, 'seals are never changed'); END;

-- The log and what is derived from it: table for table and column for column what SQLite's series makes, so that a reader of
-- one finds his way in the other. Times are milliseconds since 1970, days are ISO dates.
--
-- Nothing names a schema: everything lands in the first schema of the connection's search_path. Text that is compared or
-- indexed has the collation "C", because an index over a language's collation breaks when the operating system's idea of
-- that language changes, for instance between a primary and its standby.

-- The changes of this series that were applied, in order, and how many of them a program must know to work with the tables
-- afterwards.
CREATE TABLE migrations (
    number     BIGINT NOT NULL PRIMARY KEY,
    name       TEXT   NOT NULL,
    needs      BIGINT NOT NULL CHECK (needs BETWEEN 1 AND number),
    applied_at BIGINT NOT NULL
);

-- Facts about this database as a whole, such as the public identity of the keys it is bound to.
CREATE TABLE meta (
    key   TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value TEXT             NOT NULL
);

-- The last number given per procedure and year.
CREATE TABLE numbers (
    procedure TEXT COLLATE "C" NOT NULL,
    year      BIGINT           NOT NULL,
    last      BIGINT           NOT NULL CHECK (last BETWEEN 1 AND 999999),
    PRIMARY KEY (procedure, year)
);

-- The projection: each row is what the fold of the dossier's events says, with keys to search by.
CREATE TABLE dossiers (
    sequence      BIGINT           NOT NULL PRIMARY KEY,
    reference     TEXT COLLATE "C" NOT NULL UNIQUE,
    procedure     TEXT COLLATE "C" NOT NULL,
    version       BIGINT           NOT NULL CHECK (version > 0),
    office        TEXT COLLATE "C" NOT NULL,
    step          TEXT COLLATE "C" NOT NULL,
    state         TEXT COLLATE "C" NOT NULL,
    applicant     TEXT             NOT NULL,
    parcel        TEXT,
    name_key      TEXT COLLATE "C" NOT NULL,
    parcel_key    TEXT COLLATE "C",
    phone         TEXT COLLATE "C",
    identity_hash BYTEA            CHECK (octet_length(identity_hash) = 32),
    registered_at BIGINT           NOT NULL,
    updated_at    BIGINT           NOT NULL,
    deposited_on  TEXT COLLATE "C" NOT NULL,
    due_on        TEXT COLLATE "C",
    answered_on   TEXT COLLATE "C",
    answered_days BIGINT,
    CHECK ((answered_on IS NULL) = (answered_days IS NULL))
);

CREATE INDEX dossiers_by_identity ON dossiers (identity_hash) WHERE identity_hash IS NOT NULL;
CREATE INDEX dossiers_by_phone ON dossiers (phone) WHERE phone IS NOT NULL;
CREATE INDEX dossiers_by_name_and_parcel ON dossiers (name_key, parcel_key) WHERE parcel_key IS NOT NULL;
CREATE INDEX dossiers_by_answer ON dossiers (procedure, answered_on, sequence, answered_days) WHERE answered_on IS NOT NULL;

-- One row per leaf of the log: nothing in it says what happened, so it can stay when a person's data must go.
CREATE TABLE events (
    leaf_index BIGINT NOT NULL PRIMARY KEY CHECK (leaf_index >= 0),
    dossier    BIGINT REFERENCES dossiers (sequence), -- NULL: an event of the log itself
    position   BIGINT NOT NULL,
    commitment BYTEA  NOT NULL CHECK (octet_length(commitment) = 32),
    leaf_hash  BYTEA  NOT NULL CHECK (octet_length(leaf_hash) = 32),
    UNIQUE (dossier, position)
);

CREATE UNIQUE INDEX events_of_the_log ON events (position) WHERE dossier IS NULL;

-- What the leaf commits to.
CREATE TABLE event_contents (
    leaf_index BIGINT NOT NULL PRIMARY KEY REFERENCES events (leaf_index),
    record     BYTEA  NOT NULL,
    nonce      BYTEA  NOT NULL CHECK (octet_length(nonce) = 32)
);

-- The head after each batch that added leaves: seals name one of these.
CREATE TABLE heads (
    size BIGINT NOT NULL PRIMARY KEY CHECK (size > 0),
    root BYTEA  NOT NULL CHECK (octet_length(root) = 32)
);

-- What the next leaf is added to: the right edge of the tree whose size and root are the newest row of `heads`. The one row
-- is there from the beginning, because whoever writes to the log locks it first.
CREATE TABLE frontier (
    "only" BIGINT NOT NULL PRIMARY KEY CHECK ("only" = 0),
    size   BIGINT NOT NULL CHECK (size >= 0),
    edge   BYTEA  NOT NULL
);

INSERT INTO frontier ("only", size, edge) VALUES (0, 0, '\x0000000000000000');

CREATE TABLE receipts (
    id          BYTEA  NOT NULL PRIMARY KEY CHECK (octet_length(id) = 8),
    key_id      BIGINT NOT NULL CHECK (key_id BETWEEN 0 AND 15),
    dossier     BIGINT NOT NULL REFERENCES dossiers (sequence),
    leaf_index  BIGINT NOT NULL UNIQUE REFERENCES events (leaf_index),
    issued_at   BIGINT NOT NULL,
    copies      BIGINT NOT NULL CHECK (copies >= 0),
    replaced_at BIGINT
);

CREATE INDEX receipts_by_dossier ON receipts (dossier, leaf_index);

-- A receipt's seal, apart from the receipt because it is known only when the whole batch is.
CREATE TABLE seals (
    leaf_index BIGINT NOT NULL PRIMARY KEY REFERENCES receipts (leaf_index),
    tree_size  BIGINT NOT NULL REFERENCES heads (size),
    seal       BYTEA  NOT NULL
);

CREATE TABLE checkpoints (
    size         BIGINT NOT NULL PRIMARY KEY CHECK (size >= 0),
    note         TEXT   NOT NULL,
    published_at BIGINT NOT NULL
);

-- What came of each named wish. The rest of the outcome is read from the log, which does not change.
CREATE TABLE idempotency (
    key         TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (octet_length(key) <= 64),
    fingerprint BYTEA            NOT NULL CHECK (octet_length(fingerprint) = 32),
    first_leaf  BIGINT           NOT NULL REFERENCES events (leaf_index),
    last_leaf   BIGINT           NOT NULL REFERENCES events (leaf_index)
);

-- The last day's transactions on the log, each under a random name that its writer chose. A writer that lost its connection
-- while it committed finds its name here, or finds that it is missing.
CREATE TABLE batches (
    id BYTEA  NOT NULL PRIMARY KEY CHECK (octet_length(id) = 16),
    at BIGINT NOT NULL
);

CREATE INDEX batches_by_time ON batches (at);

CREATE TABLE accounts (
    name          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    password_hash TEXT             NOT NULL,
    created_at    BIGINT           NOT NULL
);

CREATE TABLE sessions (
    token_hash BYTEA            NOT NULL PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    account    TEXT COLLATE "C" NOT NULL REFERENCES accounts (name),
    created_at BIGINT           NOT NULL,
    expires_at BIGINT           NOT NULL
);

CREATE INDEX sessions_by_account ON sessions (account);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE attempts (
    bucket         BYTEA  NOT NULL PRIMARY KEY CHECK (octet_length(bucket) = 32),
    failures       BIGINT NOT NULL CHECK (failures >= 0),
    window_ends_at BIGINT NOT NULL,
    locked_until   BIGINT
);

CREATE INDEX attempts_by_window ON attempts (window_ends_at);

-- History is written once. The functions keep the search_path of this moment, so that they look at these tables whoever
-- writes; the triggers are ENABLE ALWAYS, so that a session cannot put itself beyond them by calling itself a replica.
CREATE FUNCTION history_never_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% are never %', TG_TABLE_NAME, CASE TG_OP WHEN 'UPDATE' THEN 'changed' ELSE 'deleted' END
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE FUNCTION events_follow() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.leaf_index <> (SELECT coalesce(max(leaf_index) + 1, 0) FROM events) THEN
        RAISE EXCEPTION 'a leaf takes the next index' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.dossier IS NULL THEN
        IF NEW.position <> (SELECT coalesce(max(position), 0) + 1 FROM events WHERE dossier IS NULL) THEN
            RAISE EXCEPTION 'an event takes the next position of the log' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    ELSIF NEW.position <> (SELECT coalesce(max(position), 0) + 1 FROM events WHERE dossier = NEW.dossier) THEN
        RAISE EXCEPTION 'an event takes the next position of its dossier' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION heads_grow() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.size <= (SELECT coalesce(max(size), 0) FROM heads) THEN
        RAISE EXCEPTION 'the log only grows' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER events_never_change BEFORE UPDATE OR DELETE ON events
FOR EACH ROW EXECUTE FUNCTION history_never_changes();
CREATE TRIGGER events_never_go BEFORE TRUNCATE ON events
FOR EACH STATEMENT EXECUTE FUNCTION history_never_changes();
CREATE TRIGGER events_follow BEFORE INSERT ON events
FOR EACH ROW EXECUTE FUNCTION events_follow();

CREATE TRIGGER event_contents_never_change BEFORE UPDATE OR DELETE ON event_contents
FOR EACH ROW EXECUTE FUNCTION history_never_changes();
CREATE TRIGGER event_contents_never_go BEFORE TRUNCATE ON event_contents
FOR EACH STATEMENT EXECUTE FUNCTION history_never_changes();

CREATE TRIGGER heads_never_change BEFORE UPDATE OR DELETE ON heads
FOR EACH ROW EXECUTE FUNCTION history_never_changes();
CREATE TRIGGER heads_never_go BEFORE TRUNCATE ON heads
FOR EACH STATEMENT EXECUTE FUNCTION history_never_changes();
CREATE TRIGGER heads_grow BEFORE INSERT ON heads
FOR EACH ROW EXECUTE FUNCTION heads_grow();

CREATE TRIGGER seals_never_change BEFORE UPDATE OR DELETE ON seals
FOR EACH ROW EXECUTE FUNCTION history_never_changes();
CREATE TRIGGER seals_never_go BEFORE TRUNCATE ON seals
FOR EACH STATEMENT EXECUTE FUNCTION history_never_changes();

ALTER TABLE events ENABLE ALWAYS TRIGGER events_never_change;
ALTER TABLE events ENABLE ALWAYS TRIGGER events_never_go;
ALTER TABLE events ENABLE ALWAYS TRIGGER events_follow;
ALTER TABLE event_contents ENABLE ALWAYS TRIGGER event_contents_never_change;
ALTER TABLE event_contents ENABLE ALWAYS TRIGGER event_contents_never_go;
ALTER TABLE heads ENABLE ALWAYS TRIGGER heads_never_change;
ALTER TABLE heads ENABLE ALWAYS TRIGGER heads_never_go;
ALTER TABLE heads ENABLE ALWAYS TRIGGER heads_grow;
ALTER TABLE seals ENABLE ALWAYS TRIGGER seals_never_change;
ALTER TABLE seals ENABLE ALWAYS TRIGGER seals_never_go;

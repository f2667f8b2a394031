-- What an auditor needs beside the log itself: stored nodes of the tree, cosignatures, roles, and an erasure that the log
-- tells of.

-- Hashes of perfect subtrees at every fourth level: the one at `level` 4, 8, 12 … and `number` stands over the leaves from
-- `number << level` on. Each is written once, with the leaf that completes it; level 0 is the leaves' own table. A proof needs
-- at most sixteen neighbours of each of these levels, and a tile of 256 is a run of them.
CREATE TABLE nodes (
    level  BIGINT NOT NULL CHECK (level > 0 AND level % 4 = 0),
    number BIGINT NOT NULL CHECK (number >= 0),
    hash   BYTEA  NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (level, number)
);

-- Who else has seen a published checkpoint. `line` is the signature line of the note, `at` the witness's own time in seconds.
CREATE TABLE cosignatures (
    size        BIGINT           NOT NULL REFERENCES checkpoints (size),
    witness     TEXT COLLATE "C" NOT NULL,
    line        TEXT             NOT NULL,
    at          BIGINT           NOT NULL,
    received_at BIGINT           NOT NULL,
    PRIMARY KEY (size, witness)
);

CREATE INDEX cosignatures_by_witness ON cosignatures (witness, size);

ALTER TABLE accounts ADD COLUMN role TEXT NOT NULL DEFAULT 'desk' CHECK (role IN ('desk', 'manager', 'auditor'));

-- Leaves whose record and nonce were erased, each with the leaf of the log's own event that tells of it. The row comes first;
-- without it the database refuses to delete.
CREATE TABLE erasures (
    leaf_index BIGINT NOT NULL PRIMARY KEY REFERENCES events (leaf_index),
    told_by    BIGINT NOT NULL REFERENCES events (leaf_index)
);

-- The leaf that tells of the erasure of this dossier's personal data.
ALTER TABLE dossiers ADD COLUMN erased_by BIGINT REFERENCES events (leaf_index);

CREATE INDEX erasures_by_event ON erasures (told_by);
CREATE INDEX dossiers_by_erasure ON dossiers (erased_by) WHERE erased_by IS NOT NULL;

CREATE FUNCTION event_contents_go_when_erased() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM erasures WHERE leaf_index = OLD.leaf_index) THEN
        RAISE EXCEPTION 'event_contents are never deleted' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN OLD;
END $$;

CREATE FUNCTION event_contents_stay_erased() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM erasures WHERE leaf_index = NEW.leaf_index) THEN
        RAISE EXCEPTION 'what was erased does not come back' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION erasures_are_told() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM events WHERE leaf_index = NEW.told_by AND dossier IS NULL) THEN
        RAISE EXCEPTION 'an erasure is told by an event of the log' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

DROP TRIGGER event_contents_never_change ON event_contents;
CREATE TRIGGER event_contents_never_change BEFORE UPDATE ON event_contents
FOR EACH ROW EXECUTE FUNCTION history_never_changes();
CREATE TRIGGER event_contents_go_when_erased BEFORE DELETE ON event_contents
FOR EACH ROW EXECUTE FUNCTION event_contents_go_when_erased();
CREATE TRIGGER event_contents_stay_erased BEFORE INSERT ON event_contents
FOR EACH ROW EXECUTE FUNCTION event_contents_stay_erased();

CREATE TRIGGER erasures_never_change BEFORE UPDATE OR DELETE ON erasures
FOR EACH ROW EXECUTE FUNCTION history_never_changes();
CREATE TRIGGER erasures_never_go BEFORE TRUNCATE ON erasures
FOR EACH STATEMENT EXECUTE FUNCTION history_never_changes();
CREATE TRIGGER erasures_are_told BEFORE INSERT ON erasures
FOR EACH ROW EXECUTE FUNCTION erasures_are_told();

CREATE TRIGGER nodes_never_change BEFORE UPDATE OR DELETE ON nodes
FOR EACH ROW EXECUTE FUNCTION history_never_changes();
CREATE TRIGGER nodes_never_go BEFORE TRUNCATE ON nodes
FOR EACH STATEMENT EXECUTE FUNCTION history_never_changes();

ALTER TABLE event_contents ENABLE ALWAYS TRIGGER event_contents_never_change;
ALTER TABLE event_contents ENABLE ALWAYS TRIGGER event_contents_go_when_erased;
ALTER TABLE event_contents ENABLE ALWAYS TRIGGER event_contents_stay_erased;
ALTER TABLE erasures ENABLE ALWAYS TRIGGER erasures_never_change;
ALTER TABLE erasures ENABLE ALWAYS TRIGGER erasures_never_go;
ALTER TABLE erasures ENABLE ALWAYS TRIGGER erasures_are_told;
ALTER TABLE nodes ENABLE ALWAYS TRIGGER nodes_never_change;
ALTER TABLE nodes ENABLE ALWAYS TRIGGER nodes_never_go;

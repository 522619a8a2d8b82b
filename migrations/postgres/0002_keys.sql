-- Master keys by id; their bytes are never in the database. What a key wraps or hashes refers to
-- it, so the database itself refuses to remove one that is needed.
CREATE TABLE master_keys (
    id           TEXT PRIMARY KEY,
    -- announced: to be loaded by all, used by nobody; current: all that is new; retiring: what
    -- is old; dropped: nothing, and the id is not used again
    state        TEXT NOT NULL,
    -- By this a process sees that it holds the same bytes under this id.
    check_hash   BYTEA,
    since        BIGINT NOT NULL,
    -- When all that could be moved to it had been moved; NULL: a rotation is not finished.
    completed_at BIGINT
);
CREATE UNIQUE INDEX master_keys_one_announced ON master_keys (state) WHERE state = 'announced';
CREATE UNIQUE INDEX master_keys_one_current ON master_keys (state) WHERE state = 'current';
INSERT INTO master_keys (id, state, since)
    SELECT DISTINCT key_id, 'retiring', 0 FROM reports WHERE wrapped_key IS NOT NULL;

-- The processes that serve, and which master keys each has loaded.
CREATE TABLE instances (
    id             TEXT PRIMARY KEY,
    name           TEXT NOT NULL,
    key_ids        TEXT NOT NULL,
    current_key_id TEXT NOT NULL,
    seen_at        BIGINT NOT NULL
);

-- Keys of the service itself, for what belongs to no report; the newest of a purpose is used.
CREATE TABLE service_keys (
    id          TEXT PRIMARY KEY,
    purpose     TEXT NOT NULL,
    number      BIGINT NOT NULL,
    key_id      TEXT NOT NULL REFERENCES master_keys (id),
    wrapped_key BYTEA NOT NULL,
    made_at     BIGINT NOT NULL,
    UNIQUE (purpose, number)
);

-- The data key and the look-up hashes of a report hang on one master key (NULL once erased), the
-- follow-up secret on another for as long as its request may be repeated (NULL after that).
ALTER TABLE reports ADD COLUMN wrap_key_id TEXT REFERENCES master_keys (id);
ALTER TABLE reports ADD COLUMN secret_key_id TEXT REFERENCES master_keys (id);
UPDATE reports SET wrap_key_id = key_id WHERE wrapped_key IS NOT NULL;
UPDATE reports SET secret_key_id = key_id
    WHERE wrapped_key IS NOT NULL AND idempotency_key IS NOT NULL;
ALTER TABLE reports DROP COLUMN key_id;
ALTER TABLE reports RENAME COLUMN wrap_key_id TO key_id;
CREATE INDEX reports_repeatable ON reports (received_at) WHERE secret_key_id IS NOT NULL;

-- Dates of a person are erased with the rest.
UPDATE reports SET permit_expires_on = NULL, arrived_on = NULL WHERE erased_at IS NOT NULL;

-- The reason is sealed with the report's key. The program moves what stands in the clear at its
-- next start, and the old column stays empty.
ALTER TABLE case_steps ADD COLUMN sealed_reason BYTEA;
CREATE INDEX case_steps_in_clear ON case_steps (id) WHERE reason IS NOT NULL;

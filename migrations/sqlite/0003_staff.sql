-- Browsers that signed in to an account before, by the hash of their token. One grants a
-- budget of tries of its own, and nothing else.
CREATE TABLE devices (
    token_hash BLOB PRIMARY KEY,
    staff_id   TEXT NOT NULL REFERENCES staff (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL
);
CREATE INDEX devices_by_staff ON devices (staff_id, seen_at);
CREATE INDEX devices_by_age ON devices (seen_at);

ALTER TABLE staff ADD COLUMN signed_in_at BIGINT;

-- From here on an entry's hash is keyed: `key_id` names the service key. It is NULL in entries
-- that were written before. `shown` holds the ids of the reports that a list showed, 16 bytes each.
ALTER TABLE audit ADD COLUMN key_id TEXT REFERENCES service_keys (id);
ALTER TABLE audit ADD COLUMN shown BLOB;

-- Failed sign-ins by hour, network and account. An empty `staff_id` stands for addresses that no
-- account has, an empty `network_hash` for the networks that found no row left in that hour.
CREATE TABLE failed_sign_ins (
    hour_at        BIGINT NOT NULL,
    staff_id       TEXT NOT NULL,
    network_hash   BLOB NOT NULL,
    times          BIGINT NOT NULL,
    last_at        BIGINT NOT NULL,
    key_id         TEXT NOT NULL REFERENCES service_keys (id),
    sealed_network BLOB,
    PRIMARY KEY (hour_at, staff_id, network_hash)
);

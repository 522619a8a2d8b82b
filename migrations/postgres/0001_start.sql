-- Times are whole milliseconds since 1970. Both databases have the same tables.

CREATE TABLE runs (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    flow       TEXT NOT NULL,
    engine     TEXT NOT NULL,
    vantage    TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at   BIGINT NOT NULL,
    outcome    TEXT NOT NULL,
    detail     TEXT,
    report     TEXT,
    UNIQUE (flow, engine, vantage, started_at)
);
CREATE INDEX runs_by_time ON runs (started_at);

CREATE TABLE observations (
    run_id     BIGINT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    component  TEXT NOT NULL,
    flow       TEXT NOT NULL,
    engine     TEXT NOT NULL,
    vantage    TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at   BIGINT NOT NULL,
    outcome    TEXT NOT NULL,
    detail     TEXT,
    PRIMARY KEY (run_id, component)
);
CREATE INDEX observations_by_component ON observations (component, started_at);

-- What a failing step met; failures are kept as long as outages are.
CREATE TABLE failures (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id      BIGINT,
    component   TEXT NOT NULL,
    flow        TEXT NOT NULL,
    vantage     TEXT NOT NULL,
    step        TEXT NOT NULL,
    seen_at     BIGINT NOT NULL,
    fault       TEXT NOT NULL,
    status      BIGINT,
    message     TEXT,
    pattern     TEXT,
    fingerprint TEXT,
    title       TEXT,
    front_end   TEXT
);
CREATE INDEX failures_by_component ON failures (component, seen_at);
CREATE INDEX failures_by_run ON failures (run_id);

CREATE TABLE evidence (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id     BIGINT NOT NULL,
    component  TEXT NOT NULL,
    step       TEXT NOT NULL,
    kind       TEXT NOT NULL,
    sha256     TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size       BIGINT NOT NULL,
    kept_at    BIGINT NOT NULL
);
CREATE INDEX evidence_by_run ON evidence (run_id);
CREATE INDEX evidence_by_hash ON evidence (sha256);
CREATE INDEX evidence_by_component ON evidence (component, kept_at);

-- The detector of each component, as it stood after the newest observation.
CREATE TABLE watches (
    component  TEXT PRIMARY KEY,
    state      TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE outages (
    id           TEXT PRIMARY KEY,
    component    TEXT NOT NULL,
    severity     TEXT NOT NULL,
    worst        TEXT NOT NULL,
    intermittent BOOLEAN NOT NULL,
    planned      BOOLEAN NOT NULL,
    began_at     BIGINT NOT NULL,
    confirmed_at BIGINT NOT NULL,
    ended_at     BIGINT,
    closed_at    BIGINT,
    down_ms      BIGINT NOT NULL,
    fault        TEXT,
    diagnosis    TEXT,
    flow         TEXT NOT NULL,
    step         TEXT NOT NULL,
    version      BIGINT NOT NULL
);
CREATE UNIQUE INDEX outages_one_open ON outages (component) WHERE ended_at IS NULL;
CREATE INDEX outages_by_begin ON outages (began_at);
CREATE INDEX outages_by_component ON outages (component, began_at);

CREATE TABLE outage_updates (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    outage_id   TEXT NOT NULL REFERENCES outages (id) ON DELETE CASCADE,
    at          BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    effect      TEXT NOT NULL
);
CREATE INDEX outage_updates_by_outage ON outage_updates (outage_id, id);

-- The newest word on each size and kind of upload.
CREATE TABLE rungs (
    flow     TEXT NOT NULL,
    step     TEXT NOT NULL,
    vantage  TEXT NOT NULL,
    kind     TEXT NOT NULL,
    size     BIGINT NOT NULL,
    accepted BOOLEAN NOT NULL,
    allowed  BOOLEAN NOT NULL,
    seen_at  BIGINT NOT NULL,
    PRIMARY KEY (flow, step, vantage, kind, size)
);

-- Spans in which the monitor itself was blind.
CREATE TABLE gaps (
    id       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    vantage  TEXT NOT NULL,
    why      TEXT NOT NULL,
    began_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE UNIQUE INDEX gaps_one_open ON gaps (vantage, why) WHERE ended_at IS NULL;
CREATE INDEX gaps_by_begin ON gaps (began_at);

CREATE TABLE maintenance (
    id         TEXT PRIMARY KEY,
    component  TEXT,
    from_at    BIGINT NOT NULL,
    until_at   BIGINT NOT NULL,
    title_id   TEXT NOT NULL,
    title_en   TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL
);
CREATE INDEX maintenance_by_end ON maintenance (until_at);

CREATE TABLE rollup_hours (
    component    TEXT NOT NULL,
    hour_at      BIGINT NOT NULL,
    passed       BIGINT NOT NULL,
    slow         BIGINT NOT NULL,
    failed       BIGINT NOT NULL,
    not_reached  BIGINT NOT NULL,
    inconclusive BIGINT NOT NULL,
    PRIMARY KEY (component, hour_at)
);

CREATE TABLE rollup_days (
    component    TEXT NOT NULL,
    day          TEXT NOT NULL,
    passed       BIGINT NOT NULL,
    slow         BIGINT NOT NULL,
    failed       BIGINT NOT NULL,
    not_reached  BIGINT NOT NULL,
    inconclusive BIGINT NOT NULL,
    PRIMARY KEY (component, day)
);

-- What is to be sent, written in the transaction of what caused it.
CREATE TABLE outbox (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    once_key    TEXT NOT NULL UNIQUE,
    target      TEXT NOT NULL,
    payload     TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    due_at      BIGINT NOT NULL,
    attempts    BIGINT NOT NULL,
    claimed_until BIGINT NOT NULL,
    sent_at     BIGINT,
    given_up_at BIGINT,
    last_error  TEXT
);
CREATE INDEX outbox_due ON outbox (due_at) WHERE sent_at IS NULL AND given_up_at IS NULL;

-- Personal data stands in the columns `sealed_…`, encrypted with the report's own key,
-- which stands wrapped by a master key in `wrapped_key`.
CREATE TABLE reports (
    id                 TEXT PRIMARY KEY,
    reference          TEXT NOT NULL UNIQUE,
    secret_hash        BYTEA NOT NULL,
    idempotency_key    TEXT UNIQUE,
    request_hash       BYTEA,
    received_at        BIGINT NOT NULL,
    key_id             TEXT NOT NULL,
    wrapped_key        BYTEA,
    role               TEXT NOT NULL,
    office             TEXT NOT NULL,
    component          TEXT NOT NULL,
    permit_type        TEXT NOT NULL,
    permit_expires_on  TEXT,
    arrived_on         TEXT,
    first_tried_at     BIGINT NOT NULL,
    last_tried_at      BIGINT NOT NULL,
    tries              BIGINT NOT NULL,
    checked_connection BOOLEAN NOT NULL,
    checked_size       BOOLEAN NOT NULL,
    checked_device     BOOLEAN NOT NULL,
    submitted          TEXT NOT NULL,
    state              TEXT NOT NULL,
    finding            TEXT NOT NULL,
    outage_id          TEXT,
    passport_hash      BYTEA NOT NULL,
    email_hash         BYTEA,
    phone_hash         BYTEA,
    sealed_name        BYTEA,
    sealed_nationality BYTEA,
    sealed_passport    BYTEA,
    sealed_email       BYTEA,
    sealed_phone       BYTEA,
    sealed_message     BYTEA,
    sealed_billing     BYTEA,
    language           TEXT NOT NULL,
    erase_at           BIGINT NOT NULL,
    erased_at          BIGINT
);
CREATE INDEX reports_by_passport ON reports (passport_hash);
CREATE INDEX reports_by_office ON reports (office, state, permit_expires_on);
CREATE INDEX reports_by_component ON reports (component, received_at);
CREATE INDEX reports_by_time ON reports (received_at);
CREATE INDEX reports_by_erasure ON reports (erase_at) WHERE erased_at IS NULL;

CREATE TABLE attempts (
    report_id TEXT NOT NULL REFERENCES reports (id) ON DELETE CASCADE,
    tried_at  BIGINT NOT NULL,
    PRIMARY KEY (report_id, tried_at)
);

-- Screenshots: files encrypted with the report's key.
CREATE TABLE screenshots (
    report_id  TEXT NOT NULL REFERENCES reports (id) ON DELETE CASCADE,
    number     BIGINT NOT NULL,
    sha256     TEXT NOT NULL,
    file       TEXT NOT NULL,
    media_type TEXT NOT NULL,
    width      BIGINT NOT NULL,
    height     BIGINT NOT NULL,
    size       BIGINT NOT NULL,
    PRIMARY KEY (report_id, number)
);

CREATE TABLE staff (
    id            TEXT PRIMARY KEY,
    email         TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    role          TEXT NOT NULL,
    office        TEXT,
    created_at    BIGINT NOT NULL,
    disabled_at   BIGINT
);

CREATE TABLE sessions (
    token_hash BYTEA PRIMARY KEY,
    staff_id   TEXT NOT NULL REFERENCES staff (id) ON DELETE CASCADE,
    csrf       TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE case_steps (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    report_id  TEXT NOT NULL REFERENCES reports (id) ON DELETE CASCADE,
    from_state TEXT NOT NULL,
    to_state   TEXT NOT NULL,
    at         BIGINT NOT NULL,
    staff_id   TEXT NOT NULL,
    reason     TEXT
);
CREATE INDEX case_steps_by_report ON case_steps (report_id, id);

-- Who looked at what, chained by hash.
CREATE TABLE audit (
    id        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at        BIGINT NOT NULL,
    staff_id  TEXT NOT NULL,
    action    TEXT NOT NULL,
    report_id TEXT,
    previous  TEXT NOT NULL UNIQUE,
    hash      TEXT NOT NULL
);

CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- For people and dashboards: times as times.
CREATE VIEW outages_readable AS
SELECT id, component, severity, worst, intermittent, planned, fault, flow, step,
       to_timestamp(began_at / 1000.0) AS began_at,
       to_timestamp(ended_at / 1000.0) AS ended_at,
       down_ms
FROM outages;

CREATE VIEW runs_readable AS
SELECT id, flow, engine, vantage, outcome, detail,
       to_timestamp(started_at / 1000.0) AS started_at,
       to_timestamp(ended_at / 1000.0) AS ended_at
FROM runs;

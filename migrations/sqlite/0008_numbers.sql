-- Runs are ordered by a number of their vantage's: clocks are set, forward and back. Those that
-- are here already have the order in which they were recorded.
CREATE TABLE vantages (
    name   TEXT PRIMARY KEY,
    starts BIGINT NOT NULL
);

-- SQLite cannot drop a constraint, so both tables are written anew.
DROP INDEX runs_by_time;
DROP INDEX observations_by_component;
ALTER TABLE runs RENAME TO old_runs;
CREATE TABLE runs (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    flow       TEXT NOT NULL,
    engine     TEXT NOT NULL,
    vantage    TEXT NOT NULL,
    number     BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at   BIGINT NOT NULL,
    outcome    TEXT NOT NULL,
    detail     TEXT,
    report     TEXT,
    UNIQUE (vantage, number)
);
INSERT INTO runs (id, flow, engine, vantage, number, started_at, ended_at, outcome, detail, report)
SELECT id, flow, engine, vantage, id, started_at, ended_at, outcome, detail, report FROM old_runs;
CREATE INDEX runs_by_time ON runs (started_at);
CREATE INDEX runs_by_flow ON runs (flow, engine, started_at);

CREATE TABLE new_observations (
    run_id     BIGINT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    component  TEXT NOT NULL,
    flow       TEXT NOT NULL,
    engine     TEXT NOT NULL,
    vantage    TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at   BIGINT NOT NULL,
    outcome    TEXT NOT NULL,
    detail     TEXT,
    decided_at BIGINT,
    PRIMARY KEY (run_id, component)
);
INSERT INTO new_observations (run_id, component, flow, engine, vantage, started_at, ended_at,
    outcome, detail, decided_at)
SELECT run_id, component, flow, engine, vantage, started_at, ended_at, outcome, detail, decided_at
FROM observations;
DROP TABLE observations;
ALTER TABLE new_observations RENAME TO observations;
CREATE INDEX observations_by_component ON observations (component, started_at);
DROP TABLE old_runs;

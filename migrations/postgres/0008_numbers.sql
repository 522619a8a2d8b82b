-- Runs are ordered by a number of their vantage's: clocks are set, forward and back. Those that
-- are here already have the order in which they were recorded.
CREATE TABLE vantages (
    name   TEXT PRIMARY KEY,
    starts BIGINT NOT NULL
);

ALTER TABLE runs ADD COLUMN number BIGINT;
UPDATE runs SET number = id;
ALTER TABLE runs ALTER COLUMN number SET NOT NULL;
ALTER TABLE runs DROP CONSTRAINT runs_flow_engine_vantage_started_at_key;
ALTER TABLE runs ADD CONSTRAINT runs_vantage_number_key UNIQUE (vantage, number);
CREATE INDEX runs_by_flow ON runs (flow, engine, started_at);

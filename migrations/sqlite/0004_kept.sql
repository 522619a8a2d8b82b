-- Files whose rows are gone, until they are gone too. Written in the transaction that removes the
-- rows, so that nothing is forgotten where the process ends in between.
CREATE TABLE files_to_delete (
    id   INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    name TEXT NOT NULL
);
CREATE INDEX files_to_delete_by_kind ON files_to_delete (kind, id);
CREATE INDEX screenshots_by_file ON screenshots (file);
CREATE INDEX evidence_by_time ON evidence (kept_at);
CREATE INDEX outbox_by_creation ON outbox (created_at);
CREATE INDEX rollup_hours_by_time ON rollup_hours (hour_at);

-- Which files belong to this database: a folder that names another is not swept.
INSERT INTO settings (name, value) VALUES ('database_id', lower(hex(randomblob(16))));

-- Hours are removed in time. When the first of them was outlasts them.
INSERT INTO settings (name, value)
SELECT 'watched_since', CAST(MIN(known.at) AS TEXT)
FROM (
    SELECT MIN(hour_at) AS at FROM rollup_hours
    UNION ALL
    -- Where hours were removed already, the first day is what is left.
    SELECT first.at FROM (SELECT CAST(strftime('%s', MIN(day)) AS INTEGER) * 1000 AS at FROM rollup_days) AS first
    WHERE first.at < COALESCE((SELECT MIN(hour_at) FROM rollup_hours), first.at + 86400001) - 86400000
) AS known
HAVING MIN(known.at) IS NOT NULL;

-- When a report is to be judged again; NULL where nothing is expected to change.
ALTER TABLE reports ADD COLUMN reevaluate_at BIGINT;
UPDATE reports SET reevaluate_at = 0 WHERE erased_at IS NULL;
CREATE INDEX reports_by_reevaluation ON reports (reevaluate_at, id) WHERE reevaluate_at IS NOT NULL;
CREATE INDEX reports_by_last_try ON reports (last_tried_at, id);

-- Spans in which what we observed has changed: reports with tries in them are judged again, up to
-- the one that is named.
CREATE TABLE reevaluations (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    from_at  BIGINT NOT NULL,
    until_at BIGINT NOT NULL,
    after_at BIGINT NOT NULL,
    after_id TEXT NOT NULL
);

-- What was known of the case when this step was taken.
ALTER TABLE case_steps ADD COLUMN finding TEXT;
UPDATE case_steps SET finding = (SELECT finding FROM reports WHERE reports.id = case_steps.report_id)
WHERE to_state IN ('processed', 'returned');

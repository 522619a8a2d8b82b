-- What flows and steps are called, as the newest run says. `known_as` is what rows of failures,
-- evidence, rungs and outages have as `step`: the step's key, or a name that stood in its place
-- before the step had a key; empty for the flow itself.
CREATE TABLE names (
    flow     TEXT NOT NULL,
    known_as TEXT NOT NULL,
    step_key TEXT NOT NULL,
    name_id  TEXT NOT NULL,
    name_en  TEXT NOT NULL,
    PRIMARY KEY (flow, known_as)
);

-- For people and dashboards: the step as it is called in English.
CREATE OR REPLACE VIEW outages_readable AS
SELECT o.id, o.component, o.severity, o.worst, o.intermittent, o.planned, o.fault, o.flow, o.step,
       to_timestamp(o.began_at / 1000.0) AS began_at,
       to_timestamp(o.ended_at / 1000.0) AS ended_at,
       o.down_ms,
       COALESCE(current.name_en, o.step) AS step_name
FROM outages o
LEFT JOIN names known ON known.flow = o.flow AND known.known_as = o.step
LEFT JOIN names current ON current.flow = known.flow AND current.known_as = known.step_key;

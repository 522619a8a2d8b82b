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

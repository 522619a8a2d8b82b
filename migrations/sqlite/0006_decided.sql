-- When the step started that decided what a run says of a component: outages begin and end at it.
-- Keys and order of runs stay with the run's own start. NULL: written before, when that was meant.
ALTER TABLE observations ADD COLUMN decided_at BIGINT;

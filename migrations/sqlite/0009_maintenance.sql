-- Windows that were announced together, and where the site's owner announced them.
ALTER TABLE maintenance ADD COLUMN series TEXT;
ALTER TABLE maintenance ADD COLUMN notice_url TEXT;
UPDATE maintenance SET series = id;
CREATE INDEX maintenance_by_series ON maintenance (series);

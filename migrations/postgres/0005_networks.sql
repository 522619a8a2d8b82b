-- A keyed hash of the network that a report came from (an IPv4 /24, an IPv6 /48), so that an office
-- sees what came from one place; NULL once the report is erased.
ALTER TABLE reports ADD COLUMN network_hash BYTEA;
CREATE INDEX reports_by_network ON reports (network_hash, received_at)
    WHERE network_hash IS NOT NULL;

-- How many pictures came with the report and were not kept, and why: disk, day.
ALTER TABLE reports ADD COLUMN pictures_left_out BIGINT NOT NULL DEFAULT 0;
ALTER TABLE reports ADD COLUMN pictures_left_out_for TEXT;

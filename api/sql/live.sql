-- How far each projection's tables are, for live updates.

-- name: positions
SELECT c.projection, c.topic, c.partition, c.next_offset
FROM projections AS p
JOIN projection_checkpoints AS c ON c.projection = p.name AND c.version = p.version;

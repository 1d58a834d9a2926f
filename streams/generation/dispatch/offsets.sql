-- name: claim
-- The row lock makes two consumers of a partition take turns: the second finds what the first did.
INSERT INTO dispatcher_offsets (consumer, topic, partition, next_offset)
VALUES (%(consumer)s, %(topic)s, %(partition)s, 0)
ON CONFLICT (consumer, topic, partition)
DO UPDATE SET next_offset = dispatcher_offsets.next_offset
RETURNING next_offset

-- name: store
UPDATE dispatcher_offsets SET next_offset = %(next_offset)s
WHERE consumer = %(consumer)s AND topic = %(topic)s AND partition = %(partition)s

-- name: of_topic
SELECT partition, next_offset FROM dispatcher_offsets
WHERE consumer = %(consumer)s AND topic = %(topic)s

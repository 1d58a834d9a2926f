-- pgvector is no trusted extension: only the administrator can add it. What is in the template is
-- in every database made from it.
CREATE EXTENSION IF NOT EXISTS vector

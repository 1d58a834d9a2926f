"""Routes, one module a domain."""

# Written into every router of the versioned API: a route then knows its whole template, by which
# requests are measured.
V1 = "/api/v1"

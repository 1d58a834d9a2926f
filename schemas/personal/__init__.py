"""Personal fields: sealed with a key per person on their way into the log, and erasable.

A schema marks a field `"personal": "<field that names the person>"`. Whoever publishes seals such
fields (`sealer`); the log, and everything folded from it, has only sealed text (`sealed`). The keys
are rows of one table (`keys`): without a person's row nobody can read what was sealed for that
person. `opener` reads for those who may. docs/privacy.md is the page about it.
"""

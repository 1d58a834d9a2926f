"""Who is expected to be let in where: by groups of addresses, without a look at the table."""

from __future__ import annotations

CALLERS = (
    "page", "user", "creator", "owner", "moderator", "admin", "installation",
    "reading key", "publishing key", "admin's key", "suspended",
)  # fmt: skip

# in: neither 401 nor 403, and no thing is hidden. ok: the same, and the thing is there.
# The columns are CALLERS: page, user, creator, owner, moderator, admin, installation;
# the owner's keys for reading and for publishing, the administrator's; a suspended user's key.
EXPECTED = {
    "open":            "in  in  in  in  in  in  in  in  in  in  in",
    "read":            "in  in  in  in  in  in  in  in  403 in  403",
    "spend":           "in  403 in  in  in  in  in  in  403 in  403",
    "moderate":        "in  403 403 403 in  in  in  403 403 in  403",
    "administer":      "403 403 403 403 403 in  in  403 403 in  403",
    "ask":             "403 in  in  in  in  in  in  403 in  in  403",
    "ask as creator":  "403 403 in  in  in  in  in  403 in  in  403",
    "publish facts":   "403 403 in  in  in  in  in  403 in  in  403",
    "publish others":  "403 403 403 403 403 in  in  403 403 in  403",
    "thing":           "ok  404 404 ok  ok  ok  ok  ok  403 ok  403",
    "change":          "403 404 404 ok  403 ok  ok  403 ok  ok  403",
    "change analysis": "403 403 404 ok  403 ok  ok  403 ok  ok  403",
    "keys":            "403 in  in  in  in  in  in  403 403 in  403",
    "key":             "403 404 404 ok  404 ok  ok  403 403 ok  403",
    "self":            "403 in  in  in  in  in  403 403 403 403 403",
}  # fmt: skip

V1 = "/api/v1"

GROUPS: dict[str, list[tuple[str, str]]] = {
    "open": [
        ("GET", "/"),
        ("POST", "/session"),
        ("MOUNT", "/static"),
        ("GET", "/health"),
        ("GET", "/health/ready"),
        ("GET", "/health/detailed"),
        ("GET", "/metrics"),
        *((method, path) for path in ("/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc")
          for method in ("GET", "HEAD")),
        ("GET", V1 + "/health"),
        ("POST", V1 + "/providers/{provider}/callback"),
        ("GET", "/account/verify-email"),
        ("GET", "/account/reset-password"),
        *(
            ("POST", V1 + "/auth" + path)
            for path in (
                "/register", "/verify-email", "/verify-email/again", "/login", "/token", "/refresh",
                "/password/forgot", "/password/reset",
            )
        ),
        ("GET", V1 + "/auth/oidc"),
        ("GET", V1 + "/auth/oidc/{provider}"),
        ("GET", V1 + "/auth/oidc/{provider}/callback"),
    ],
    "read": [
        ("WS" if path == "/jobs/ws" else "GET", V1 + path)
        for path in (
            "/jobs/ws", "/health/detailed", "/totals", "/live", "/system/health", "/youtube/quota",
            "/videos", "/videos/", "/jobs", "/jobs/stats", "/predictions", "/outlier/list",
            "/analytics/dashboard", "/analytics/categories", "/analytics/trends",
            "/models/info", "/models/health", "/models/shadow", "/providers/status",
            "/virality/top", "/virality/{video_id}", "/virality/{video_id}/history",
            "/outliers", "/outliers/shifts", "/outliers/niches",
            "/channels", "/channels/{channel_id}", "/channels/{channel_id}/baseline",
            "/channels/{channel_id}/videos",
            "/config/content", "/config/content/search-queries", "/config/content/queries",
            "/config/content/game-patterns", "/config/content/patterns",
        )
    ],
    "spend": [
        ("GET", V1 + "/channels/search"),
        ("GET", V1 + "/channels/{name}/info"),
        ("GET", V1 + "/youtube/channels"),
        ("GET", V1 + "/youtube/channels/{name}/videos"),
    ],
    "moderate": [("GET", V1 + "/system/status"), ("GET", V1 + "/system/metrics")],
    "administer": [
        ("PUT", V1 + "/config/content"),
        ("PUT", V1 + "/config/content/search-queries"),
        ("PUT", V1 + "/config/content/queries"),
        ("PUT", V1 + "/config/content/game-patterns"),
        ("PUT", V1 + "/config/content/patterns"),
        ("POST", V1 + "/config/content/reset"),
        ("POST", V1 + "/providers/test"),
        ("GET", V1 + "/users"),
        ("GET", V1 + "/users/{user_id}"),
        ("GET", V1 + "/users/{user_id}/events"),
        ("PUT", V1 + "/users/{user_id}/role"),
        ("PUT", V1 + "/users/{user_id}/tier"),
        ("POST", V1 + "/users/{user_id}/suspend"),
        ("POST", V1 + "/users/{user_id}/reinstate"),
    ],
    "keys": [("GET", V1 + "/keys"), ("POST", V1 + "/keys")],
    "key": [("DELETE", V1 + "/keys/{key_id}")],
    "self": [
        ("GET", V1 + "/auth/me"),
        ("POST", V1 + "/auth/oidc/{provider}/link"),
        *(
            ("POST", V1 + "/auth" + path)
            for path in (
                "/password/change", "/2fa/setup", "/2fa/confirm", "/2fa/disable",
                "/2fa/backup-codes", "/logout", "/logout-everywhere",
            )
        ),
    ],
    "ask": [
        ("POST", V1 + "/jobs"),
        ("POST", V1 + "/videos/generate"),
        ("POST", V1 + "/predict"),
        ("POST", V1 + "/predict/batch"),
    ],
    "ask as creator": [("POST", V1 + "/outlier/start")],
    "publish facts": [("POST", V1 + "/events/{topic}")],
    "thing": [
        ("GET", V1 + "/jobs/{job_id}"),
        ("GET", V1 + "/jobs/{job_id}/history"),
        ("GET", V1 + "/videos/{video_id}"),
        ("GET", V1 + "/videos/{video_id}/download"),
        ("HEAD", V1 + "/videos/{video_id}/download"),
        ("GET", V1 + "/videos/{video_id}/thumbnail"),
        ("HEAD", V1 + "/videos/{video_id}/thumbnail"),
        ("GET", V1 + "/predictions/{prediction_id}"),
        ("GET", V1 + "/outlier/status/{analysis_id}"),
        ("GET", V1 + "/outlier/results/{analysis_id}"),
        ("GET", V1 + "/outlier/export/{analysis_id}"),
        ("GET", V1 + "/outlier/export/{analysis_id}/excel"),
        ("GET", V1 + "/outlier/export/{analysis_id}/json"),
        ("WS", V1 + "/outlier/ws/{analysis_id}"),
        ("WS", V1 + "/jobs/ws/{job_id}"),
    ],
    "change": [
        ("POST", V1 + "/jobs/{job_id}/cancel"),
        ("POST", V1 + "/jobs/{job_id}/retry"),
        ("DELETE", V1 + "/jobs/{job_id}"),
        ("POST", V1 + "/analytics/save"),
    ],
    "change analysis": [("POST", V1 + "/outlier/cancel/{analysis_id}")],
}  # fmt: skip

# Addresses that the groups have twice, with something else in them.
ALSO = [("publish others", "POST", V1 + "/events/{topic}", "generation.requests.v1")]

ROWS = [(group, *address) for group, addresses in GROUPS.items() for address in addresses]

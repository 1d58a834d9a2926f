"""The table: of every address, who may use it. Addresses that are not in it do not exist.

A test and the start of the application hold it against the routes. docs/api.md, "Who may ask", says
the same in words; `rules` has what the words of the last column mean:

OPEN        everybody; nobody is asked who they are
READ        who is signed in; the dashboard's page; keys with `read:projection`
OWN         the same, and things have owners: others' do not exist (moderators read all of them)
MODERATE    moderators; their keys with `read:projection`; the dashboard's page
SPEND       creators, as it takes units of a day that all share; their keys with `read:projection`
makes(t)    who is signed in, for themselves; keys with `publish:t`. A second word: the least role
PUBLISH     creators, for topics of facts; administrators, for others; keys with `publish:<topic>`
SELF        who is logged in, about themselves: no key
ADMINISTER  administrators; their keys with `admin`
KEYS        who is signed in, for their own keys; administrators' keys with `admin`
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from api.access.rules import (
    ADMINISTER,
    MODERATE,
    OPEN,
    OWN,
    PUBLISH,
    READ,
    SELF,
    SPEND,
    Rule,
    makes,
)
from schemas.catalogue import GENERATION_REQUESTS, OUTLIER_ANALYSES, VIRALITY_PREDICTIONS
from streams.identity.roles import Role

V1 = "/api/v1"
WEBSOCKET = "WS"  # stands for a method
ANY = "*"  # whatever a mounted application makes of them

JOBS = makes(GENERATION_REQUESTS)
PREDICTIONS = makes(VIRALITY_PREDICTIONS)
KEYS = Rule(Role.USER, own=True)
ANALYSES = makes(OUTLIER_ANALYSES, Role.CREATOR)


class Row(NamedTuple):
    """One address.

    Attributes:
        methods: by blanks.
        path: as in its route, behind `/api/v1` where it is one of the API's.
    """

    methods: str
    path: str
    rule: Rule


# fmt: off
OUTSIDE = (
    Row("GET",      "/",                                    OPEN),
    Row("POST",     "/session",                             OPEN),  # takes the key in its body
    Row(ANY,        "/static",                              OPEN),
    Row("GET",      "/health",                              OPEN),
    Row("GET",      "/health/ready",                        OPEN),
    Row("GET",      "/health/detailed",                     OPEN),
    Row("GET",      "/metrics",                             OPEN),
    Row("GET",      "/account/verify-email",                OPEN),
    Row("GET",      "/account/reset-password",              OPEN),
    Row("GET HEAD", "/openapi.json",                        OPEN),
    Row("GET HEAD", "/docs",                                OPEN),
    Row("GET HEAD", "/docs/oauth2-redirect",                OPEN),
    Row("GET HEAD", "/redoc",                               OPEN),
)

API = (
    Row("GET",      "/health",                              OPEN),  # balancers have no key
    Row("GET",      "/health/detailed",                     READ),
    Row("GET",      "/totals",                              READ),
    Row("GET",      "/live",                                READ),
    Row("GET",      "/system/health",                       READ),
    Row("GET",      "/system/status",                       MODERATE),
    Row("GET",      "/system/metrics",                      MODERATE),

    Row("POST",     "/events/{topic}",                      PUBLISH),

    Row("GET",      "/videos",                              OWN),  # observed ones are everybody's
    Row("GET",      "/videos/",                             OWN),
    Row("POST",     "/videos/generate",                     JOBS),
    Row("GET",      "/videos/{video_id}",                   OWN),
    Row("GET HEAD", "/videos/{video_id}/download",          OWN),
    Row("GET HEAD", "/videos/{video_id}/thumbnail",         OWN),

    Row("GET",      "/jobs",                                OWN),
    Row("POST",     "/jobs",                                JOBS),
    Row("GET",      "/jobs/stats",                          OWN),
    Row("GET",      "/jobs/{job_id}",                       OWN),
    Row("DELETE",   "/jobs/{job_id}",                       JOBS),
    Row("GET",      "/jobs/{job_id}/history",               OWN),
    Row("POST",     "/jobs/{job_id}/cancel",                JOBS),
    Row("POST",     "/jobs/{job_id}/retry",                 JOBS),
    Row(WEBSOCKET,  "/jobs/ws",                             OWN),
    Row(WEBSOCKET,  "/jobs/ws/{job_id}",                    OWN),

    Row("POST",     "/predict",                             PREDICTIONS),
    Row("POST",     "/predict/batch",                       PREDICTIONS),
    Row("GET",      "/predictions",                         OWN),
    Row("GET",      "/predictions/{prediction_id}",         OWN),
    Row("POST",     "/analytics/save",                      PREDICTIONS),
    Row("GET",      "/analytics/dashboard",                 OWN),
    Row("GET",      "/analytics/categories",                OWN),
    Row("GET",      "/analytics/trends",                    OWN),
    Row("GET",      "/models/info",                         READ),
    Row("GET",      "/models/health",                       READ),
    Row("GET",      "/models/shadow",                       READ),

    Row("GET",      "/virality/top",                        READ),
    Row("GET",      "/virality/{video_id}",                 READ),
    Row("GET",      "/virality/{video_id}/history",         READ),
    Row("GET",      "/outliers",                            READ),
    Row("GET",      "/outliers/shifts",                     READ),
    Row("GET",      "/outliers/niches",                     READ),
    Row("GET",      "/channels",                            READ),
    Row("GET",      "/channels/{channel_id}",               READ),
    Row("GET",      "/channels/{channel_id}/baseline",      READ),
    Row("GET",      "/channels/{channel_id}/videos",        READ),

    Row("GET",      "/channels/search",                     SPEND),
    Row("GET",      "/channels/{name}/info",                SPEND),
    Row("GET",      "/youtube/channels",                    SPEND),
    Row("GET",      "/youtube/channels/{name}/videos",      SPEND),
    Row("GET",      "/youtube/quota",                       READ),

    Row("POST",     "/outlier/start",                       ANALYSES),
    Row("POST",     "/outlier/cancel/{analysis_id}",        ANALYSES),
    Row("GET",      "/outlier/list",                        OWN),
    Row("GET",      "/outlier/status/{analysis_id}",        OWN),
    Row("GET",      "/outlier/results/{analysis_id}",       OWN),
    Row("GET",      "/outlier/export/{analysis_id}",        OWN),
    Row("GET",      "/outlier/export/{analysis_id}/excel",  OWN),
    Row("GET",      "/outlier/export/{analysis_id}/json",   OWN),
    Row(WEBSOCKET,  "/outlier/ws/{analysis_id}",            OWN),

    Row("GET",      "/config/content",                      READ),
    Row("PUT",      "/config/content",                      ADMINISTER),
    Row("GET",      "/config/content/search-queries",       READ),
    Row("PUT",      "/config/content/search-queries",       ADMINISTER),
    Row("GET",      "/config/content/queries",              READ),
    Row("PUT",      "/config/content/queries",              ADMINISTER),
    Row("GET",      "/config/content/game-patterns",        READ),
    Row("PUT",      "/config/content/game-patterns",        ADMINISTER),
    Row("GET",      "/config/content/patterns",             READ),
    Row("PUT",      "/config/content/patterns",             ADMINISTER),
    Row("POST",     "/config/content/reset",                ADMINISTER),

    Row("GET",      "/providers/status",                    READ),
    Row("POST",     "/providers/test",                      ADMINISTER),
    Row("POST",     "/providers/{provider}/callback",       OPEN),  # it is signed

    Row("POST",     "/auth/register",                       OPEN),
    Row("POST",     "/auth/verify-email",                   OPEN),
    Row("POST",     "/auth/verify-email/again",             OPEN),
    Row("POST",     "/auth/login",                          OPEN),
    Row("POST",     "/auth/token",                          OPEN),
    Row("POST",     "/auth/refresh",                        OPEN),  # the body proves who it is
    Row("POST",     "/auth/password/forgot",                OPEN),
    Row("POST",     "/auth/password/reset",                 OPEN),
    Row("GET",      "/auth/oidc",                           OPEN),
    Row("GET",      "/auth/oidc/{provider}",                OPEN),
    Row("GET",      "/auth/oidc/{provider}/callback",       OPEN),
    Row("POST",     "/auth/oidc/{provider}/link",           SELF),
    Row("GET",      "/auth/me",                             SELF),
    Row("POST",     "/auth/logout",                         SELF),
    Row("POST",     "/auth/logout-everywhere",              SELF),
    Row("POST",     "/auth/password/change",                SELF),
    Row("POST",     "/auth/2fa/setup",                      SELF),
    Row("POST",     "/auth/2fa/confirm",                    SELF),
    Row("POST",     "/auth/2fa/disable",                    SELF),
    Row("POST",     "/auth/2fa/backup-codes",               SELF),

    Row("GET",      "/users",                               ADMINISTER),
    Row("GET",      "/users/{user_id}",                     ADMINISTER),
    Row("PUT",      "/users/{user_id}/role",                ADMINISTER),
    Row("PUT",      "/users/{user_id}/tier",                ADMINISTER),
    Row("POST",     "/users/{user_id}/suspend",             ADMINISTER),
    Row("POST",     "/users/{user_id}/reinstate",           ADMINISTER),
    Row("GET",      "/users/{user_id}/events",              ADMINISTER),

    Row("GET",      "/keys",                                KEYS),
    Row("POST",     "/keys",                                KEYS),
    Row("DELETE",   "/keys/{key_id}",                       KEYS),
)
# fmt: on


def rules() -> Iterator[tuple[str, str, Rule]]:
    """Method, address and rule, of every address."""
    for prefix, rows in (("", OUTSIDE), (V1, API)):
        for row in rows:
            for method in row.methods.split():
                yield method, prefix + row.path, row.rule

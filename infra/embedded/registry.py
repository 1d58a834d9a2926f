"""Apicurio Registry: Confluent's schema registry API, stored in the embedded PostgreSQL."""

from __future__ import annotations

from typing import ClassVar

import httpx

from infra.embedded import archives
from infra.embedded.child import Command
from infra.embedded.guard import Guard
from infra.embedded.home import Home
from infra.embedded.java import empty_directory, java
from infra.embedded.ports import LOOPBACK
from infra.embedded.postgres import Postgres
from infra.embedded.server import Server

_API = "/apis/ccompat/v7"

# A few requests a minute never repay the optimising compiler: half the CPU time of a start.
_OPTIONS = ("-XX:TieredStopAtLevel=1",)


class Registry(Server):
    """Keeps no data of its own: schemas are rows of the database `registry`."""

    name: ClassVar[str] = "registry"
    setting: ClassVar[str] = "schema_registry_url"
    ports: ClassVar[tuple[str, ...]] = ("registry", "registry_management")

    def __init__(self, home: Home, guard: Guard, postgres: Postgres) -> None:
        super().__init__(home, guard)
        self._postgres = postgres

    @property
    def address(self) -> str:
        """The URL of the Confluent-compatible API."""
        return f"http://{LOOPBACK}:{self.port}{_API}"

    def command(self) -> Command:
        """The application; its password is in its environment, which only its user can read."""
        directory = archives.unpacked("apicurio")
        temporary = empty_directory(self.home.run / "registry-tmp")
        argv = [
            *java(heap="384m", temporary=temporary, options=_OPTIONS),
            "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
            "-jar",
            str(directory / "quarkus-run.jar"),
        ]
        return Command(argv, env=self._environment(), cwd=directory)

    def check(self) -> None:
        """List its subjects, which asks the database too."""
        httpx.get(f"{self.address}/subjects", timeout=2, trust_env=False).raise_for_status()

    def _environment(self) -> dict[str, str]:
        postgres = self._postgres
        return {
            "QUARKUS_HTTP_HOST": LOOPBACK,
            "QUARKUS_HTTP_PORT": str(self.port),
            "QUARKUS_MANAGEMENT_HOST": LOOPBACK,
            "QUARKUS_MANAGEMENT_PORT": str(self.home.ports["registry_management"]),
            "QUARKUS_HTTP_ACCESS_LOG_ENABLED": "false",
            "QUARKUS_HTTP_CORS_ENABLED": "false",
            "QUARKUS_LOG_CATEGORY__IO_APICURIO__LEVEL": "WARN",
            "APICURIO_STORAGE_KIND": "sql",
            "APICURIO_STORAGE_SQL_KIND": "postgresql",
            "APICURIO_DATASOURCE_URL": f"jdbc:postgresql://{LOOPBACK}:{postgres.port}/registry",
            "APICURIO_DATASOURCE_USERNAME": "registry",
            "APICURIO_DATASOURCE_PASSWORD": postgres.password("registry"),
            "APICURIO_DATASOURCE_JDBC_INITIAL_SIZE": "1",
            "APICURIO_DATASOURCE_JDBC_MIN_SIZE": "1",
            "APICURIO_DATASOURCE_JDBC_MAX_SIZE": "10",
        }

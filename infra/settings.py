"""Every setting of Groundswell, read from the environment or a `.env` file.

An address that is unset means "the embedded server": the supervisor starts one and writes where it
listens into `$GROUNDSWELL_HOME/run/stack.json`; every other process, and a command line in another
terminal, finds it there through [`Settings.resolved`][infra.settings.Settings.resolved].
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import SettingsConfigDict

from infra.account_settings import AccountSettings
from infra.addresses import is_address
from infra.api_settings import ApiSettings
from infra.generation_settings import GenerationSettings
from infra.youtube_settings import YouTubeSettings


class NoStackError(Exception):
    """An address is unset and no embedded stack runs in this home."""


class Settings(ApiSettings, GenerationSettings, YouTubeSettings, AccountSettings):
    """One page of everything that can be set; docs/settings.md is made from it."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,  # it may hold passwords
    )

    groundswell_home: Path = Field(Path(".groundswell"), description="Data directory.")

    api_host: str = Field("127.0.0.1", description="Address the API binds to.")
    api_port: int = Field(
        8000, ge=0, le=65535, description="Port of the API; the next free one where it is taken."
    )
    api_workers: int = Field(
        1,
        ge=1,
        le=64,
        description="Processes that serve the API; each has connections of its own, and /metrics "
        "is that of whichever answers.",
    )
    api_key: SecretStr | None = Field(
        None, description="Key with full rights. Unset: one is made at the first start."
    )

    kafka_bootstrap_servers: str | None = Field(None, description="Kafka. Unset: embedded.")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How to talk to Kafka."
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        None, description="SASL mechanism of Kafka."
    )
    kafka_sasl_username: str | None = Field(None, description="SASL user of Kafka.")
    kafka_sasl_password: SecretStr | None = Field(None, description="SASL password of Kafka.")
    kafka_ssl_ca_location: Path | None = Field(None, description="CA bundle for Kafka (PEM).")
    kafka_replication_factor: int = Field(
        1, ge=1, description="Replication factor of the topics that provisioning makes."
    )

    schema_registry_url: str | None = Field(
        None, repr=False, description="Confluent-compatible schema registry. Unset: embedded."
    )
    schema_registry_basic_auth: SecretStr | None = Field(
        None, description="`user:password` of the registry."
    )
    schema_registry_ssl_ca_location: Path | None = Field(
        None, description="CA bundle for the registry (PEM)."
    )

    # Passwords may stand in them.
    database_url: str | None = Field(None, repr=False, description="PostgreSQL. Unset: embedded.")
    redis_url: str | None = Field(None, repr=False, description="Redis. Unset: embedded.")
    artifacts_url: str | None = Field(
        None,
        repr=False,
        description="Where rendered videos live: file:///, s3://, gs:// or az://. "
        "Unset: a folder of the data directory.",
    )

    artifact_retention_days: float = Field(
        0.0,
        ge=0,
        description="Days that a generated video is kept after its job has ended; then its files "
        "are removed, and its story says so. 0: for ever.",
    )

    personal_data_secret: SecretStr | None = Field(
        None,
        description="What the keys of persons are sealed with (docs/privacy.md), at least 32 "
        "characters. Unset: one is made at the first start and kept in the data directory.",
    )
    personal_data_secret_before: SecretStr | None = Field(
        None,
        description="The secret that PERSONAL_DATA_SECRET replaces, until it has done so.",
    )
    jwt_secret: SecretStr | None = Field(
        None,
        description="What tokens of sessions are signed with (docs/identity.md), at least 32 "
        "characters. Unset: one is made at the first start and kept in the data directory.",
    )
    jwt_secret_before: SecretStr | None = Field(
        None,
        description="The secret that JWT_SECRET replaces: sessions that began under it go on.",
    )
    webhook_secret: SecretStr | None = Field(
        None,
        description="What webhooks to clients are signed with (docs/webhooks.md): `whsec_` and "
        "base64 of 24 to 64 bytes. Unset: one is made at the first start and kept in the data "
        "directory.",
    )
    webhook_secret_before: SecretStr | None = Field(
        None,
        description="The secret that WEBHOOK_SECRET replaces: until every client has the new one, "
        "webhooks are signed with both.",
    )
    webhook_private_addresses: bool = Field(
        False,
        description="Also send webhooks to loopback, private and link-local addresses: for "
        "clients in one's own network, where nobody else may ask for videos.",
    )
    youtube_data_days: int = Field(
        30,
        ge=0,
        description="Days after which what was got from YouTube's API is gone from the log and "
        "from the tables; figures derived from it stay. 0: never, for data that is one's own.",
    )

    flush_seconds: float = Field(
        1.0,
        gt=0,
        description="Longest pause between flushes of changed rows; it is shorter where they are "
        "quick.",
    )
    duplicate_horizon: int = Field(
        100_000,
        ge=0,
        description="Events of a partition within which a repeated event_id counts once.",
    )
    park_after_hours: float = Field(
        72.0,
        ge=0,
        description="A key without an event for so long, in the log's time, leaves an agent's "
        "memory for a scratch file in the data directory, and comes back with its next event. "
        "0: everything stays in memory.",
    )
    outlier_multiple: float = Field(
        3.0, gt=1, description="Times the channel's usual views from which a video is an outlier."
    )
    outlier_probability: float = Field(
        0.01,
        gt=0,
        le=0.03,
        description="Greatest probability of a usual video with as many views at which a video is "
        "an outlier. It stays one up to five times that.",
    )
    watchdog_seconds: float = Field(
        60.0, gt=0, description="Without progress for so long, an agent that lags exits non-zero."
    )

    metrics_port: int = Field(
        0,
        ge=0,
        le=65535,
        description="Port on loopback at which an agent serves its metrics; 0 is any free one. "
        "Under the supervisor each has its own, see `groundswell status --json`.",
    )

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Level.")
    log_format: Literal["console", "json"] = Field("console", description="Shape of log lines.")

    @field_validator("database_url", "redis_url", "schema_registry_url")
    @classmethod
    def _tells_no_password(cls, text: str | None, found: ValidationInfo) -> str | None:
        if text is not None and not is_address(text, postgres=found.field_name == "database_url"):
            # Its reader's own words would repeat it, and the password in it.
            raise ValueError(
                "is no address that can be read; characters of a password such as / and @ are "
                "written percent-encoded"
            )
        return text

    # None is kept: a copy with another directory would inherit it.
    @property
    def home(self) -> Path:
        """The data directory, absolute."""
        return self.groundswell_home.expanduser().absolute()

    @property
    def scratch(self) -> Path:
        """For what can be made again: nothing in it has to be kept."""
        return self.home / "scratch"

    @property
    def stack_file(self) -> Path:
        """Where the supervisor writes what it started."""
        return self.home / "run" / "stack.json"

    @property
    def personal_data_secrets(self) -> tuple[str, ...]:
        """The secret that the keys of persons are sealed with, and the one before it, if any.

        Raises:
            NoStackError: it is too short; or not set, and no stack was ever started in this home.
        """
        return self._secrets(
            "PERSONAL_DATA_SECRET",
            PERSONAL_DATA_SECRET_FILE,
            "so personal fields cannot be sealed",
            self.personal_data_secret,
            self.personal_data_secret_before,
        )

    @property
    def jwt_secrets(self) -> tuple[str, ...]:
        """The secret that tokens of sessions are signed with, and the one before it, if any.

        Raises:
            NoStackError: it is too short; or not set, and no stack was ever started in this home.
        """
        return self._secrets(
            "JWT_SECRET",
            JWT_SECRET_FILE,
            "so nobody can log in",
            self.jwt_secret,
            self.jwt_secret_before,
        )

    def _secrets(
        self, name: str, file: str, so: str, present: SecretStr | None, before: SecretStr | None
    ) -> tuple[str, ...]:
        if present is None:
            try:
                found = (self.home / "run" / file).read_text()
            except FileNotFoundError:
                raise NoStackError(
                    f"{name} is not set, {so}: set it to that of the installation, or start a "
                    "stack here, which makes one"
                ) from None
        else:
            found = present.get_secret_value()
        if len(found) < SHORTEST_SECRET:
            raise NoStackError(
                f"{name} has {len(found)} characters: at least {SHORTEST_SECRET} are needed, such "
                "as `openssl rand -hex 32` makes"
            )
        return (found,) if before is None else (found, before.get_secret_value())

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """The secret that webhooks are signed with, and the one before it, if any.

        Raises:
            NoStackError: it is not set, and no stack was ever started in this home.
        """
        if self.webhook_secret is None:
            try:
                found = (self.home / "run" / WEBHOOK_SECRET_FILE).read_text()
            except FileNotFoundError:
                raise NoStackError(
                    "WEBHOOK_SECRET is not set, so webhooks cannot be signed: set it (`whsec_` and "
                    "what `openssl rand -base64 32` makes), or start a stack here, which makes one"
                ) from None
        else:
            found = self.webhook_secret.get_secret_value()
        before = self.webhook_secret_before
        return (found,) if before is None else (found, before.get_secret_value())

    def resolved(self) -> Self:
        """These settings with every address filled in from the running embedded stack.

        Raises:
            NoStackError: an address is unset and no stack runs in this home.
        """
        unset = [name for name in ADDRESSES if getattr(self, name) is None]
        wanted = [*unset, *self._unset_optional]
        if not wanted:
            return self
        try:
            stack = json.loads(self.stack_file.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            stack = {}
        if not unset and not self._runs_on_these(stack):
            return self
        found = {
            name: stack["addresses"][name] for name in wanted if name in stack.get("addresses", {})
        }
        if unset and "api_key" in stack and self.api_key is None:
            found["api_key"] = SecretStr(stack["api_key"])
        missing = [name for name in unset if name not in found]
        if missing:
            names = ", ".join(name.upper() for name in missing)
            raise NoStackError(
                f"no stack runs in {self.home}: start one with `groundswell up --detach`, "
                f"or set {names}"
            )
        return self.model_copy(update=found)

    def _runs_on_these(self, stack: dict[str, Any]) -> bool:
        """Whether a stack lives that has these servers; its file may be of an earlier one."""
        addresses = stack.get("addresses", {})
        same = all(addresses.get(name) == getattr(self, name) for name in ADDRESSES)
        return same and _lives(stack.get("supervisor_pid"))

    @property
    def _unset_optional(self) -> tuple[str, ...]:
        """Addresses that a stack may have: with a key, the Data API is Google's."""
        if self.youtube_api_key or self.youtube_api_endpoint:
            return ()
        return OPTIONAL_ADDRESSES

    def kafka_config(self) -> dict[str, str]:
        """Connection settings under librdkafka's names (confluent-kafka)."""
        config = {
            "bootstrap.servers": _required(self.kafka_bootstrap_servers, "KAFKA_BOOTSTRAP_SERVERS"),
            "security.protocol": self.kafka_security_protocol,
        }
        if self.kafka_sasl_mechanism:
            config["sasl.mechanism"] = self.kafka_sasl_mechanism
            config["sasl.username"] = self.kafka_sasl_username or ""
            if self.kafka_sasl_password:
                config["sasl.password"] = self.kafka_sasl_password.get_secret_value()
        if self.kafka_ssl_ca_location:
            config["ssl.ca.location"] = str(self.kafka_ssl_ca_location)
        return config

    def registry_config(self) -> dict[str, str]:
        """Connection settings of `confluent_kafka.schema_registry.SchemaRegistryClient`."""
        config = {"url": _required(self.schema_registry_url, "SCHEMA_REGISTRY_URL")}
        if self.schema_registry_basic_auth:
            config["basic.auth.user.info"] = self.schema_registry_basic_auth.get_secret_value()
        if self.schema_registry_ssl_ca_location:
            config["ssl.ca.location"] = str(self.schema_registry_ssl_ca_location)
        return config

    @property
    def dsn(self) -> str:
        """PostgreSQL's connection string."""
        return _required(self.database_url, "DATABASE_URL")


ADDRESSES = (
    "kafka_bootstrap_servers",
    "schema_registry_url",
    "database_url",
    "redis_url",
    "artifacts_url",
)
OPTIONAL_ADDRESSES = ("youtube_api_endpoint",)  # of servers that only some stacks have


SHORTEST_SECRET = 32  # characters
PERSONAL_DATA_SECRET_FILE = "personal_data_secret"  # noqa: S105  # a name, in `run`  # nosec B105
JWT_SECRET_FILE = "jwt_secret"  # noqa: S105  # the same  # nosec B105
WEBHOOK_SECRET_FILE = "webhook_secret"  # noqa: S105  # the same  # nosec B105


def _lives(pid: int | None) -> bool:
    if pid is None:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def _required(value: str | None, name: str) -> str:
    if value is None:
        raise NoStackError(f"{name} is not set: call Settings().resolved() first")
    return value

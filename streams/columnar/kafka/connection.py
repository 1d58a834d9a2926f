"""Connection settings for aiokafka, from librdkafka's names for them."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any


def aiokafka_options(kafka: Mapping[str, str]) -> dict[str, Any]:
    """What aiokafka's clients take.

    Args:
        kafka: `bootstrap.servers`, `security.protocol`, and where these ask for it
            `sasl.mechanism`, `sasl.username`, `sasl.password`, `ssl.ca.location`.
    """
    protocol = kafka.get("security.protocol", "PLAINTEXT").upper()
    options: dict[str, Any] = {
        "bootstrap_servers": kafka["bootstrap.servers"],
        "security_protocol": protocol,
    }
    if protocol.endswith("SSL"):
        options["ssl_context"] = ssl.create_default_context(cafile=kafka.get("ssl.ca.location"))
    if protocol.startswith("SASL"):
        options |= {
            "sasl_mechanism": kafka.get("sasl.mechanism", "PLAIN"),
            "sasl_plain_username": kafka.get("sasl.username"),
            "sasl_plain_password": kafka.get("sasl.password"),
        }
    return options

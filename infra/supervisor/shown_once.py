"""What the first start of a stack has to tell, once."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class FirstAccount:
    """An administrator who was made just now. Neither secret is stored in plain anywhere."""

    email: str
    password: str = field(repr=False)
    key: str = field(repr=False)

    def lines(self) -> list[str]:
        """What its owner is told."""
        return [
            "An administrator was made. This is shown once; keep it:",
            f"  e-mail    {self.email}",
            f"  password  {self.password}",
            f"  key       {self.key}",
        ]

    def facts(self) -> dict[str, str]:
        """Its fields, for another process."""
        return asdict(self)

"""Watched channels: looked at on a schedule that spends its units where news is likely."""

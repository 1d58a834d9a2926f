"""Mail to the holders of accounts."""

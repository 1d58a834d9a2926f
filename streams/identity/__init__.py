"""Who somebody is: accounts, sessions and keys as decisions; beside the log, what proves them."""

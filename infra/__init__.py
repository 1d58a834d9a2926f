"""Settings, the command line, embedded servers and the supervisor."""

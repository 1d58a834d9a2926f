"""What outlier analyses search for, exclude and like: configurable, with defaults."""

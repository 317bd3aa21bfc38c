"""By what the stack's own questions (of `status`, `up` and the watchdog) are known to its programs: a User-Agent."""

NAME = "metaflow-anywhere-check"

"""What both doors, the proxy's and the programs' own, take in: said once, in the language that both of them speak."""

from __future__ import annotations

METHODS = ("GET", "HEAD", "POST", "PATCH", "OPTIONS")  # all that any route knows
READS = ("GET", "HEAD", "OPTIONS")
# Content-Type of a body that is taken, or nothing at all: the forms of other sites' pages have types of their own. A
# regular expression, whole, of Python and of Go; two headers are joined by a comma, and are never taken.
JSON_TYPES = r"(?i)[ \t]*(application/([a-z0-9.+_-]+[+])?json[ \t]*(;[^,]*)?)?"
FOREIGN = "a page of another site asks; only this stack's own pages may"
NOT_JSON = "the body must be JSON: send Content-Type: application/json, or none"
OWN_SITES = ("same-origin", "none")  # of Sec-Fetch-Site; none: typed in by a person
UNREAD = "X-Request-Unread"  # by which a program tells the proxy that its answer is the last on its connection
HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}  # of every answer, refusals among them

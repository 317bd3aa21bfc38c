"""Reads a run of the bundled flow back through Metaflow's Client API; prints one line for each thing that is right.

Run in a process of its own, with the client's settings: ``python check.py RUN_ID_FILE``.
"""

import base64
import re
import sys
from pathlib import Path

EXPECTED = 1 + 4 + 9
CONTENT = re.compile(r'__MF_DATA__\["[^"]+"\] = "([A-Za-z0-9+/=]+)"')


def card_text(html: str) -> str:
    """What a card says: its page carries the content as base64 for a script to draw."""
    return " ".join(base64.b64decode(blob).decode("utf-8", "replace") for blob in CONTENT.findall(html))


def main(run_id_file: str) -> int:
    """Exit status 0 if everything that was written can be read."""
    from metaflow import Flow, get_metadata, namespace  # noqa: PLC0415  # costs a second; not before it is needed
    from metaflow.cards import get_cards  # noqa: PLC0415

    namespace(None)
    pathspec = f"HelloAnywhere/{Path(run_id_file).read_text().strip()}"
    run = Flow("HelloAnywhere")[pathspec.split("/")[1]]
    end = run["end"].task
    run.add_tag("hello")
    checks = {
        f"run {pathspec} is in the service at {get_metadata()}": run.pathspec == pathspec,
        "it finished and was successful": run.finished and run.successful,
        f"artifact total is {EXPECTED}": run.data.total == EXPECTED,
        "3 parallel tasks, each with its result": sorted(t.data.result for t in run["square"]) == [1, 4, 9],
        "the log of the last task is readable": str(EXPECTED) in end.stdout,
        "its card is readable": f"add up to {EXPECTED}" in card_text(get_cards(end)[0].get()),
        "a tag was added and is there": "hello" in Flow("HelloAnywhere")[run.id].user_tags,
    }
    for what, right in checks.items():
        print(f"  {'✓' if right else '✗'} {what}")
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

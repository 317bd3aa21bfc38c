"""Where cards are, so that a card is found again whatever folder its flow was started in."""

from __future__ import annotations

from pathlib import Path

from metaflow_anywhere.far.hand import beat
from metaflow_anywhere.modes import PRIVATE_FOLDER, make_folder


def card_folder(datastore: Path) -> Path:
    """Where a client looks for the cards of a run in the local ``datastore``.

    Left to itself a client (2.19) writes cards below its working directory, where later nobody finds them. When
    METAFLOW_CARD_LOCALROOT is set, whatever its value, it writes them beside the artifacts instead; ``join_cards``
    makes that the same place. A client that heeds the value writes here at once.
    """
    return datastore / ".metaflow" / "mf.cards"


def join_cards(datastore: Path) -> None:
    """Make the folder where clients look for cards another name of the one where they write them."""
    folder = card_folder(datastore)
    if not folder.exists():
        beat()
        make_folder(folder.parent, PRIVATE_FOLDER, PRIVATE_FOLDER)
        beat()
        try:
            folder.symlink_to(".")
        except OSError:  # a drive without links: cards are then in their old place, for those who look there
            make_folder(folder, PRIVATE_FOLDER)

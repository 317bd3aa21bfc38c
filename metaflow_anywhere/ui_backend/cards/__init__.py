"""Cards of tasks: where they are, and how they are answered so that a page can show them while they change."""

from metaflow_anywhere.ui_backend.cards.routes import Cards, card_policy

__all__ = ["Cards", "card_policy"]

"""Opens a page in the user's browser, where there is a screen to open it on."""

from __future__ import annotations

import sys
import webbrowser
from collections.abc import Mapping

SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "WSL_DISTRO_NAME")  # any of them: somebody sees what is opened


def open_page(url: str, environ: Mapping[str, str]) -> bool:
    """Whether a browser took ``url``. Without a screen none is asked: one in text would take the terminal over."""
    if sys.platform.startswith("linux") and not any(environ.get(name) for name in SCREENS):
        return False
    try:
        return webbrowser.open(url)
    except webbrowser.Error:
        return False

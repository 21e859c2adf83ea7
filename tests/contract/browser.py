"""A real browser for tests: headless Chromium, which opens one address and hands back the page as it ends up."""

import shutil
import subprocess
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ABSENT_REASON = "no chromium: apt-get install chromium, or these tests see no browser"
OPEN_SECONDS = 60


def opened(address: str, profile: Path, *, names_of_this_machine: tuple[str, ...] = ()) -> str:
    """The document at `address` after its scripts and requests came to an end.

    Args:
        profile: an empty folder for the browser's own files.
        names_of_this_machine: host names that the browser resolves to 127.0.0.1.
    """
    assert CHROMIUM, ABSENT_REASON
    rules = ", ".join(f"MAP {name} 127.0.0.1" for name in names_of_this_machine)
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--no-first-run",
        "--no-proxy-server",
        f"--user-data-dir={profile}",
        f"--host-resolver-rules={rules}",
        "--virtual-time-budget=15000",
        "--dump-dom",
        address,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=OPEN_SECONDS, check=True)
    return done.stdout

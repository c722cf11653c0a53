"""Opens the sandbox's page in a browser, takes pictures of it, and reports its problems.

    python3 tests/sandbox/screenshot.py http://127.0.0.1:4570 pictures/

Writes inbox.png (1440 pixels wide) and inbox-narrow.png (390). Needs `pip install playwright` and a Chromium: the one
that CHROMIUM names, or the machine's (Debian: apt-get install chromium). Exits with 1 if the page has problems, and
with 3 if no browser starts.
"""

import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Error, sync_playwright

WIDTHS = {"inbox.png": 1440, "inbox-narrow.png": 390}
# Unfilled placeholders of template engines.
PLACEHOLDERS = ("{{", "{%")
# Shows the full length of each conversation, and all webhooks.
UNROLLED = ".talk, .hooks { max-height: none !important }"
# The time until all frames have their final height.
SETTLE_MS = 700


def main(url, folder):
    folder.mkdir(parents=True, exist_ok=True)
    problems = []
    with sync_playwright() as playwright:
        chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
        try:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        except Error as error:
            print(f"the browser does not start: {error.message.splitlines()[0]}", file=sys.stderr)
            return 3
        for name, width in WIDTHS.items():
            page = browser.new_page(viewport={"width": width, "height": 1000}, device_scale_factor=2 if width < 600 else 1)
            page.on("console", lambda it: it.type in ("error", "warning") and problems.append(f"console: {it.text}"))
            page.on("pageerror", lambda it: problems.append(f"the page's script: {it}"))
            # Read before the page, which may then show more, but not less.
            inbox, receivers = (page.request.get(f"{url}/{it}.json").json() for it in ("inbox", "receiver"))
            # The page polls, so the network is never idle.
            page.goto(url, wait_until="load")
            page.wait_for_function("document.getElementById('counts').textContent !== ''", timeout=10_000)
            page.add_style_tag(content=UNROLLED)
            page.wait_for_timeout(SETTLE_MS)
            problems += [f"at {width} pixels: {it}" for it in check(page, inbox, receivers)]
            page.screenshot(path=folder / name, full_page=True)
            page.close()
        browser.close()
    for problem in dict.fromkeys(problems):
        print(f"WRONG: {problem}", file=sys.stderr)
    print(f"{len(WIDTHS)} pictures in {folder}")
    return 1 if problems else 0


def check(page, inbox, receivers):
    """Yields the problems of the page."""
    expected = {
        ".bubble.in": len(inbox["sms"]),
        ".bubble.out": len(inbox["replies"]),
        ".cut": sum(len(one["measure"]["breaks"]) for one in inbox["sms"]),
        ".mail": len(inbox["emails"]),
        ".mail iframe": sum(bool(one["html"]) for one in inbox["emails"]),
        ".receiver": len(receivers),
        ".hook": sum(len(one["deliveries"]) for one in receivers.values()),
    }
    for css, count in expected.items():
        shown = page.locator(css).count()
        if shown < count:
            yield f"{shown} of {count} “{css}” are shown"
    texts = [frame.evaluate("document.body ? document.body.innerText : ''") for frame in page.frames]
    texts += [one[part] or "" for one in inbox["emails"] for part in ("subject", "text")]
    for text in texts:
        for line in (line for line in text.splitlines() if any(sign in line for sign in PLACEHOLDERS)):
            yield f"an unfilled placeholder: {line.strip()[:120]}"
    for frame in page.frames:
        wide, room = frame.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        if wide > room:
            whose = "the page" if frame == page.main_frame else f"the e-mail “{subject_of(frame)}”"
            yield f"{whose} is {wide} pixels wide and has {room}"
        if frame != page.main_frame:
            high, room = frame.evaluate("[document.documentElement.scrollHeight, window.innerHeight]")
            if high > room + 1:
                yield f"the e-mail “{subject_of(frame)}” is cut off: {room} of {high} pixels are shown"


def subject_of(frame):
    return frame.frame_element().evaluate("it => it.closest('.mail').querySelector('.subject').textContent")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1].rstrip("/"), Path(sys.argv[2])))

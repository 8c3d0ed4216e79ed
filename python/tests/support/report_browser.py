"""Open a page in Chromium in a frame of any width, and collect what is displayed."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from report_fixtures import ROOT

AXE = ROOT / ".make" / "axe" / "axe.min.js"
#: The message of tools/setup-axe if axe-core is not available.
AXE_MISSING = AXE.with_name("missing")

# Collects, in the page: drawn images, fetched files, tabs after use, and the violations that axe-core finds if it is
# installed. The result is sent to the outer page.
_POLL_SECONDS = """<script>
const send = (seen) => parent.postMessage(JSON.stringify(seen), "*");
addEventListener("load", async () => {
  const nav = document.querySelector("#TOC");
  const contents = nav && {shown: nav.checkVisibility(), open: nav.querySelector("details").open,
                           links: nav.querySelectorAll("a").length};
  for (const part of document.querySelectorAll("details.fold")) part.open = true;
  const images = [...document.images].map(image => {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 96;
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, 96, 96);
    context.drawImage(image, 0, 0, 96, 96);
    const grey = context.getImageData(0, 0, 96, 96).data.filter((value, i) => i % 4 == 1);
    const shown = image.checkVisibility() ? image.getBoundingClientRect().width : null;
    return {alt: image.alt, natural: image.naturalWidth, contrast: Math.max(...grey) - Math.min(...grey), shown};
  });
  const page = document.documentElement;
  const headings = [...document.querySelectorAll("h1,h2,h3,h4,h5,h6")].map(h => +h.tagName[1]);
  const fetched = performance.getEntriesByType("resource").map(entry => entry.name).filter(n => !n.startsWith("data:"));
  const tabs = [...document.querySelectorAll(".tabs")].map(tabs => {
    const visible = () => [...tabs.querySelectorAll('[role="tabpanel"]')].filter(panel => !panel.hidden).map(p => p.id);
    const before = visible();
    const second = tabs.querySelectorAll('[role="tab"]')[1];
    second.click();
    const after = visible();
    second.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight"}));
    return {before, after, chosen: second.getAttribute("aria-controls"), next: visible()};
  });
  const seen = {images, headings, fetched, tabs, contents, width: innerWidth, content: page.scrollWidth,
                dark: matchMedia("(prefers-color-scheme: dark)").matches};
  if (typeof axe !== "undefined") {
    const found = await axe.run(document, {resultTypes: ["violations"]});
    seen.violations = found.violations.map(v => [v.impact, v.id, v.nodes.slice(0, 3).map(n => n.html.slice(0, 200))]);
  }
  send(seen);
});
</script>"""

_FRAME = """<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>frame</title>
<script>addEventListener("message", event => {{ document.title = "SEEN" + event.data; }});</script>
<iframe src="page.html" title="page" style="border:0;width:{width}px;height:3000px"></iframe></html>"""


def chromium() -> str:
    """Return the browser; skip the test if there is none."""
    command = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if command is None:
        pytest.skip("Chromium is not installed")
    return command


def look(source: str, width: int, folder: Path, dark: bool = False, axe: bool = False) -> tuple[dict[str, Any], str]:
    """Open a page at a width in pixels; return what was displayed and the console output.

    Args:
        source: The page, as HTML.
        width: Of the frame that it is opened in.
        folder: Where the browser may write.
        dark: Whether the reader asks for dark pages.
        axe: Whether to ask axe-core; the test is skipped where that is absent.
    """
    command = [chromium(), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
    command += ["--enable-logging=stderr", "--v=0", f"--window-size={max(width, 500)},1000", "--dump-dom"]
    command += ["--virtual-time-budget=30000"]
    if dark:
        command.append("--blink-settings=preferredColorScheme=0")
    if axe and not AXE.is_file():
        why = AXE_MISSING.read_text("utf-8").strip() if AXE_MISSING.is_file() else "tools/setup-axe fetches it"
        pytest.skip(f"axe-core is not here: {why}")
    added = f"<script>{AXE.read_text('utf-8')}</script>{_POLL_SECONDS}" if axe else _POLL_SECONDS
    # The policy of the page allows scripts by their hash.
    scripts = re.findall("<script>(.*?)</script>", added, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{one}'" for one in hashes)
    source = source.replace("script-src ", f"script-src {allowed} ", 1)
    (folder / "page.html").write_text(source.replace("</body>", f"{added}</body>"), encoding="utf-8")
    (folder / "frame.html").write_text(_FRAME.format(width=width), encoding="utf-8")
    command.append((folder / "frame.html").as_uri())
    done = subprocess.run(command, capture_output=True, text=True, timeout=180)
    found = re.search(r"<title>SEEN(.*?)</title>", done.stdout, re.DOTALL)
    assert found, done.stderr
    text = found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&amp;", "&")
    console = "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)
    return json.loads(text), console

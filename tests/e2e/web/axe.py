"""axe-core: what a machine can find of the barriers on a page."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import pytest
from playwright.async_api import Page

from tests.e2e.deployment import ROOT

SOURCE = ROOT / "web/node_modules/axe-core/axe.min.js"

RUN = """
async () => {
  // colours on their way from one to another are none that anybody reads; where one is inherited, the next follows it
  const frame = () => new Promise(requestAnimationFrame);
  do await frame();
  while (document.getAnimations().some((animation) => animation instanceof CSSTransition));
  return (await axe.run(document, { resultTypes: ["violations"] })).violations;
}
"""


@cache
def _source() -> str:
    if not SOURCE.is_file():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("axe-core is missing: cd web && npm ci --ignore-scripts")
    return SOURCE.read_text()


async def violations(page: Page) -> list[str]:
    """Everything that axe finds on the page as it is now, one line each."""
    if not await page.evaluate("() => 'axe' in window"):
        await page.evaluate(_source())  # a script tag would be refused by the page's policy, rightly
    found: list[dict[str, Any]] = await page.evaluate(RUN)
    return [
        f"{violation['id']}: {node['target']} {node['html'][:160]} {node['failureSummary']}"
        for violation in found
        for node in violation["nodes"]
    ]

"""`python -m tests.faults --minutes 30 --seed 7`: injects faults for so long, and writes what held and what did not.

Prints a line for each round. Exits with 1 if anything did not hold; `--seed S --site N` plays that deployment again.
Results go to build/faults/, and with `--page` into docs/reliability.md, together with what the tests recorded there.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from collections import Counter
from pathlib import Path

import uvloop

from tests.faults.campaign import campaign
from tests.faults.kinds import STORM
from tests.faults.record import FOLDER, INVARIANTS, record
from tests.faults.report import write
from tests.faults.round import Outcome
from tests.faults.site import Site

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
MESSAGES_LOST = "live messages"


class Tally:
    """What a campaign has come to."""

    def __init__(self, seed: str) -> None:
        self.seed = seed
        self.source = f"campaign-{seed}"
        self.began = time.monotonic()
        self.rounds = self.messages = self.chunks = self.faults = self.lost = self.failures = 0
        self.statuses: Counter[str] = Counter()

    def add(self, outcome: Outcome) -> None:
        """Records a round, and prints it."""
        plan = outcome.plan
        self.rounds += 1
        self.messages += outcome.messages
        self.chunks += outcome.chunks
        self.statuses += outcome.statuses
        self.failures += bool(outcome.violations or outcome.trouble)
        broken = Counter(violation.invariant for violation in outcome.violations)
        waits = {} if plan.group == STORM else dict(outcome.recovery)
        for (fault, when), count in sorted(outcome.injected.items()):
            if fault.startswith(MESSAGES_LOST):
                self.lost += count
            else:
                self.faults += count
            record(
                fault,
                when,
                injections=count,
                checked=INVARIANTS,
                violations=broken,
                recovery=waits,
                seed=plan.seed if broken else "",
                source=self.source,
            )
            waits = {}
        state = "ok" if not (broken or outcome.trouble) else f"FAILED {dict(broken)} {len(outcome.trouble)} broke"
        print(
            f"{plan.seed:>8} {plan.group:<10} {outcome.seconds:5.1f} s {sum(outcome.injected.values()):5} faults "
            f"{outcome.messages:4} messages  {state}",
            flush=True,
        )

    def save(self) -> None:
        """Writes the figures above the table, for the report."""
        summary = {
            "seeds": self.seed,
            "minutes": round((time.monotonic() - self.began) / 60),
            "rounds": self.rounds,
            "rounds with a violation": self.failures,
            "faults injected": self.faults,
            "live messages dropped or doubled, beside these": self.lost,
            "messages accepted": self.messages,
            "chunks streamed": self.chunks,
            **{f"outcomes {status}": count for status, count in sorted(self.statuses.items())},
        }
        (FOLDER / f"{self.source}.json").write_text(json.dumps(summary))


def failed(outcome: Outcome, site: Site) -> None:
    """Writes down all that may explain a violation."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    text = "\n".join([str(outcome.plan), *map(str, outcome.violations), *outcome.trouble, str(site.shape), site.logs()])
    (FOLDER / f"failed-{outcome.plan.seed}.txt").write_text(text)
    print(text[:3000], file=sys.stderr)


async def run(arguments: argparse.Namespace) -> int:
    """Plays, and returns the exit code."""
    tally = Tally(arguments.seed)
    (FOLDER / f"{tally.source}.jsonl").unlink(missing_ok=True)
    try:
        async for outcome in campaign(arguments.seed, arguments.minutes, arguments.site, failed):
            tally.add(outcome)
            tally.save()
            write(FOLDER, None)
    finally:
        if tally.rounds:
            write(FOLDER, PAGE if arguments.page else None)
    return int(tally.failures > 0)


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="how long")
    parser.add_argument("--seed", default=str(random.randrange(10_000)), help="of every choice")
    parser.add_argument("--site", type=int, help="play only this deployment, once")
    parser.add_argument("--page", action="store_true", help="write the results into docs/reliability.md")
    parser.add_argument("--report", action="store_true", help="play nothing, only write what was recorded")
    arguments = parser.parse_args()
    if arguments.report:
        write(FOLDER, PAGE if arguments.page else None)
        return
    os.nice(5)
    print(f"seed {arguments.seed}", flush=True)
    sys.exit(uvloop.run(run(arguments)))


if __name__ == "__main__":
    main()

"""Rules that schedules do not reach, or hardly ever, taken out: each in a copy of the project, against its own tests.

That a worker commits after its lease was lost is not among them: Redis refuses it, as `finish has no fence` proves.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class SourceMutant(NamedTuple):
    """One damage in a copy of the sources.

    Attributes:
        where: the file, in `src/unbroken`.
        text: what is replaced; it must be there.
        test: what has to fail.
    """

    where: str
    text: str
    instead: str
    test: str


WORKER, SERVER, CLIENT = "tests/integration/worker", "tests/integration/server", "tests/integration/client"
SCRIPTS = "tests/integration/scripts"

SOURCE_MUTANTS = {
    "a late copy of a checkpoint undoes a newer one": SourceMutant(
        "lua/checkpoint.lua",
        "and number >= tonumber(ARGV[5])",
        "and number == tonumber(ARGV[5])",
        f"{SCRIPTS}/test_keeping.py::test_a_late_copy_of_a_checkpoint_does_nothing",
    ),
    "an old question is open again beside a newer one": SourceMutant(
        "lua/withdraw.lua",
        "redis.call('HSETNX', state, 'open', asked) == 0",
        "redis.call('HSET', state, 'open', asked) == 2",
        f"{SCRIPTS}/test_keeping.py::test_the_newest_question_is_the_one_that_is_open",
    ),
    "a page of the log ends nowhere": SourceMutant(
        "lua/resume.lua",
        "size >= tonumber(ARGV[8]) or ",
        "",
        f"{SCRIPTS}/test_resuming.py::test_a_page_ends_behind_so_many_bytes",
    ),
    "a flush never ends": SourceMutant(
        "worker/channel.py",
        "            self._flushed = None\n",
        "",
        "tests/unit/worker/test_channel.py::test_after_a_flush_many_pieces_are_gathered_again",
    ),
    "a step is done by each task that comes to it": SourceMutant(
        "turn.py",
        "async with self._doing.setdefault(name, asyncio.Lock()):",
        "async with asyncio.Lock():",
        "tests/unit/test_turn.py::test_tasks_that_come_to_the_same_step_do_it_once",
    ),
    "a bot that does not mind being stopped speaks behind its question": SourceMutant(
        "worker/reply.py",
        "                    if self._over.done():\n",
        "                    if False:\n",
        f"{WORKER}/test_asking.py::test_what_is_said_behind_a_question_is_not_part_of_the_reply",
    ),
    "a checkpoint does not wait for what was said": SourceMutant(
        "worker/keeper.py",
        "            await self._channel.flushed()\n            while",
        "            while",
        f"{WORKER}/test_asking.py::test_a_checkpoint_waits_for_redis",
    ),
    "nobody renews leases": SourceMutant(
        "worker/lease.py",
        "await asyncio.gather(*map(self._renew, self.all()))",
        "pass",
        f"{WORKER}/test_takeover.py::test_a_long_reply_keeps_its_lease",
    ),
    "after a loss nobody asks what arrived": SourceMutant(
        "worker/outbox.py",
        "if top.second + 1 >= channel.next_seq:",
        "if True:",
        "tests/unit/worker/test_outbox.py"
        "::test_after_a_failover_that_nobody_felt_what_is_missing_there_is_written_before_anything_else",
    ),
    "a worker that was replaced goes on": SourceMutant(
        "worker/outbox.py",
        "            channel.close()\n            channel.on_lost()\n",
        "            pass\n",
        f"{WORKER}/test_outbox.py::test_a_worker_that_was_replaced_is_stopped_by_its_next_word",
    ),
    "a reply is handed back before its last words": SourceMutant(
        "worker/reply.py",
        "await self._channel.flushed()",
        "pass",
        f"{WORKER}/test_outbox.py::test_handing_back_takes_along_what_was_not_written_yet",
    ),
    "a draining worker hands nothing back": SourceMutant(
        "worker/reply.py",
        "await self._queue.release(self.claim)",
        "pass",
        f"{WORKER}/test_takeover.py::test_after_its_grace_a_worker_hands_back_and_another_goes_on_at_once",
    ),
    "an outcome does not wait for Redis": SourceMutant(
        "worker/patience.py",
        "pause = min(LONGEST_PAUSE, pause * 2)",
        "return",
        f"{WORKER}/test_outage.py::test_an_outcome_waits_for_redis",
    ),
    "after an outage every lease has run out": SourceMutant(
        "worker/claimer.py",
        "if self._redis_was_away:",
        "if False:",
        "tests/unit/worker/test_claimer.py::test_after_an_outage_the_living_get_time_to_renew",
    ),
    "watchers are not told of a gap": SourceMutant(
        "server/hub.py",
        "watcher.gap()",
        "pass",
        f"{SERVER}/test_hub.py::test_without_redis",
    ),
    "a quiet session is not asked where it is": SourceMutant(
        "server/hub.py",
        "watcher.position(newest)",
        "pass",
        f"{SERVER}/test_hub.py::test_only_quiet_sessions_are_asked_where_they_are",
    ),
    "the client forgets what it sent when it reconnects": SourceMutant(
        "client/conversation.py",
        "self.outbox.connected(",
        "print(",
        f"{CLIENT}/test_faults.py::test_a_lost_message_goes_again_in_order_and_under_its_id",
    ),
    "the client shows again what comes again": SourceMutant(
        "client/conversation.py",
        "if cursor in self._seen:",
        "if False:",
        f"{CLIENT}/test_faults.py::test_events_that_come_again_are_not_shown_again",
    ),
}


def failures(mutant: SourceMutant, folder: Path) -> list[str]:
    """Runs the test in a damaged copy; returns the names of the tests that failed there.

    Raises:
        AssertionError: the text to damage is not there.
    """
    copy = folder / "copy"
    for name in ("src", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "static"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    path = copy / "src" / "unbroken" / mutant.where
    text = path.read_text()
    assert mutant.text in text, f"{mutant.where}: the text to damage is not there: {mutant.text}"
    path.write_text(text.replace(mutant.text, mutant.instead))
    command = (sys.executable, "-m", "pytest", mutant.test, "-q", "-x", "-p", "no:cacheprovider", "--timeout=120")
    environment = {**os.environ, "PYTHONPATH": str(copy / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    return re.findall(r"^(?:FAILED|ERROR) \S*::(\w+)", done.stdout, re.MULTILINE)

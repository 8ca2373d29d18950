"""Every fault that these tests inject themselves, in groups that are run together."""

from __future__ import annotations

from tests.faults.kinds.calls import CALLS
from tests.faults.kinds.live import LIVE
from tests.faults.kinds.network import NETWORK
from tests.faults.kinds.people import PEOPLE, POISON
from tests.faults.kinds.processes import PAUSES, SERVERS, WORKERS
from tests.faults.kinds.redis import FORGETTING, RESTARTS
from tests.faults.kinds.scene import Fault

GROUPS: dict[str, list[Fault]] = {
    "servers": SERVERS,
    "workers": WORKERS,
    "pauses": PAUSES,
    "calls": CALLS,
    "live": LIVE,
    "restarts": RESTARTS,
    "forgetting": FORGETTING,
    "network": NETWORK,
    "people": PEOPLE,
    "poison": POISON,
}
STORM = "storm"
"""The group of all of them, several at once."""

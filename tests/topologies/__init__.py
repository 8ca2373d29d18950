"""Several servers that belong together, as real processes on loopback: replication, Sentinel, a cluster.

`Replicated`, `Sentinels` and `ValkeyCluster` are asynchronous context managers. They keep their data in a temporary
folder, and nothing of them outlives the test, however it ends.
"""

from tests.topologies.cluster import ValkeyCluster
from tests.topologies.replicated import Replicated
from tests.topologies.sentinels import Sentinels
from tests.topologies.server import Server

__all__ = ["Replicated", "Sentinels", "Server", "ValkeyCluster"]

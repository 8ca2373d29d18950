"""Everything that speaks to Redis or Valkey: connections, topology, routing, live messages, waiting for work.

The map: `dial` opens a connection with redis-py and hands its transport to a `wire`; a `link` dials again when that is
lost; `topology` says which server owns a partition; `router` runs scripts and commands there and deals with every error
reply; `live` holds the subscriptions; `ready` waits for work; `group` acknowledges across replicas; `checks` refuses a
server that cannot keep the promises; `client` puts one of each together for a process.
"""

"""Everything that speaks to Redis or Valkey: connections, topology, routing, live messages, waiting for work.

The map: `address` reads REDIS_URL; `discovery` finds out what kind of deployment it is. `dial` opens a connection with
redis-py and hands its transport to a `wire`; a `gate` paces the dials to a server that is away; a `link` dials again
when its connection is lost. `topology` says which server owns a partition: the only one, the one that `sentinel` names,
or one of a `cluster`; both of these are `discovered`. `router` runs scripts and commands there, and deals with error
replies; `live` holds the subscriptions; `ready` waits for work; `group` acknowledges across replicas; `checks` refuses
a server that cannot keep the promises; `client` puts one of each together for a process.
"""

"""Measures Unbroken beside what people build otherwise; `docs/performance.md` says how and shows the outcome.

`run` is the command. `contenders` starts each system, `apps` is the code of those that are not ours, `bot` what all of
them say. `load` is the load generator. `metrics` says what is measured and how often, `targets` what it should come
to, `report` and `plot` write it down.
"""

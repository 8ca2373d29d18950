"""A model that the worker runs itself: `unbroken up --model local:…`.

`name` reads what is wanted, `hub` downloads it, `file` looks into the file, `server` is the process that runs the
model, `runtime` keeps it running, and `bot` speaks to it.
"""

"""What the commands show: the bodies of `cli`.

The map: `look` holds colours and consoles; `up` shows a supervisor; `talk` chooses between `chat`, for people, and
`piped`, for programs; `reply` renders an answer while it is written; `inspect` shows what `survey` found in Redis.
"""

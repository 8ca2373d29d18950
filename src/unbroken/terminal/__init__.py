"""What the commands show: the bodies of `cli`.

The map: `look` holds colours and consoles; `up` shows a supervisor; `talk` chooses between `chat`, for people, and
`piped`, for programs; `scene` is what a person sees of a chat, `reply` renders an answer while it is written, `parts`
what comes with it; `inspect` shows what `survey` found in Redis.
"""

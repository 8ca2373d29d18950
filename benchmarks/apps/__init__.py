"""The code of the contenders that are not ours; it runs in their environments, and is written as their docs do it."""

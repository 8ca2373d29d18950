"""What `unbroken new` writes: a project with a bot, its tests, an image and a compose file.

`project/` holds what every project has, `kinds/` what differs by kind of bot, `write` puts both together. All of them
are real files that work as they are, with `mybot` for the name of the project.
"""

from __future__ import annotations

from unbroken.scaffold.write import Kind, write

__all__ = ["Kind", "write"]

"""`python -m unbroken` is `unbroken`."""

from __future__ import annotations

from unbroken.cli import main

main()

"""The one error of the load generator."""


class Trouble(Exception):
    """The contender did not do what was asked of it."""

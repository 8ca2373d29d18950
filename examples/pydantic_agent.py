"""An agent of Pydantic AI with a tool. In this directory: `unbroken up pydantic_agent:agent`.

It needs no key: TestModel calls every tool and understands nothing. Any other model goes in its place.
"""

from pydantic_ai import Agent
from pydantic_ai.models.test import TestModel

agent = Agent(TestModel(custom_output_text="I looked at the sky for you."), instructions="Be brief.")


@agent.tool_plain
def sky(city: str) -> dict[str, str]:
    """How the sky looks over a city."""
    return {"city": city, "sky": "blue"}

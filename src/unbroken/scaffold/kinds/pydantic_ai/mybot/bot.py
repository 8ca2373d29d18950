"""The bot: an agent of Pydantic AI.

TestModel calls every tool and understands nothing, so this runs without a key. To talk to a real model, install what
that needs (`pydantic-ai-slim[openai]`), put its name here ("openai:gpt-5-mini"), and its key into .env.
"""

from pydantic_ai import Agent
from pydantic_ai.models.test import TestModel

bot = Agent(TestModel(custom_output_text="I looked at the sky for you."), instructions="Be brief.")


@bot.tool_plain
def sky(city: str) -> dict[str, str]:
    """How the sky looks over a city."""
    return {"city": city, "sky": "blue"}

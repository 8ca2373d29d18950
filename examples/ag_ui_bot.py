"""An agent behind HTTP, and a bot that speaks AG-UI to it. In this directory, in two terminals:

    uvicorn ag_ui_bot:app --port 8001
    unbroken up ag_ui_bot:bot

The agent is one of Pydantic AI; it could be of any framework that speaks AG-UI, on any machine.
"""

import os

from fastapi import FastAPI, Request, Response
from pydantic_ai import Agent
from pydantic_ai.models.test import TestModel
from pydantic_ai.ui.ag_ui import AGUIAdapter

from unbroken.models import ag_ui

bot = ag_ui.agent(os.environ.get("AGENT_URL", "http://127.0.0.1:8001/"))

agent = Agent(TestModel(custom_output_text="I am an agent behind HTTP."))
app = FastAPI()


@app.post("/")
async def run(request: Request) -> Response:
    return await AGUIAdapter.dispatch_request(request, agent=agent, include_usage=True)

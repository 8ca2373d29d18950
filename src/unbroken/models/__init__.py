"""What answers: the bot interface, the built-in models, and how the settings choose between them.

`base` is the interface and the loader, `wrap` and `threads` make a bot of any function, `choice` reads from the
settings which model to speak to. `openai` speaks to every OpenAI-compatible server; `sse` and `completion` read its
stream without touching a socket, `silence` bounds its pauses, `trouble` says what to tell whom when it fails. `demo`
needs no model at all, and `scripted` does as its messages say, for tests. `pydantic_ai`, `langgraph` and `ag_ui` run
agents that people bring; what these share is in `narration` and `usage`.
"""

"""What answers: the bot interface, the built-in models, and how the settings choose between them.

`base` is the interface and the loader, `wrap` and `threads` make a bot of any function, `choice` reads from the
settings which model to speak to.

`openai` speaks to every OpenAI-compatible server, `responses` to those with the Responses API; what they share is in
`model`. `server` is their HTTP side, with `silence`, which bounds its pauses, and `trouble`, which says what to tell
whom when it fails; `sse`, `completion` and `response_stream` read what it sends without touching a socket. What it is
asked is in `request`, how much of the conversation in `context`, how often in `limiter`; `continuing` is how an answer
goes on that another worker had begun, and `titling` how a conversation gets its name.

`demo` needs no model at all, and `scripted` does as its messages say, for tests. `pydantic_ai`, `langgraph` and `ag_ui`
run agents that people bring; what these share is in `narration` and `usage`. `local` runs a model itself.
"""

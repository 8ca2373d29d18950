"""A graph of LangGraph that remembers. In this directory: `unbroken up langgraph_bot:graph`.

It needs no key: the model only repeats itself. Any other chat model goes in its place.
"""

from itertools import repeat

from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph

model = GenericFakeChatModel(messages=repeat("I am a graph, and this is all that I can say."))


async def look(state: MessagesState) -> dict[str, list[AIMessage]]:
    asked = sum(message.type == "human" for message in state["messages"])
    return {"messages": [AIMessage(f"You asked {asked} times.")]}


async def answer(state: MessagesState) -> dict[str, list[AIMessage]]:
    return {"messages": [await model.ainvoke(state["messages"])]}


steps = StateGraph(MessagesState).add_node("look", look).add_node("answer", answer)
graph = steps.add_edge(START, "look").add_edge("look", "answer").compile(checkpointer=InMemorySaver())

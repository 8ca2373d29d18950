"""The bot: a graph of LangGraph.

The model only repeats itself, so this runs without a key. Any other chat model goes in its place, for example
`init_chat_model("openai:gpt-5-mini")` of `langchain[openai]`, with its key in .env.
"""

from itertools import repeat

from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langgraph.graph import START, MessagesState, StateGraph

model = GenericFakeChatModel(messages=repeat("I am a graph, and this is all that I can say."))


async def answer(state: MessagesState) -> dict[str, list[AIMessage]]:
    return {"messages": [await model.ainvoke(state["messages"])]}


# Without a checkpointer the graph is given the whole conversation each time.
bot = StateGraph(MessagesState).add_node("answer", answer).add_edge(START, "answer").compile()

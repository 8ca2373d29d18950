"""A chat model of LangChain that streams what a test tells it to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import Field

Script = Callable[[list[BaseMessage]], AsyncIterator[Any]]


class ScriptedModel(BaseChatModel):
    """Streams what its script yields for the messages it hears: text, or whole chunks.

    Attributes:
        heard: the messages of each request.
    """

    script: Script
    heard: list[list[BaseMessage]] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        raise NotImplementedError

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        self.heard.append(list(messages))
        async for piece in self.script(messages):
            chunk = piece if isinstance(piece, AIMessageChunk) else AIMessageChunk(content=piece)
            yield ChatGenerationChunk(message=chunk)


def thought(text: str) -> AIMessageChunk:
    return AIMessageChunk(content=[{"type": "reasoning", "reasoning": text}])


def call(name: str | None, arguments: str, id: str | None) -> AIMessageChunk:  # noqa: A002 - as LangChain calls it
    return AIMessageChunk(content="", tool_call_chunks=[tool_call_chunk(name=name, args=arguments, id=id, index=0)])


def tokens(read: int, written: int) -> AIMessageChunk:
    usage = {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}
    return AIMessageChunk(content="", usage_metadata=usage)  # type: ignore[arg-type]

import type { Data, Part, ToolCall, ToolResult } from "../../client/protocol";
import { Reasoning } from "./Reasoning";
import { Tool } from "./Tool";

interface Props {
  parts: readonly Part[];
  running: boolean;
  /** The text of the answer has begun. */
  answering: boolean;
}

/** What an answer is made of beside its text: how the model reasoned, which tools it used. */
export function Parts({ parts, running, answering }: Props) {
  const results = new Map(parts.filter((part): part is ToolResult => part.type === "tool_result").map((part) => [part.id, part]));
  return parts.map((part, index) => {
    switch (part.type) {
      case "reasoning":
        return <Reasoning key={index} text={part.text} active={running && !answering && index === parts.length - 1} />;
      case "tool_call":
        return <Tool key={index} {...toolOf(part, results.get(part.id))} running={running && !results.has(part.id)} />;
      case "data":
        return <Tool key={index} {...dataOf(part)} running={false} />;
      default:
        return null;
    }
  });
}

const toolOf = (call: ToolCall, result: ToolResult | undefined) => ({
  name: call.name,
  input: call.arguments,
  ...(result && { output: result.result }),
});

const dataOf = (data: Data) => ({ name: data.name, output: data.value });

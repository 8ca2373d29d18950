import type { Part, ToolCall, ToolResult } from "../../client/protocol";
import { Named } from "./Named";
import { Reasoning } from "./Reasoning";
import { Tool } from "./Tool";
import { usageOf } from "./usage";

/** An agent's own state, as AG-UI streams it: for programs. */
const STATE: ReadonlySet<string> = new Set(["state", "state_delta"]);

/** Whether something of a part is shown while its answer is written. */
export function isForReaders(part: Part): boolean {
  return part.type !== "data" || (part.value != null && !STATE.has(part.name) && usageOf(part) === null);
}

interface Props {
  parts: readonly Part[];
  running: boolean;
  /** The text of the answer has begun. */
  answering: boolean;
}

/** What an answer is made of beside its text: how the model reasoned, which tools it used, what the bot adds by name. */
export function Parts({ parts, running, answering }: Props) {
  const results = new Map(parts.filter((part): part is ToolResult => part.type === "tool_result").map((part) => [part.id, part]));
  const last = parts.findLastIndex(isForReaders);
  return parts.map((part, index) => {
    if (!isForReaders(part)) return null;
    switch (part.type) {
      case "reasoning":
        return <Reasoning key={index} text={part.text} active={running && !answering && index === last} />;
      case "tool_call":
        return <Tool key={index} {...toolOf(part, results.get(part.id))} running={running && !results.has(part.id)} />;
      case "data":
        return <Named key={index} name={part.name} value={part.value} />;
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

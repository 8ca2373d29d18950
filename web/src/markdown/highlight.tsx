/** Colours for code. Loaded when the first fence closes; classes only, so that no style is inline. */
import bash from "highlight.js/lib/languages/bash";
import cpp from "highlight.js/lib/languages/cpp";
import css from "highlight.js/lib/languages/css";
import diff from "highlight.js/lib/languages/diff";
import go from "highlight.js/lib/languages/go";
import java from "highlight.js/lib/languages/java";
import javascript from "highlight.js/lib/languages/javascript";
import json from "highlight.js/lib/languages/json";
import markdown from "highlight.js/lib/languages/markdown";
import python from "highlight.js/lib/languages/python";
import rust from "highlight.js/lib/languages/rust";
import sql from "highlight.js/lib/languages/sql";
import typescript from "highlight.js/lib/languages/typescript";
import xml from "highlight.js/lib/languages/xml";
import yaml from "highlight.js/lib/languages/yaml";
import { createLowlight } from "lowlight";
import type { ReactNode } from "react";

const lowlight = createLowlight({
  bash, cpp, css, diff, go, java, javascript, json, markdown, python, rust, sql, typescript, xml, yaml,
});
lowlight.registerAlias({ bash: ["console", "shell", "shell-session"], cpp: ["c", "c++"], javascript: ["jsx"], typescript: ["tsx"] });

type Root = ReturnType<typeof lowlight.highlight>;
type Child = Root["children"][number];

function node(child: Child, key: number): ReactNode {
  if (child.type === "text") return child.value;
  if (child.type !== "element") return null;
  const names = child.properties.className;
  return (
    <span key={key} className={Array.isArray(names) ? names.join(" ") : undefined}>
      {child.children.map(node)}
    </span>
  );
}

/** The code as coloured elements, or null if the language is none of ours. */
export function highlight(text: string, language: string): ReactNode {
  if (!lowlight.registered(language)) return null;
  return lowlight.highlight(language, text).children.map(node);
}

// How much JavaScript a first visit loads, compressed with gzip: what the page names, what that imports, and what it
// asks for by itself as soon as a chat is shown. Fails above the budget.
import { readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";

const BUDGET = 120_000;
/** What is loaded only when somebody needs it. */
const LATER = [/\/highlight\b/, /\/i18n\//, /\/dialogs\//, /\/FileList\b/, /\/several\b/, /\/character-entities\//, /\/uqr\//];
const OUTPUT = new URL("../src/unbroken/server/static/", import.meta.url);

const read = (file) => readFile(new URL(file, OUTPUT));

/** Vite's list of what was built, from what, and what it imports. */
const chunks = JSON.parse(await read("build.json"));

function collect(name, found) {
  if (found.has(name)) return;
  found.add(name);
  const { imports = [], dynamicImports = [] } = chunks[name];
  for (const other of imports) collect(other, found);
  for (const other of dynamicImports) if (!LATER.some((later) => later.test(other))) collect(other, found);
}

for (const page of ["index.html", "widget.html"]) {
  const html = String(await read(page));
  const named = Object.keys(chunks).filter((name) => chunks[name].file.endsWith(".js") && html.includes(chunks[name].file));
  const found = new Set();
  for (const name of named) collect(name, found);
  const sizes = await Promise.all([...found].map(async (name) => gzipSync(await read(chunks[name].file), { level: 9 }).length));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  console.log(`${page}: ${total} of ${BUDGET} bytes in ${sizes.length} files`);
  if (named.length === 0 || total > BUDGET) process.exitCode = 1;
}

// Puts a Brotli and a gzip copy beside every built file that gets smaller: the server sends them as they are.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";

const OUTPUT = fileURLToPath(new URL("../src/unbroken/server/static/", import.meta.url));
const TEXT = /\.(js|css|html|svg|webmanifest)$/;

const entries = await readdir(OUTPUT, { recursive: true, withFileTypes: true });

await Promise.all(
  entries
    .filter((entry) => entry.isFile() && TEXT.test(entry.name))
    .map(async (entry) => {
      const path = join(entry.parentPath ?? entry.path, entry.name);
      const content = await readFile(path);
      const copies = {
        br: await promisify(brotliCompress)(content, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: content.length } }),
        gz: await promisify(gzip)(content, { level: 9 }),
      };
      for (const [extension, copy] of Object.entries(copies)) {
        if (copy.length < content.length) await writeFile(`${path}.${extension}`, copy);
      }
    }),
);

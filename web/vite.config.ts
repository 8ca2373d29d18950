/// <reference types="vitest/config" />
import { fileURLToPath } from "node:url";

import react from "@vitejs/plugin-react";
import { defineConfig, type UserConfig } from "vite";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Where the server looks for the page: inside the Python package, ignored by git. */
const OUTPUT = at("../src/unbroken/server/static");

/** The server for `npm run dev`; the page's own requests go there. */
const BACKEND = process.env.UNBROKEN_BACKEND ?? "http://127.0.0.1:8000";

const page: UserConfig = {
  plugins: [react()],
  build: {
    outDir: OUTPUT,
    emptyOutDir: true,
    reportCompressedSize: false,
    target: "es2022",
    // the policy allows neither inline code nor data: fonts, and every browser that runs this preloads modules itself
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    // one style sheet: a part that is loaded later, on a bad connection, must not come without its own
    cssCodeSplit: false,
    manifest: "build.json",
    // what is bundled asks for its licence to go along
    license: { fileName: "licenses.md" },
    rolldownOptions: { input: { index: at("index.html"), widget: at("widget.html") } },
  },
  server: {
    proxy: Object.fromEntries(
      ["/token", "/refresh_token", "/bots", "/chat", "/sessions", "/healthz", "/readyz"].map((path) => [
        path,
        { target: BACKEND, ws: true, changeOrigin: true },
      ]),
    ),
  },
  test: {
    include: ["client/**/*.test.ts", "src/**/*.test.{ts,tsx}", "widget/**/*.test.ts"],
    environment: "node",
    restoreMocks: true,
    // nothing here waits for time; these only end what hangs, on a machine that may stand still for seconds
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
};

/** The script that other sites embed: one classic script under a name that never changes. */
const bubble: UserConfig = {
  publicDir: false,
  build: {
    outDir: OUTPUT,
    emptyOutDir: false,
    reportCompressedSize: false,
    target: "es2020",
    rolldownOptions: {
      input: at("widget/bubble.ts"),
      output: { format: "iife", entryFileNames: "widget.js" },
    },
  },
};

export default defineConfig(({ mode }) => (mode === "bubble" ? bubble : page));

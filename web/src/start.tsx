import { type ReactNode, StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { en } from "./i18n/en";
import { load, preferred } from "./i18n/languages";
import { SpeechProvider } from "./i18n/SpeechProvider";
import { loadBots } from "./shell/bots";
import { ErrorBoundary } from "./shell/ErrorBoundary";
import { applyTheme } from "./shell/theme";

import "./styles/index.css";

/** Puts a page into the document, in the reader's colours and language. */
export async function start(page: ReactNode): Promise<void> {
  applyTheme();
  loadBots();
  let language = preferred();
  const catalog = await load(language).catch(() => {
    language = "en";
    return en;
  });
  const root = document.getElementById("root");
  if (!root) throw new Error("the document has no place for the page");
  createRoot(root).render(
    <StrictMode>
      <SpeechProvider language={language} catalog={catalog}>
        <ErrorBoundary>{page}</ErrorBoundary>
      </SpeechProvider>
    </StrictMode>,
  );
}

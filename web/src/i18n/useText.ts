import { createContext, useContext } from "react";

import { en } from "./en";
import type { Language } from "./languages";
import { type Text, texts } from "./text";

export interface Speech {
  readonly language: Language;
  readonly text: Text;
  /** Changes the language of the page; null: the browser's. */
  readonly change: (language: Language | null) => void;
}

export const SpeechContext = createContext<Speech>({ language: "en", text: texts("en", en), change: () => {} });

/** The texts of the page in the reader's language. */
export const useText = (): Text => useContext(SpeechContext).text;

export const useSpeech = (): Speech => useContext(SpeechContext);

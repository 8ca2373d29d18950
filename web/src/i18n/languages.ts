/** The languages of the page. English is part of it, since it stands in for what cannot be loaded; the others come when needed. */
import { remember, remembered } from "../shell/memory";
import { en } from "./en";
import type { Catalog } from "./text";

export const LANGUAGES = { en: "English", de: "Deutsch", es: "Español", ar: "العربية" } as const;
export type Language = keyof typeof LANGUAGES;

const LOADERS: Readonly<Record<Language, () => Promise<Catalog>>> = {
  en: () => Promise.resolve(en),
  de: () => import("./de").then((module) => module.de),
  es: () => import("./es").then((module) => module.es),
  ar: () => import("./ar").then((module) => module.ar),
};

const known = (tag: string): tag is Language => Object.hasOwn(LANGUAGES, tag);

/** The language the reader chose, or the first one of the browser's that we have. */
export function preferred(): Language {
  const chosen = remembered("language");
  if (chosen && known(chosen)) return chosen;
  for (const tag of navigator.languages) {
    const [base = ""] = tag.toLowerCase().split("-");
    if (known(base)) return base;
  }
  return "en";
}

/** Keeps the choice for the next visit; null: the browser's language again. */
export function choose(language: Language | null): void {
  remember("language", language);
}

export const load = (language: Language): Promise<Catalog> => LOADERS[language]();

/** How the reader writes dates and times: the browser's own region of the language, if it has one. */
export const locale = (language: Language): string =>
  navigator.languages.find((tag) => tag.toLowerCase().split("-")[0] === language) ?? language;

export const direction = (language: Language): "ltr" | "rtl" => (language === "ar" ? "rtl" : "ltr");

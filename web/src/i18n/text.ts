/** Texts with typed keys and parameters: a missing one does not compile. */
import type { en } from "./en";

export type English = typeof en;
export type Key = keyof English;

/** Forms for a number: which ones a language needs is known to `Intl.PluralRules`. */
export type Plural = { readonly other: string } & { readonly [Rule in Intl.LDMLPluralRule]?: string };

/** A language: every text of the English one, with forms where English has forms. */
export type Catalog = { readonly [K in Key]: English[K] extends string ? string : Plural };

type Names<S> = S extends `${string}{${infer Name}}${infer Rest}` ? Name | Names<Rest> : never;
type Parameters<Value> = Value extends { other: infer Other } ? "count" | Names<Other> : Names<Value>;
type Arguments<K extends Key> = [Parameters<English[K]>] extends [never]
  ? []
  : [parameters: { readonly [Name in Parameters<English[K]>]: string | number }];

export type Text = <K extends Key>(key: K, ...parameters: Arguments<K>) => string;

/** The texts of one language. */
export function texts(language: string, catalog: Catalog): Text {
  const plural = new Intl.PluralRules(language);
  const number = new Intl.NumberFormat(language);
  return (key, ...[parameters]) => {
    const values = (parameters ?? {}) as Readonly<Record<string, string | number>>;
    const entry: string | Plural = catalog[key];
    const template = typeof entry === "string" ? entry : (entry[plural.select(Number(values.count))] ?? entry.other);
    return template.replace(/\{(\w+)\}/g, (raw, name: string) => {
      const value = values[name];
      return value === undefined ? raw : typeof value === "number" ? number.format(value) : value;
    });
  };
}

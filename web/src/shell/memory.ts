/**
 * What the browser keeps of the reader's choices. Private windows and strict settings may refuse: then they last as long
 * as the page.
 */
export type Choice = "language" | "theme" | "name" | "bot" | "sidebar";

const key = (choice: Choice): string => `unbroken.${choice}`;

const unkept = new Map<Choice, string | null>();

export function remembered(choice: Choice): string | null {
  const own = unkept.get(choice);
  if (own !== undefined) return own;
  try {
    return localStorage.getItem(key(choice));
  } catch {
    return null;
  }
}

export function remember(choice: Choice, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(key(choice));
    else localStorage.setItem(key(choice), value);
    unkept.delete(choice);
  } catch {
    unkept.set(choice, value);
  }
}

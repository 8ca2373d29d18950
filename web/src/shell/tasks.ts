import type { SavedSession } from "../../client";

/** What can be done with a chat, or with the page, in a dialog or at once. */
export type Task =
  | { readonly kind: "share" | "rename" | "delete"; readonly session: SavedSession }
  | { readonly kind: "export"; readonly session: SavedSession; readonly format: "markdown" | "json" }
  | { readonly kind: "settings" | "shortcuts" };

/** What the chat in a frame tells the page around it. None of it is secret. */
export type FromWidget =
  /** The reader wants to leave the chat. */
  | { readonly type: "unbroken.close" }
  /** Something was said. Shown only while the chat is closed. */
  | { readonly type: "unbroken.news" };

export function isFromWidget(data: unknown): data is FromWidget {
  const { type } = (data ?? {}) as Partial<FromWidget>;
  return type === "unbroken.close" || type === "unbroken.news";
}

/** For the chat: does nothing where it is not in a frame. */
export function tellHost(message: FromWidget): void {
  // the site around may be any that the server's policy lets frame this page
  if (window.parent !== window) window.parent.postMessage(message, "*");
}

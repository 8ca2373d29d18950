/** Puts a text on the clipboard. Resolves to false where the browser refuses (a page without HTTPS, a reader who said no). */
export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyByHand(text);
  }
}

/** The way before the clipboard API: it also works over plain HTTP, for example on a machine of the local network. */
function copyByHand(text: string): boolean {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "offstage";
  area.setAttribute("aria-hidden", "true");
  // an open modal dialog makes everything outside of it inert
  const parent = document.querySelector("dialog[open]") ?? document.body;
  const focused = document.activeElement;
  parent.append(area);
  area.select();
  try {
    return document.execCommand("copy");
  } catch {
    return false;
  } finally {
    area.remove();
    if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
  }
}

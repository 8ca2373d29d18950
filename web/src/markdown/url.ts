/** Schemes that a link in a chat may have. Everything else stays text. */
const SAFE = new Set(["http:", "https:", "mailto:"]);

/**
 * The address of a link, or null if nobody should be led there.
 *
 * The browser's own parser decides, because it is what would follow the link: it drops the tabs, newlines and control
 * characters with which `java\nscript:` passes a comparison of strings. Relative addresses are refused as well; they
 * would lead to this server, which the text cannot know.
 */
export function safeUrl(href: string): string | null {
  let url: URL;
  try {
    url = new URL(href);
  } catch {
    return null;
  }
  return SAFE.has(url.protocol) ? url.href : null;
}

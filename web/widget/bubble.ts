/**
 * The chat on any site, by one line: `<script src="https://chat.example/widget.js" async></script>`
 *
 * A round button in a corner opens a frame with the chat. Neither sees anything of the other: the site's styles end at a
 * shadow root, the chat's code and storage live in a frame of another origin. Nothing is fetched before the button is
 * pressed, and nothing ever from anywhere else. It needs no inline style and no HTML string, so that it works under a
 * strict Content-Security-Policy; the site's policy must allow the chat's origin in `script-src` and `frame-src`.
 *
 * Attributes of the script: `data-position` (`right` or `left`), `data-label` (what the button is called, by default
 * "Chat"), `data-color` (of the button), `data-open` (opens by itself), `data-bot` (which of the server's bots answers;
 * without it the reader chooses where there are several).
 */
import { isFromWidget } from "./messages";

const STYLE = `
  :host { all: initial; position: fixed; z-index: 2147483000; inset-block-end: 20px; inset-inline: auto 20px; direction: ltr; }
  :host([data-position="left"]) { inset-inline: 20px auto; }
  button {
    all: unset; box-sizing: border-box; position: relative; display: grid; place-items: center; inline-size: 56px;
    block-size: 56px; border-radius: 50%; margin-inline-start: auto; color: #fff; background: var(--color);
    box-shadow: 0 4px 16px rgb(0 0 0 / 0.28); cursor: pointer;
  }
  :host([data-position="left"]) button { margin-inline: 0 auto; }
  button:focus-visible { outline: 3px solid var(--color); outline-offset: 3px; }
  button.news::after {
    content: ""; position: absolute; inset-block-start: 2px; inset-inline-end: 2px; inline-size: 12px; block-size: 12px;
    border-radius: 50%; background: #e5484d; border: 2px solid #fff;
  }
  svg { inline-size: 30px; block-size: 30px; fill: none; stroke: currentcolor; stroke-width: 2.2; stroke-linejoin: round; }
  iframe {
    display: block; inline-size: min(400px, 100vw - 40px); block-size: min(640px, 100dvh - 116px); border: 0;
    border-radius: 16px; margin-block-end: 14px; box-shadow: 0 12px 48px rgb(0 0 0 / 0.28); color-scheme: normal;
  }
  [hidden] { display: none; }
  @media (max-width: 480px), (max-height: 480px) {
    :host([data-open]) { inset: 0; }
    iframe { inline-size: 100vw; block-size: 100dvh; border-radius: 0; margin: 0; }
    :host([data-open]) button { display: none; }
  }
  @media (prefers-reduced-motion: no-preference) {
    button { transition: scale 0.15s; }
    button:hover { scale: 1.06; }
    iframe { animation: appear 0.18s ease-out; }
    @keyframes appear { from { opacity: 0; translate: 0 12px; } }
  }
`;

const TAG = "unbroken-chat";
const OPEN = "M7 17.5V14.7A7.5 7.5 0 1 1 12 16.5H10.3Z M8.3 9.5q1.85-2.8 3.7 0t3.7 0";
const CLOSE = "M6 6 18 18 M18 6 6 18";

function install(script: HTMLScriptElement): void {
  if (document.querySelector(TAG)) return;
  const { origin } = new URL(script.src);
  const { position = "right", label = "Chat", color = "", bot, open: openAtOnce } = script.dataset;

  const host = document.createElement(TAG);
  host.dataset.position = position;
  const root = host.attachShadow({ mode: "closed" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);
  root.adoptedStyleSheets = [sheet];
  // a property, not an attribute: policies against inline styles do not concern it
  host.style.setProperty("--color", CSS.supports("color", color) ? color : "#0b675d");

  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("aria-label", label);
  button.setAttribute("aria-expanded", "false");
  const picture = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  picture.setAttribute("viewBox", "0 0 24 24");
  picture.setAttribute("aria-hidden", "true");
  const line = picture.appendChild(document.createElementNS(picture.namespaceURI, "path"));
  line.setAttribute("d", OPEN);
  button.append(picture);
  root.append(button);

  let frame: HTMLIFrameElement | null = null;

  function load(): HTMLIFrameElement {
    frame = document.createElement("iframe");
    frame.title = label;
    frame.src = `${origin}/widget${bot ? `?bot=${encodeURIComponent(bot)}` : ""}`;
    frame.allow = "clipboard-write";
    frame.referrerPolicy = "no-referrer";
    // it may do what a chat does, and not lead the site's own page elsewhere
    frame.setAttribute("sandbox", "allow-scripts allow-same-origin allow-forms allow-popups allow-popups-to-escape-sandbox allow-downloads");
    root.prepend(frame);
    return frame;
  }

  function show(open: boolean, focus = true): void {
    const shown = frame ?? load();
    shown.hidden = !open;
    host.toggleAttribute("data-open", open);
    button.setAttribute("aria-expanded", String(open));
    line.setAttribute("d", open ? CLOSE : OPEN);
    button.classList.remove("news");
    if (focus) (open ? shown : button).focus();
  }

  button.addEventListener("click", () => show(!host.hasAttribute("data-open")));
  root.addEventListener("keydown", (event) => {
    if ((event as KeyboardEvent).key === "Escape" && host.hasAttribute("data-open")) show(false);
  });
  // what is pressed inside the frame is heard only there: the chat passes it on
  window.addEventListener("message", ({ data, origin: from, source }) => {
    if (from !== origin || source !== frame?.contentWindow || !isFromWidget(data)) return;
    if (data.type === "unbroken.close") show(false);
    else if (frame.hidden) button.classList.add("news");
  });

  document.body.append(host);
  if (openAtOnce !== undefined) show(true, false);
}

const script = document.currentScript;
if (script instanceof HTMLScriptElement) {
  if (document.body) install(script);
  else document.addEventListener("DOMContentLoaded", () => install(script));
}

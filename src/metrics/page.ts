import type { Content } from "./markup.ts";
import { html } from "./markup.ts";
import { style } from "./style.ts";

/** Returns an HTML document that asks for nothing outside itself and runs nothing. */
export function page(title: string, kind: string, body: Content, footer: string): string {
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title} · Palimpsest</title><style>${{ markup: style }}</style></head>
<body><main>
<header><small>Palimpsest · ${kind}</small><h1>${title}</h1></header>
${body}
<footer>${footer}</footer>
</main></body></html>
`.markup;
}

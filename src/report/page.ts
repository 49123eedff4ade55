import { STYLE } from './style.ts';
import type { TextTable } from './summary.ts';

/** The page asks for nothing and runs nothing. */
const CONTENT_POLICY = "default-src 'none'; style-src 'unsafe-inline'";

/** One self-contained page: no scripts, no requests, light and dark. @param body HTML, escaped where it must be */
export function page(title: string, leads: readonly string[], body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${CONTENT_POLICY}">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<header>
<h1>${escapeHtml(title)}</h1>
${leads
  .filter((lead) => lead !== '')
  .map((lead) => `<p>${escapeHtml(lead)}</p>`)
  .join('\n')}
</header>
${body}
</main>
</body>
</html>
`;
}

/** @param body HTML */
export function section(title: string, lead: string, body: string): string {
  return `<section><h2>${escapeHtml(title)}</h2>${lead === '' ? '' : `<p>${escapeHtml(lead)}</p>`}${body}</section>`;
}

/** Columns after the first whose cells begin with a digit are numbers and stand right. */
export function table({ head, rows }: TextTable): string {
  const kinds = head.map((_, column) =>
    column > 0 && rows.every((row) => /^[-\d]/.test(row[column])) ? ' class="number"' : '',
  );
  const cells = (tag: string, row: readonly string[]) =>
    row.map((cell, i) => `<${tag}${kinds[i]}>${escapeHtml(cell)}</${tag}>`).join('');
  const title = head.some((cell) => cell !== '') ? `<thead><tr>${cells('th', head)}</tr></thead>` : '';
  return `<table>${title}<tbody>${rows.map((row) => `<tr>${cells('td', row)}</tr>`).join('')}</tbody></table>`;
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

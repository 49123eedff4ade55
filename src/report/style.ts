/** Colours of the heat map, few bits to many, with a readable ink on each; one hue, its lightness carries the value. */
const HEAT_LIGHT = ['#e3eefb', '#c3dbf5', '#98c1ec', '#6aa3df', '#3f83cc', '#2263a8', '#12406f'];
const HEAT_DARK = ['#17283b', '#1d3a59', '#24507c', '#2d69a3', '#4586c6', '#74a9e0', '#b4d3f3'];
const DARK_INK = '#12202e';
const LIGHT_INK = '#f4f8fc';

function heat(colors: readonly string[], ink: (index: number) => string): string {
  return colors.map((color, i) => `--heat-${i + 1}:${color};--on-heat-${i + 1}:${ink(i)};`).join('');
}

const LIGHT = `color-scheme:light;--page:#f6f7f9;--surface:#ffffff;--ink:#16202b;--ink-2:#465462;--muted:#7b8794;--line:#dde3e9;
--predicted:#2a6fc9;--measured:#c8500a;--peer:#7a5fb0;${heat(HEAT_LIGHT, (i) => (i < 4 ? DARK_INK : LIGHT_INK))}`;
const DARK = `color-scheme:dark;--page:#0e141b;--surface:#161e27;--ink:#e8eef4;--ink-2:#b3bfcb;--muted:#8391a0;--line:#2a3541;
--predicted:#6fa8ee;--measured:#f08c4a;--peer:#b39ae0;${heat(HEAT_DARK, (i) => (i < 4 ? LIGHT_INK : DARK_INK))}`;

/** The page's stylesheet: system fonts, both colour schemes, readable at any width and in print. */
export const STYLE = `
:root{${LIGHT}}
@media (prefers-color-scheme:dark){:root{${DARK}}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:960px;margin:0 auto;padding:32px 20px 64px}
h1{font-size:26px;line-height:1.25;margin:0 0 4px}
h2{font-size:17px;margin:0 0 4px}
p{margin:0 0 12px;color:var(--ink-2)}
section{background:var(--surface);border:1px solid var(--line);border-radius:10px;padding:20px;margin-top:16px;overflow-x:auto}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(140px,1fr));gap:12px;margin-top:20px}
.tile{background:var(--surface);border:1px solid var(--line);border-radius:10px;padding:14px 16px}
.tile b{display:block;white-space:nowrap;font-size:22px;font-weight:600;line-height:1.3}
.tile span,.tile small{display:block;color:var(--ink-2);font-size:13px}
.tile small{color:var(--muted)}
.columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(400px,1fr));gap:16px}
.columns>section{margin-top:0}
.stack{margin-top:16px}
.legend{display:flex;flex-wrap:wrap;gap:4px 18px;font-size:13px;color:var(--ink-2);margin:0 0 8px}
.legend i{display:inline-block;width:14px;height:14px;border-radius:3px;margin-right:6px;vertical-align:-2px}
.legend i.dot{border-radius:50%}
.legend i.rule{height:0;border-top:2px dashed var(--muted);border-radius:0;vertical-align:4px}
code,footer{overflow-wrap:anywhere}
.narrow{display:none}
svg{display:block;max-width:100%;height:auto;color:var(--ink-2);--plot-background:var(--surface)}
svg text{white-space:pre;font-variant-numeric:tabular-nums}
table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}
th{text-align:left;font-weight:600;color:var(--ink-2);border-bottom:1px solid var(--line);padding:5px 14px 5px 0;white-space:nowrap}
td{border-bottom:1px solid var(--line);padding:5px 14px 5px 0;white-space:nowrap}
tr:last-child td{border-bottom:0}
.number{text-align:right}
pre{background:var(--page);border:1px solid var(--line);border-radius:8px;padding:10px 12px;margin:4px 0 12px;overflow-x:auto;font:13px/1.5 ui-monospace,Menlo,Consolas,monospace}
summary{cursor:pointer;font-weight:600}
details table{margin-top:12px}
footer{margin-top:20px;font-size:13px;color:var(--muted)}
@media (max-width:640px){.wide{display:none}.narrow{display:block}main{padding:20px 12px 48px}section{padding:14px 12px}h1{font-size:21px}.columns{grid-template-columns:1fr}.tiles{grid-template-columns:1fr 1fr;gap:8px}.tile{padding:10px 12px}.tile b{font-size:18px}}
@media print{section,.tile{break-inside:avoid}}
`;

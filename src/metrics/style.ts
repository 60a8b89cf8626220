/** Colours of lines and paper, in light and in dark; lines are those of Okabe and Ito, 2008, adapted to white and to near black. */
export const colors: string = `:root{color-scheme:light dark;--page:#fbfaf7;--card:#fff;--ink:#1d1c1a;--muted:#6a675f;--rule:#e4e0d6;--heat:#0b5f96;--strong:#fff;--middling:#1d1c1a;
--c0:#0072b2;--c1:#d55e00;--c2:#008c66;--c3:#b8578f;--c4:#c98a00;--c5:#3a9fd8;--c6:#6f6a61;--c7:#7a6a00}
@media (prefers-color-scheme:dark){:root{--page:#141412;--card:#1d1c1a;--ink:#efece4;--muted:#a19c91;--rule:#35332e;--heat:#58b4ec;--strong:#0d0d0c;--middling:#0d0d0c;
--c0:#58b4ec;--c1:#ff8b4a;--c2:#35c79b;--c3:#e596c4;--c4:#f1b434;--c5:#9bd7fb;--c6:#b9b3a7;--c7:#d8ca52}}
`;

/** What charts are drawn with. */
export const drawing: string = `text{fill:var(--muted);font-size:12px;font-variant-numeric:tabular-nums}
.end{text-anchor:end}.middle{text-anchor:middle}
text.strong{fill:var(--strong)}text.middling{fill:var(--middling)}text.weak{fill:var(--ink)}
.grid{stroke:var(--rule)}.axis{stroke:var(--muted)}.boundary{stroke:var(--muted);stroke-dasharray:2 4}
.stroke{fill:none;stroke:currentColor;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.faint{opacity:.3}.d1{stroke-dasharray:7 4}.d2{stroke-dasharray:1.5 4}
.band{fill:currentColor;opacity:.2}
.s0{color:var(--c0)}.s1{color:var(--c1)}.s2{color:var(--c2)}.s3{color:var(--c3)}.s4{color:var(--c4)}.s5{color:var(--c5)}.s6{color:var(--c6)}.s7{color:var(--c7)}
`;

/** The style sheet of a report. */
export const style: string = `
${colors}*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:1240px;margin:0 auto;padding:40px 24px 64px}
h1{margin:0;font-size:28px;line-height:1.2;letter-spacing:-.01em}
h2{margin:44px 0 14px;font-size:19px}
h3{margin:0 0 12px;font-size:16px;display:flex;align-items:center;gap:8px}
.muted,small{color:var(--muted)}small{font-size:13px;font-weight:400}
.runs,.run>div{display:grid;gap:0 18px;align-items:start;grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr))}
.run h3{grid-column:1/-1}
.tiles{display:grid;gap:18px;grid-template-columns:repeat(auto-fit,minmax(220px,1fr));margin-top:24px}
.tile,figure,.table{background:var(--card);border:1px solid var(--rule);border-radius:10px}
.tile{padding:14px 18px;border-left-width:5px}
.tile b{display:block;font-size:32px;line-height:1.2;font-weight:650;font-variant-numeric:tabular-nums}
figure{margin:0 0 18px;padding:14px 16px 12px;break-inside:avoid;overflow-x:auto}
figcaption{font-weight:600;margin-bottom:6px}
figure>svg{display:block;width:100%;height:auto}svg.wide{min-width:760px}
${drawing}.fall{fill:none;stroke:currentColor;stroke-width:5;opacity:.45}.happened{stroke:var(--c1);stroke-dasharray:5 3}
.area{fill:currentColor;stroke:var(--card);stroke-width:.5;opacity:.8}.swatch{stroke:currentColor;stroke-width:8}
.tile{border-left-color:currentColor}.tile>*{color:var(--ink)}.tile>.muted{color:var(--muted)}
.cell{fill:var(--heat)}.own{stroke:var(--ink);stroke-width:1.2}
.legend{display:flex;flex-wrap:wrap;gap:2px 16px;margin:8px 0 0;padding:0;list-style:none;font-size:13px;color:var(--muted)}
.legend svg{width:22px;height:8px;margin-right:6px;vertical-align:middle}
.dot{width:11px;height:11px;border-radius:50%;background:currentColor}
.table{overflow-x:auto;margin-bottom:18px}
table{border-collapse:collapse;width:100%;font-size:14px}
th,td{padding:7px 16px;text-align:left;border-top:1px solid var(--rule);vertical-align:top}
tr:first-child>*{border-top:0}
thead th{color:var(--muted);font-weight:600}
tbody th{font-weight:400}
td{font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
td.best{font-weight:700}tr.differs{background:color-mix(in srgb,var(--c4) 12%,transparent)}
th small,td small{display:block}
footer{margin-top:36px;color:var(--muted);font-size:13px}
@media print{body{background:none}main{max-width:none;padding:0}}
`;

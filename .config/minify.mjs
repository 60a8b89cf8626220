/**
 * Returns WGSL without comments and needless blanks. A blank between operators stays: `a - -b` and `a / *p` mean something else without.
 * @param {string} source
 * @returns {string}
 */
export function minifyShader(source) {
  return withoutComments(source)
    .replace(/\s+/g, " ")
    .replace(/ ?([{}()[\];,:]) ?/g, "$1")
    .trim();
}

/** Block comments nest in WGSL, so no regular expression finds their ends. @param {string} source */
function withoutComments(source) {
  let text = "";
  let depth = 0;
  let kept = 0;
  for (const match of source.matchAll(/\/\/.*|\/\*|\*\//g)) {
    if (match.index < kept) continue;
    const [token] = match;
    if (depth === 0) {
      if (token === "*/") continue;
      text += `${source.slice(kept, match.index)} `;
    }
    if (token === "/*") depth++;
    if (token === "*/") depth--;
    kept = match.index + (depth > 0 && token.startsWith("//") ? 2 : token.length);
  }
  return depth > 0 ? text : text + source.slice(kept);
}

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
  for (let at = 0; at < source.length; ) {
    const two = source.slice(at, at + 2);
    if (depth === 0 && two === "//") {
      at = `${source}\n`.indexOf("\n", at);
    } else if (two === "/*") {
      depth++;
      at += 2;
    } else if (depth > 0 && two === "*/") {
      depth--;
      at += 2;
      text += " ";
    } else {
      if (depth === 0) text += source[at];
      at++;
    }
  }
  return text;
}

/** What `src/` says of itself: the functions of its public namespaces with their docstrings and the tables of their options. */
import { fileURLToPath } from "node:url";
import ts from "typescript";

/** @typedef {{ text: string, throws: string, see: string }} Doc */
/** @typedef {{ name: string, type: string, required: boolean, standard: string | undefined, meaning: string, text: string }} Member `text` is all that is said, `meaning` that without the default */
/** @typedef {{ title: string, members: readonly Member[] }} Table */
/** @typedef {{ name: string, doc: Doc, alias?: string, members: readonly Member[], uses: readonly string[] }} Type */
/** @typedef {{ name: string, signature: string, doc: Doc, tables: readonly Table[], uses: readonly string[] }} Maker */

const root = fileURLToPath(new URL("..", import.meta.url));

/** Returns the functions of each namespace by name, and the other exported types by name. @param {readonly string[]} namespaces */
export function readSource(namespaces) {
  const config = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile).config;
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const program = ts.createProgram([`${root}src/index.ts`], options);
  const checker = program.getTypeChecker();
  const resolve = (/** @type {ts.Symbol} */ symbol) => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol);
  const index = checker.getSymbolAtLocation(/** @type {ts.SourceFile} */ (program.getSourceFile(`${root}src/index.ts`)));
  const all = checker.getExportsOfModule(/** @type {ts.Symbol} */ (index));
  /** @type {Map<string, Map<string, Maker>>} */
  const makers = new Map();
  /** @type {Map<string, Type>} */
  const types = new Map();
  for (const namespace of namespaces) {
    const module = resolve(/** @type {ts.Symbol} */ (all.find(({ name }) => name === namespace)));
    const found = new Map();
    for (const symbol of checker.getExportsOfModule(module)) {
      const [declaration] = resolve(symbol).declarations ?? [];
      if (declaration === undefined) continue;
      if (ts.isFunctionDeclaration(declaration)) found.set(symbol.name, makerOf(namespace, symbol.name, declaration));
      else if (ts.isInterfaceDeclaration(declaration) || ts.isTypeAliasDeclaration(declaration))
        types.set(symbol.name, typeOf(declaration));
    }
    makers.set(namespace, found);
  }
  return { makers, types };

  /** @param {string} namespace @param {string} name @param {ts.FunctionDeclaration} declaration @returns {Maker} */
  function makerOf(namespace, name, declaration) {
    const { parameters, type } = declaration;
    const given = parameters.map((parameter) => {
      const optional = parameter.questionToken !== undefined || parameter.initializer !== undefined;
      const written = parameter.type === undefined ? "" : `: ${textOf(parameter.type)}`;
      return `${parameter.dotDotDotToken ? "..." : ""}${parameter.name.getText()}${optional ? "?" : ""}${written}`;
    });
    const own = parameters.flatMap(({ name, type }) => (type !== undefined && /^(options|bounds)$/.test(name.getText()) ? [type] : []));
    const read = [...parameters.flatMap(({ type }) => type ?? []), ...(type ? [type] : []), ...own.flatMap(inside)];
    return {
      name,
      signature: `${namespace}.${name}(${given.join(", ")})${type === undefined ? "" : `: ${textOf(type)}`}`,
      doc: docOf(declaration),
      tables: own.map((type) => ({ title: textOf(type), members: membersOf(checker.getTypeFromTypeNode(type)) })),
      uses: read.flatMap(referencesIn).map(({ text }) => text),
    };
  }

  /** Returns the type nodes of a type's members. @param {ts.TypeNode} type @returns {ts.TypeNode[]} */
  function inside(type) {
    const properties = checker.getTypeFromTypeNode(type).getProperties();
    return properties.flatMap(({ declarations = [] }) =>
      declarations.flatMap((each) => (ts.isPropertySignature(each) && each.type ? [each.type] : [])),
    );
  }

  /** @param {ts.InterfaceDeclaration | ts.TypeAliasDeclaration} declaration @returns {Type} */
  function typeOf(declaration) {
    const type = checker.getTypeAtLocation(declaration);
    const alias = ts.isTypeAliasDeclaration(declaration) ? textOf(declaration.type) : undefined;
    return {
      name: declaration.name.text,
      doc: docOf(declaration),
      ...(alias !== undefined && { alias }),
      members: alias === undefined ? membersOf(type) : [],
      uses: referencesIn(declaration)
        .map(({ text }) => text)
        .filter((name) => name !== declaration.name.text),
    };
  }

  /** @param {ts.Type} type @returns {Member[]} */
  function membersOf(type) {
    return type.getProperties().flatMap((property) => {
      const [declaration] = property.declarations ?? [];
      if (declaration === undefined) return [];
      const { text } = docOf(declaration);
      if (ts.isMethodSignature(declaration)) {
        const parameters = declaration.parameters.map((parameter) => parameter.getText().replace(/\s+/g, " ")).join(", ");
        return [
          {
            name: `${property.name}(${parameters})`,
            type: declaration.type ? textOf(declaration.type) : "",
            required: true,
            standard: undefined,
            meaning: text,
            text,
          },
        ];
      }
      if (!ts.isPropertySignature(declaration) || declaration.type === undefined) return [];
      const { standard, meaning } = defaultOf(text || docOfAlias(declaration.type));
      const required = declaration.questionToken === undefined && !(property.flags & ts.SymbolFlags.Optional);
      return [{ name: property.name, type: textOf(declaration.type), required, standard, meaning, text }];
    });
  }

  /** Returns how a type is written, its unions of literals written out. @param {ts.TypeNode} type @returns {string} */
  function textOf(type) {
    return referencesIn(type)
      .reduce((text, reference) => {
        const literals = aliasOf(reference)?.type.getText();
        return literals === undefined ? text : text.replace(new RegExp(`\\b${reference.text}\\b`), literals);
      }, type.getText())
      .replace(/\s+/g, " ")
      .replace(/^\| /, "");
  }

  /** Returns what is said of the union of literals that a type is. @param {ts.TypeNode} type */
  function docOfAlias(type) {
    const alias = ts.isTypeReferenceNode(type) && ts.isIdentifier(type.typeName) ? aliasOf(type.typeName) : undefined;
    return alias === undefined ? "" : docOf(alias).text;
  }

  /** Returns the union of literals that a name stands for. @param {ts.Identifier} name */
  function aliasOf(name) {
    const symbol = checker.getSymbolAtLocation(name);
    const [declaration] = (symbol && resolve(symbol).declarations) ?? [];
    if (declaration === undefined || !ts.isTypeAliasDeclaration(declaration) || !ts.isUnionTypeNode(declaration.type)) return undefined;
    return declaration.type.types.every((type) => ts.isLiteralTypeNode(type)) ? declaration : undefined;
  }
}

/** Returns the names of types that stand in a node. @param {ts.Node} node @returns {ts.Identifier[]} */
function referencesIn(node) {
  const name = ts.isTypeReferenceNode(node) ? node.typeName : ts.isExpressionWithTypeArguments(node) ? node.expression : undefined;
  /** @type {ts.Identifier[]} */
  const found = name !== undefined && ts.isIdentifier(name) ? [name] : [];
  ts.forEachChild(node, (child) => void found.push(...referencesIn(child)));
  return found;
}

/** Returns the docstring of a declaration in its parts. TypeScript's own reading takes the first word of `@see` for a name. @param {ts.Node} node @returns {Doc} */
export function docOf(node) {
  const comments = /** @type {{ jsDoc?: readonly ts.JSDoc[] }} */ (/** @type {unknown} */ (node)).jsDoc ?? [];
  const raw = comments.at(-1)?.getText() ?? "";
  const lines = raw
    .replace(/^\/\*\*|\*\/$/g, "")
    .split("\n")
    .map((line) => line.replace(/^\s*\* ?/, "").trimEnd());
  const [text = "", ...tags] = lines.join("\n").split(/(?:^|\s)(?=@(?:throws|see)\b)/);
  const tag = (/** @type {string} */ name) =>
    tags
      .flatMap((each) =>
        each.startsWith(`@${name}`)
          ? [
              each
                .slice(name.length + 1)
                .replace(/\s+/g, " ")
                .trim(),
            ]
          : [],
      )
      .join("; ");
  return {
    text: text
      .trim()
      .replace(/\n(?!\n)/g, " ")
      .replace(/\n +/g, "\n\n"),
    throws: tag("throws"),
    see: tag("see"),
  };
}

/** Returns the default that a docstring names, and what it says besides. @param {string} text */
export function defaultOf(text) {
  const marked = /(["`][\w.-]+["`]|[\w.-]+|\S+)(?: \(default\)|, default\))/.exec(text);
  if (marked) return { standard: marked[1]?.replaceAll("`", '"').replace(/^[(]/, ""), meaning: text };
  const sentence = /(?:^|\s)Default:? ([\d.e+-]+(?=,)|.+?(?=[.:;](?:\s|$)))([.:;,])\s*/.exec(text);
  const clause = /[,;(] ?default:? (.+?)(?=[.:;,)]+(?:\s|$)|$)([.:;,)]?)/.exec(text);
  const found = sentence ?? clause;
  if (found === null) return { standard: undefined, meaning: text };
  const [whole, value, end] = found;
  const standard = value?.replaceAll("`", '"');
  if (end !== ".") return { standard, meaning: text };
  const rest = `${text.slice(0, found.index)}${sentence ? " " : ". "}${text.slice(found.index + whole.length)}`;
  return { standard, meaning: rest.replace(/\s+/g, " ").trim() };
}

/**
 * Serves `demo/` at / and `dist/` at /dist/ until interrupted, TypeScript as JavaScript, under the headers that let threads share memory.
 * Prints the address. Option: `--port N` (8080; 0 takes a free one).
 */
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname } from "node:path";
import { parseArgs } from "node:util";
import { transform } from "esbuild";
import { isolation } from "./browsers.mjs";

const root = new URL("..", import.meta.url);
/** @type {Readonly<Record<string, string>>} */
const types = {
  ".css": "text/css",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".json": "application/json",
  ".map": "application/json",
  ".svg": "image/svg+xml",
  ".ts": "text/javascript",
  ".wasm": "application/wasm",
};

const { values } = parseArgs({ options: { port: { type: "string", default: "8080" } } });
const server = createServer((request, response) => {
  send(request.url ?? "/", response).catch(() => response.writeHead(404, { "Content-Type": "text/plain" }).end("not found\n"));
});
server.on("error", (error) => {
  console.error(`serve: ${error.message}`);
  process.exitCode = 1;
});
server.listen(Number(values.port), "127.0.0.1", () => {
  const address = /** @type {import("node:net").AddressInfo} */ (server.address());
  console.log(`http://localhost:${address.port}/`);
});

/** @param {string} target @param {import("node:http").ServerResponse} response */
async function send(target, response) {
  // Parsing takes every `..` out of a path; with nothing encoded left, it names no file outside the two folders.
  const { pathname } = new URL(target, "http://localhost");
  if (!/^[\w./-]*$/.test(pathname)) throw new Error("not a plain path");
  const file = new URL(pathname.startsWith("/dist/") ? `.${pathname}` : `./demo${pathname.replace(/\/$/, "/index.html")}`, root);
  const bytes = await readFile(file);
  const extension = extname(file.pathname);
  const body = extension === ".ts" ? (await transform(bytes, { loader: "ts", target: "es2022", sourcemap: "inline" })).code : bytes;
  response
    .writeHead(200, { ...isolation, "Content-Type": types[extension] ?? "application/octet-stream", "Cache-Control": "no-store" })
    .end(body);
}

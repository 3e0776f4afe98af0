// Serves a folder on this machine only: `node serve.mjs FOLDER [PORT]` prints the address.

import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm" };

/** Serves `folder`; resolves to the server once it listens. */
export function serve(folder, port = 0) {
  const server = createServer(async ({ url }, answer) => {
    try {
      const path = normalize(decodeURIComponent(new URL(url, "http://localhost").pathname));
      const bytes = await readFile(join(resolve(folder), path.endsWith("/") ? join(path, "index.html") : path));
      answer.writeHead(200, { "content-type": TYPES[extname(path) || ".html"] ?? "application/octet-stream" }).end(bytes);
    } catch {
      answer.writeHead(404).end();
    }
  });
  return new Promise((listens, failed) => server.on("error", failed).listen(port, "127.0.0.1", () => listens(server)));
}

if (resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const server = await serve(process.argv[2], Number(process.argv[3] ?? 0));
  console.log(`http://127.0.0.1:${server.address().port}/`);
}

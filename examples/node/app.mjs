// A small app: users sign in, see only their own documents, and download them through NGINX.
//
//     node app.mjs site.json [PORT, or path of a Unix socket]

import { createHash, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

import { Refused } from "./xaccel/refused.mjs";
import { sendFile } from "./xaccel/send-file.mjs";
import { readSite } from "./xaccel/site.mjs";

const [, , siteFile = "site.json", listen = "8000"] = process.argv;
const site = readSite(JSON.parse(readFileSync(siteFile, "utf8")));

// A real app has these in its database. The passwords of this example are the names.
const people = new Map(["reader", "stranger"].map((name) => [name, digest(name)]));
const documents = new Map([
  [1, { key: "minutes + 100%.pdf", title: 'Minutes "final" 四半期', etag: "v1", readers: ["reader"] }],
]);

function digest(text) {
  return createHash("sha256").update(text).digest();
}

function userOf(request) {
  const [scheme, credentials = ""] = (request.headers.authorization ?? "").split(" ");
  const [, name, password] = /^([^:]*):(.*)$/s.exec(Buffer.from(credentials, "base64").toString()) ?? [];
  const known = people.get(name);
  return scheme === "Basic" && known && timingSafeEqual(known, digest(password)) ? name : undefined;
}

function page(response, status, text, headers = {}) {
  response.writeHead(status, { "Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store", ...headers });
  response.end(`${text}\n`);
}

function answer(request, response) {
  const user = userOf(request);
  if (!user) return page(response, 401, "Sign in first.", { "WWW-Authenticate": 'Basic realm="documents"' });

  const id = /^\/documents\/([0-9]{1,9})$/.exec(request.url)?.[1];
  const document = documents.get(Number(id));
  if (!document?.readers.includes(user)) return page(response, 404, "No such document.");

  const transfer = sendFile(site, request, response, {
    key: document.key,
    options: { filename: `${document.title}.pdf`, as_attachment: true, etag: document.etag, subject: user },
  });
  console.log(JSON.stringify({ transfer, user, document: Number(id) }));
}

createServer((request, response) => {
  try {
    answer(request, response);
  } catch (error) {
    console.error(error instanceof Refused ? `refused ${error.message}` : error);
    if (!response.headersSent) page(response, 500, "This document cannot be sent.");
  }
}).listen(/^[0-9]+$/.test(listen) ? { host: "127.0.0.1", port: Number(listen) } : { path: listen });

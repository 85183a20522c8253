// Node, on examples/node/xaccel.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";

import { Refused } from "../../../examples/node/xaccel/refused.mjs";
import { sendFile } from "../../../examples/node/xaccel/send-file.mjs";
import { readSite } from "../../../examples/node/xaccel/site.mjs";

const { ADAPTERS_SITE, ADAPTERS_DECISIONS, ADAPTERS_LISTEN } = process.env;
const site = readSite(JSON.parse(readFileSync(ADAPTERS_SITE, "utf8")));
const decisions = JSON.parse(readFileSync(ADAPTERS_DECISIONS, "utf8"));

function page(response, status, text) {
  response.writeHead(status, { "Content-Type": "text/plain", "Cache-Control": "no-store" });
  response.end(text);
}

createServer((request, response) => {
  const { pathname } = new URL(request.url, "http://app");
  const { send, deny } = decisions[pathname.replace("/download/", "")];
  if (deny) return page(response, deny.status, "");
  try {
    sendFile(site, request, response, send);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    page(response, 400, error.kind);
  }
}).listen(ADAPTERS_LISTEN);

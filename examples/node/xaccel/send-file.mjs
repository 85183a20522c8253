// The function that an app calls: hand a file to NGINX.

import { answerToConditions, headersOfAnswer } from "./conditions.mjs";
import { handOff } from "./handoff.mjs";
import { originOfUrl } from "./site.mjs";
import { newTransferId } from "./transfer-id.mjs";

/**
 * Respond to `request` with the hand-off of one file. Check the permission before the call.
 *
 * `call` names the object: `key`, or `url` instead, in `origin` (optional if the site has only one, and for a URL),
 * optionally its `bucket`, and `options`. With `origin`, `url` may be a function that makes the URL for "GET" or "HEAD".
 * Throws Refused for invalid keys or options, before anything is sent.
 *
 * Returns the transfer id, which is also in NGINX's log entry: log it with the decision.
 */
export function sendFile(site, request, response, call) {
  if ((call.key === undefined) === (call.url === undefined)) throw new TypeError("give a key or a url, and not both");
  if (typeof call.url === "function" && !call.origin) throw new TypeError("a function that makes the URL needs an origin");
  const now = new Date();
  const id = newTransferId(now);
  const origin = call.origin ?? (call.url === undefined ? onlyOrigin(site) : originOfUrl(site, call.url));
  const made = handOff(site, { ...call, origin, method: request.method }, now, id);
  const status = answerToConditions(request.method, request.headers, made.seen);
  const headers = status ? headersOfAnswer(made.seen) : made.headers;
  // A 304 gets no Content-Length: it would be the length of the file.
  response.writeHead(status ?? made.status, [...headers, ...(status === 304 ? [] : [["Content-Length", "0"]])].flat());
  response.end();
  return id;
}

function onlyOrigin(site) {
  if (site.origins.size !== 1) throw new TypeError("the site has several origins: name one");
  return site.origins.keys().next().value;
}

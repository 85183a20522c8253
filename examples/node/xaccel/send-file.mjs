// The one line in an app: hand a file to NGINX.

import { answerToConditions, headersOfAnswer } from "./conditions.mjs";
import { handOff } from "./handoff.mjs";
import { originOfUrl } from "./site.mjs";
import { newTransferId } from "./transfer-id.mjs";

/**
 * Answer `request` with the hand-off of one file. The permission is the caller's to check, before.
 *
 * `call` names the object: `key`, or `url` instead, in `origin` (may be left out where the site has one, and for a URL),
 * perhaps its `bucket`, and `options`. With `origin`, `url` may be a function that makes the URL for "GET" or "HEAD".
 * Throws Refused for what cannot be sent; nothing was sent then.
 *
 * Returns the transfer id, which NGINX's line has too: log it beside the decision.
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
  // A 304 has no length of its own: Content-Length would be the file's.
  response.writeHead(status ?? made.status, [...headers, ...(status === 304 ? [] : [["Content-Length", "0"]])].flat());
  response.end();
  return id;
}

function onlyOrigin(site) {
  if (site.origins.size !== 1) throw new TypeError("the site has several origins: name one");
  return site.origins.keys().next().value;
}

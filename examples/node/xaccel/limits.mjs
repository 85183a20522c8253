// Headers for the rate and the concurrency limit of a transfer.

import { createHash } from "node:crypto";

import { requireNumber, valueOk } from "./headers.mjs";
import { refuseOption } from "./refused.mjs";

const UNLIMITED = "unlimited";
const LONGEST_KEY = 255;

/** Return the private headers; those with NGINX's default value are omitted. */
export function limitHeaders(site, options) {
  const headers = [];
  const { limit_rate: rate, limit_rate_after: after } = options;
  if (rate !== undefined) {
    headers.push(["Xaccel-Rate", rate === UNLIMITED ? "0" : requireNumber(rate, "limit_rate", 1)]);
  }
  if (after !== undefined) headers.push(["Xaccel-Rate-After", requireNumber(after, "limit_rate_after", 0)]);
  return [...headers, ...concurrency(site, options)];
}

function concurrency(site, { concurrency: name = "", concurrency_key: own = "", subject = "" }) {
  const key = own || subject;
  const counts = site.classes.length > 0;
  if (name === UNLIMITED) return counts ? [["Xaccel-Concurrency", UNLIMITED]] : [];
  if (name && !site.classes.includes(name)) throw refuseOption("concurrency", `the site has no class ${name}`);
  if (name && !key) throw refuseOption("concurrency_key", "a class needs a `concurrency_key` or a `subject`");
  if (!counts) return [];
  const spelled = !key || (key.length <= LONGEST_KEY && valueOk(key)) ? key : sha256(key);
  return [
    ...(name ? [["Xaccel-Concurrency", name]] : []),
    ...(spelled !== subject ? [["Xaccel-Concurrency-Key", spelled]] : []),
  ];
}

const sha256 = (text) => createHash("sha256").update(text).digest("hex");

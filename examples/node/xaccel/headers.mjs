// Check header values, and make the headers that the user gets.

import { refuseHeader, refuseOption } from "./refused.mjs";

const VALUE = /^[!-~](?:[ -~]*[!-~])?$/;
/** Allow a comma only in quotes: browsers use the last type of a list. */
const TYPE =
  /^[A-Za-z0-9!#$&^_.+-]{1,127}\/[A-Za-z0-9!#$&^_.+-]{1,127}(?: *;(?:[ !#-&(-+.-\[\]-~-]|"[ !#-&(-\[\]-~]*")*)?$/;
const TYPES = { pdf: "application/pdf", html: "text/html", txt: "text/plain", png: "image/png", mp4: "video/mp4" };
export const DEFAULT_CACHE_CONTROL = "private, no-cache";

export const valueOk = (value) => typeof value === "string" && VALUE.test(value);

/** A line break would start another header, and servers refuse or re-encode other characters. */
export function requireValue(value, input) {
  if (!valueOk(value)) throw refuseHeader(input, "it must be printable ASCII without spaces at its ends");
  return value;
}

/** Return a number of bytes as a header value. */
export function requireNumber(value, input, least) {
  if (!Number.isInteger(value) || value < least || value >= 1e18) throw refuseOption(input, "it is not a number of bytes");
  return String(BigInt(value));
}

export function contentType(value) {
  if (!TYPE.test(value) || value.toLowerCase().startsWith("multipart/")) {
    throw refuseOption("content_type", "it is not one media type");
  }
  return requireValue(value, "content_type");
}

/** A directory has no types. A real app knows them from the upload, or takes npm's mime-types. */
export const typeOfKey = (key) => TYPES[/\.([A-Za-z0-9]+)$/.exec(key)?.[1].toLowerCase()] ?? "application/octet-stream";

export function cacheControl(value, allowSharedCache) {
  if (!value) return DEFAULT_CACHE_CONTROL;
  requireValue(value, "cache_control");
  const directives = value.replace(/"(?:[^"\\]|\\.)*"?/g, '""').split(",").map((item) => item.trim().toLowerCase());
  if (!allowSharedCache && !directives.includes("private") && !directives.includes("no-store")) {
    throw refuseOption("cache_control", "shared caches would store a file that is for one user");
  }
  return value;
}

export function entityTag(value) {
  if (typeof value === "string" && /^(?:W\/)?"[!#-~]*"$/.test(value)) return value;
  if (typeof value !== "string" || !/^[!#-~]{1,200}$/.test(value)) throw refuseOption("etag", "it is not an entity tag");
  return `"${value}"`;
}

/** @param {Date|string} value  a text in ISO 8601 has a time zone */
export function httpDate(value) {
  const date = value instanceof Date ? value : new Date(/(?:Z|[+-]\d\d:\d\d)$/.test(value) ? value : NaN);
  if (Number.isNaN(date.getTime())) throw refuseOption("last_modified", "it is not a valid date");
  return date.toUTCString();
}

/** Return the declared headers of `headers`, spelled as the site spells them. */
export function extraHeaders(site, headers = {}) {
  const found = new Map();
  for (const [name, value] of Object.entries(headers)) {
    const own = site.responseHeaders.find((declared) => declared.toLowerCase() === name.toLowerCase());
    if (!own) throw refuseHeader("headers", `the site does not declare ${name}`);
    if (found.has(own)) throw refuseHeader("headers", `${name} is there twice`);
    found.set(own, requireValue(value, "headers"));
  }
  return [...found];
}

// Content-Disposition (RFC 6266, RFC 8187).

import { encode } from "./target.mjs";
import { Refused } from "./refused.mjs";

const MAX_NAME_BYTES = 200;
const BIDI = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const CONTROLS = /[\x00-\x1f\x7f-\x9f\u2028\u2029]/;
const PLAIN = /^[A-Za-z0-9!#$&'()+,.;@^_`{}~[\] -]+$/;
const NOT_PLAIN = /[^A-Za-z0-9!#$&'()+,.;@^_`{}~[\] -]/gu;
const DIACRITICS = /[\u0300-\u036f]/g;
const EXTENSION = /\.[A-Za-z0-9]{1,16}(?:\.(?:gz|bz2|xz|zst))?$/;

const refuse = (what) => new Refused("FileNameRefused", "filename", what);

/** Return `name` as a browser may be given it. */
export function safeName(name) {
  if (typeof name !== "string" || !name.isWellFormed()) throw refuse("it is not text");
  if (CONTROLS.test(name)) throw refuse("it has a control character");
  let safe = name.replace(/[/\\]/g, "_").replace(BIDI, "").replace(/^ +/, "").replace(/[ .]+$/, "");
  const encoded = Buffer.from(safe);
  if (encoded.length > MAX_NAME_BYTES) {
    const extension = EXTENSION.exec(safe)?.[0] ?? "";
    const stem = encoded.subarray(0, MAX_NAME_BYTES - extension.length);
    // With `stream` the decoder holds back an incomplete character.
    safe = new TextDecoder("utf-8", { ignoreBOM: true }).decode(stem, { stream: true }).replace(/[ .]+$/, "") + extension;
  }
  return /^[. ]*$/.test(safe) ? "download" : safe;
}

/** Return the last segment of an object key as a name, whatever characters it holds. */
export function nameOfKey(key) {
  const last = key.replace(/\/+$/, "").split("/").at(-1);
  return safeName(last.replace(new RegExp(CONTROLS, "g"), "_"));
}

/** Return the header's value for a name that `safeName` returned. */
export function contentDisposition(name, asAttachment) {
  const kind = asAttachment ? "attachment" : "inline";
  if (PLAIN.test(name)) return `${kind}; filename="${name}"`;
  const fallback = name.normalize("NFKD").replace(DIACRITICS, "").replace(NOT_PLAIN, "_");
  const plain = /^[ .]*$/.test(fallback) ? "download" : fallback;
  const extended = encode(name).replace(/%(?:21|23|24|26|2B|5E|60|7C)/g, decodeURIComponent);
  return `${kind}; filename="${plain}"; filename*=UTF-8''${extended}`;
}

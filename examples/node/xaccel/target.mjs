// Make the URL that NGINX requests from an object key or a stored URL.

import { refuseKey, refuseUrl } from "./refused.mjs";

const MAX_KEY_BYTES = 1024;
const MAX_URL_BYTES = 4096;
const URL_AS_IT_IS = /^https?:\/\/[A-Za-z0-9.[\]:-]+\/[!$-~]*$/i;
const DEFAULT_PORTS = { http: ":80", https: ":443" };

/** Percent-encode all of `text` but the unreserved characters of RFC 3986. */
export const encode = (text) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);

/** Percent-encode what may hold "/". */
export const encodePath = (text) => encode(text).replaceAll("%2F", "/");

/** Decode once, byte by byte: each character of the result is one byte. */
export const decodeBytes = (text) =>
  text.replace(/%([0-9A-Fa-f]{2})/g, (_, digits) => String.fromCharCode(parseInt(digits, 16)));

/** Encode what `decodeBytes` returned. */
export const encodeBytes = (bytes) =>
  bytes.replace(/[^A-Za-z0-9._~-]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`);

/**
 * Encode an object key. `dots` allows "." and ".." as segments: only if the whole host belongs to the origin.
 * `directory` refuses keys that name a directory or lead out of it.
 */
export function quoteKey(key, { dots = false, directory = false } = {}) {
  if (typeof key !== "string" || key === "") throw refuseKey("it is empty");
  if (key.includes("\0")) throw refuseKey("it has a NUL character");
  if (!key.isWellFormed()) throw refuseKey("it is not valid Unicode text");
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) throw refuseKey(`it has more than ${MAX_KEY_BYTES} bytes`);
  if (!dots && key.split(/[/\\]/).some((segment) => segment === "." || segment === "..")) {
    throw refuseKey("it has '.' or '..' as a segment");
  }
  if (directory && (key.startsWith("/") || key.endsWith("/") || key.includes("//"))) {
    throw refuseKey("it is not a path of a file below a directory");
  }
  return encodePath(key);
}

/** Take a URL apart, as it is spelled; only scheme and host are put into lower case. */
export function split(url) {
  const [, scheme, host, path, query] = /^([a-z]+):\/\/([^/?#]*)([^?]*)(.*)$/i.exec(url) ?? [];
  const lower = scheme?.toLowerCase();
  const port = DEFAULT_PORTS[lower] ?? "";
  let authority = host?.toLowerCase();
  if (port && authority?.endsWith(port)) authority = authority.slice(0, -port.length);
  return { authority: `${lower}://${authority}`, path: path || "/", query: query ?? "" };
}

/** Spell a base URL: lower case scheme and host, without the scheme's own port. */
export function canonicalBase(url) {
  const { authority, path } = split(url);
  return authority + path;
}

/** Return `url`, spelled as `place` is, or undefined where it does not lie below it. */
export function below(place, url) {
  requireAbsolute(url);
  const found = split(url);
  const wanted = split(place);
  const segments = found.path.split("/").map(decodeBytes);
  const whole = wanted.path.split("/").map(decodeBytes);
  const last = whole.pop();
  if (found.authority !== wanted.authority || segments.length <= whole.length) return undefined;
  if (whole.some((segment, index) => segment !== segments[index])) return undefined;
  return segments[whole.length].startsWith(last) ? wanted.authority + found.path + found.query : undefined;
}

/** Return the one URL that names the object of a signed URL, however that one is spelled. An encoded "/" stays one. */
export function objectUrl(url) {
  const { authority, path } = split(url);
  return authority + path.split("/").map((segment) => encodeBytes(decodeBytes(segment))).join("/");
}

/** Refuse a stored URL that cannot be sent as it is. */
export function requireAbsolute(url) {
  if (typeof url !== "string" || !URL_AS_IT_IS.test(url) || url.includes("\\") || url.length > MAX_URL_BYTES) {
    throw refuseUrl("it is not a valid absolute URL");
  }
  let path = split(url).path;
  for (let decoded = decodeBytes(path); decoded !== path; decoded = decodeBytes(path)) path = decoded;
  if (path.split(/[/\\]/).some((segment) => [".", ".."].includes(segment.split(";")[0]))) {
    throw refuseUrl("it has '.' or '..' as a segment");
  }
}

/** What follows `place` in the path of `url`, decoded: to name the file, not to ask for it. */
export function keyOfUrl(place, url) {
  const text = (path) => Buffer.from(decodeBytes(path), "latin1").toString("utf8");
  const path = text(split(url).path);
  const base = text(split(place).path);
  return path.startsWith(base) ? path.slice(base.length) : path;
}

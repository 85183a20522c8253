// The client's conditions, answered by the app where it gave a validator of its own (RFC 9110 section 13.2.2).

const DATE = /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/;
const opaque = (tag) => tag.replace(/^W\//, "");
const tags = (text) => (text.trim() === "*" ? ["*"] : (text.match(/(?:W\/)?"[^"]*"/g) ?? []));
const seconds = (text) => (DATE.test(text ?? "") ? Date.parse(text) / 1000 : undefined);

/**
 * Return 304 or 412, or undefined where the file is to be sent.
 *
 * @param {string} method
 * @param {Record<string, string>} headers  the request's, with names in lower case, as node:http has them
 * @param {Map<string, string>} seen        of the hand-off
 */
export function answerToConditions(method, headers, seen) {
  const reads = method === "GET" || method === "HEAD";
  const tag = seen.get("ETag");
  const changed = seconds(seen.get("Last-Modified"));
  if (tag === undefined && changed === undefined) return undefined;
  const strong = (list) => tag !== undefined && (list[0] === "*" || (!tag.startsWith("W/") && list.includes(tag)));
  const weak = (list) => tag !== undefined && (list[0] === "*" || list.map(opaque).includes(opaque(tag)));

  const wanted = tags(headers["if-match"] ?? "");
  const unmodified = seconds(headers["if-unmodified-since"]);
  if (wanted.length > 0) {
    if (!strong(wanted)) return 412;
  } else if (unmodified !== undefined && (changed === undefined || changed > unmodified)) return 412;

  const known = tags(headers["if-none-match"] ?? "");
  const modified = seconds(headers["if-modified-since"]);
  if (known.length > 0) return weak(known) ? (reads ? 304 : 412) : undefined;
  return reads && modified !== undefined && changed !== undefined && changed <= modified ? 304 : undefined;
}

/** Return what a cache must learn from a 304 or 412. */
export const headersOfAnswer = (seen) =>
  ["Cache-Control", "ETag", "Last-Modified"].filter((name) => seen.has(name)).map((name) => [name, seen.get(name)]);

// Evaluate the client's conditional headers if the app gave an ETag or a date (RFC 9110 section 13.2.2).

// The three date formats of HTTP (RFC 9110 section 5.6.7): IMF-fixdate, RFC 850, asctime.
const DATES = [
  /^\w{3}, (?<day>\d\d) (?<month>\w{3}) (?<year>\d{4}) (?<time>[\d:]{8}) GMT$/,
  /^\w{6,9}, (?<day>\d\d)-(?<month>\w{3})-(?<year>\d\d) (?<time>[\d:]{8}) GMT$/,
  /^\w{3} (?<month>\w{3}) (?<day>[ \d]\d) (?<time>[\d:]{8}) (?<year>\d{4})$/,
];
const opaque = (tag) => tag.replace(/^W\//, "");
// Ignore elements of the list that are not entity tags (RFC 9110 section 8.8.3).
const TAG = /(?:^|,)[ \t]*((?:W\/)?"[^"]*")[ \t]*(?=,|$)/g;
const tags = (text) => (text.trim() === "*" ? ["*"] : [...text.matchAll(TAG)].map((found) => found[1]));

/** Return the seconds of a date. An invalid date gives undefined, and is ignored (RFC 9110 section 13.1.3). */
function seconds(text = "") {
  const found = DATES.map((form) => form.exec(text)?.groups).find(Boolean);
  if (!found) return undefined;
  const { day, month, year, time } = found;
  const date = `${day.replace(" ", "0")} ${month} ${year.length === 2 ? wholeYear(Number(year)) : year} ${time} GMT`;
  const parsed = new Date(date);
  // Date parses 31 February as 3 March.
  return parsed.toUTCString().endsWith(date) ? parsed.getTime() / 1000 : undefined;
}

/** Two digits that seem to be more than 50 years ahead are of the past. */
function wholeYear(digits) {
  const now = new Date().getUTCFullYear();
  const year = now - (now % 100) + digits;
  return year > now + 50 ? year - 100 : year;
}

/**
 * Return 304 or 412, or undefined if the file must be sent.
 *
 * @param {string} method
 * @param {Record<string, string>} headers  of the request, with names in lower case, as in node:http
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
  } else if (unmodified !== undefined && changed !== undefined && changed > unmodified) return 412;

  const known = tags(headers["if-none-match"] ?? "");
  const modified = seconds(headers["if-modified-since"]);
  if (known.length > 0) return weak(known) ? (reads ? 304 : 412) : undefined;
  return reads && modified !== undefined && changed !== undefined && changed <= modified ? 304 : undefined;
}

/** Return what a cache must learn from a 304 or 412. */
export const headersOfAnswer = (seen) =>
  ["Cache-Control", "ETag", "Last-Modified"].filter((name) => seen.has(name)).map((name) => [name, seen.get(name)]);

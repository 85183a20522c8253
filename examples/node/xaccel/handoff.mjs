// The hand-off: the app's empty response that names the file for NGINX. Pure: no I/O and no clock.

import { cacheKey, wholeVersion } from "./cache-key.mjs";
import { contentDisposition, nameOfKey, safeName } from "./disposition.mjs";
import {
  DEFAULT_CACHE_CONTROL,
  cacheControl,
  contentType,
  entityTag,
  extraHeaders,
  httpDate,
  requireNumber,
  requireValue,
  typeOfKey,
} from "./headers.mjs";
import { chooseLife } from "./life.mjs";
import { limitHeaders } from "./limits.mjs";
import { refuseOption, refuseUrl } from "./refused.mjs";
import { sign } from "./sigv4.mjs";
import { baseUrl, bucketNamed, findUrl, originOf } from "./site.mjs";
import { encode, keyOfUrl, objectUrl, quoteKey } from "./target.mjs";

/**
 * Make the hand-off for one request. Throws Refused for invalid keys or options.
 *
 * @param {object} site   the result of readSite
 * @param {object} call   origin; key, or url, or a function that makes it for a method; perhaps bucket; method, options
 * @param {Date} now
 * @param {string} id     a UUID of version 7, new for each request
 * @returns {{status: number, headers: [string, string][], seen: Map<string, string>, unsignedUrl?: string}}
 *     `seen` has the headers that a 304 of the app also needs
 */
export function handOff(site, call, now, id) {
  const { options = {} } = call;
  const origin = originOf(site, call.origin);
  const version = versionQuery(origin, options.version_id);
  const identity = wholeVersion(options);
  const cached = origin.type !== "local" && origin.cache && identity !== "";
  const asked = methodAsked(origin, call, cached);
  const place = whereIs(origin, { ...call, url: typeof call.url === "function" ? call.url(asked) : call.url });
  const seen = visible(origin, place.key, options);
  const head = [
    ["X-Accel-Redirect", site.prefix + origin.name + (place.path ?? "")],
    ["Xaccel-Auth", site.secret],
    ["Xaccel-Id", id],
  ];
  const tail = [
    ...privateHeaders(seen, options),
    ...limitHeaders(site, options),
    ...extraHeaders(site, options.headers).map(([name, value]) => [`Xaccel-Header-${name}`, value]),
  ];
  if (origin.type === "local") return { status: 200, headers: [...head, ...tail], seen };

  const life = chooseLife(site, origin, options, cached, () => !origin.credentials?.sessionToken);
  const unsignedUrl = payer(origin, place.url + version);
  const target =
    origin.type === "s3" ? sign(unsignedUrl, asked, origin.credentials, origin.region, life.expires, now) : unsignedUrl;
  const remote = [["Xaccel-Url", target]];
  if (asked === "HEAD") remote.push(["Xaccel-Method", "HEAD"]);
  if (cached) remote.push(["Xaccel-Cache-Key", cacheKey(site.name, origin.name, place.object, identity)]);
  if (life.slices) remote.push(["Xaccel-Slices", "1"]);
  return { status: 200, headers: [...head, ...remote, ...tail], seen, unsignedUrl };
}

/** Return what NGINX asks with: GET for what it keeps, and for a signed URL that was not made for HEAD. */
function methodAsked(origin, { method, url }, cached) {
  const isForGet = Boolean(origin.signedFor) && typeof url === "string";
  return method === "HEAD" && !cached && !isForGet ? "HEAD" : "GET";
}

/** Return the key, and the unsigned URL, or the path below the internal location of a directory. */
function whereIs(origin, { key = "", url, bucket }) {
  if (url !== undefined) return whereUrlIs(origin, url, bucket);
  const named = bucketNamed(origin, bucket);
  if (origin.type === "local") return { key, path: `/${quoteKey(key, { directory: true })}` };
  if (origin.signedFor) throw refuseUrl("this origin needs a URL that the app signs");
  const dots = origin.virtual;
  quoteKey(key, { dots }); // a prefix must not make an invalid key valid
  const made = baseUrl(origin, named) + quoteKey(origin.prefix + key, { dots });
  return { key, url: made, object: made };
}

function whereUrlIs(origin, url, bucket) {
  const found = findUrl(origin, url, bucket);
  if (found === undefined) throw refuseUrl(`it is not a URL of the origin ${origin.name}`);
  const key = keyOfUrl(found.place, found.url);
  if (origin.type === "s3" && found.url.includes("?")) throw refuseUrl("a URL of a bucket must have no query");
  if ((origin.type === "s3" || origin.signedFor) && key === "") {
    throw refuseUrl("it names the bucket, not an object");
  }
  return { key, url: found.url, object: origin.signedFor ? objectUrl(found.url) : found.url };
}

function versionQuery(origin, version) {
  if (!version) return "";
  if (origin.type !== "s3") throw refuseOption("version_id", "only objects of an S3 origin have versions");
  if (!/^[!-~]{1,1024}$/.test(version)) throw refuseOption("version_id", "it is not a version id");
  return `?versionId=${encode(version)}`;
}

const payer = (origin, url) =>
  origin.request_payer ? `${url}${url.includes("?") ? "&" : "?"}x-amz-request-payer=requester` : url;

function visible(origin, key, options) {
  const seen = new Map();
  if (options.content_type) seen.set("Content-Type", contentType(options.content_type));
  else if (origin.type === "local") seen.set("Content-Type", typeOfKey(key));
  const name = options.filename ? safeName(options.filename) : nameOfKey(key);
  seen.set("Content-Disposition", contentDisposition(name, options.as_attachment ?? false));
  seen.set("Cache-Control", cacheControl(options.cache_control, options.allow_shared_cache ?? false));
  if (options.etag) seen.set("ETag", entityTag(options.etag));
  if (options.last_modified) seen.set("Last-Modified", httpDate(options.last_modified));
  return seen;
}

const PRIVATE_NAMES = {
  "Content-Type": "Xaccel-Type",
  "Content-Disposition": "Xaccel-Disposition",
  "Cache-Control": "Xaccel-Cache-Control",
  ETag: "Xaccel-Etag",
  "Last-Modified": "Xaccel-Last-Modified",
};

function privateHeaders(seen, options) {
  const headers = [...seen].map(([name, value]) => [PRIVATE_NAMES[name], value]);
  if (options.content_security_policy) headers.push(["Xaccel-Csp", requireValue(options.content_security_policy, "content_security_policy")]);
  if (options.subject) headers.push(["Xaccel-Subject", requireValue(options.subject, "subject")]);
  if (options.size !== undefined) headers.push(["Xaccel-Size", requireNumber(options.size, "size", 0)]);
  return headers.filter(([name, value]) => name !== "Xaccel-Cache-Control" || value !== DEFAULT_CACHE_CONTROL);
}

// The site: the file from which `python -m xaccel config` also generates the NGINX configuration.

import { isIP } from "node:net";

import { below, canonicalBase, encodePath, requireAbsolute, split } from "./target.mjs";
import { Refused, refuseOption, refuseUrl } from "./refused.mjs";

const TYPES = ["s3", "http", "local"];
const PLACEHOLDER = "replace-these-words-with-32-or-more-random-characters";
const UNITS = { "": 1, k: 1 << 10, m: 1 << 20 };

const upperKeys = (mapping) =>
  Object.fromEntries(Object.entries(mapping).map(([key, value]) => [key.toUpperCase(), value]));

/**
 * Read a site. `python -m xaccel config` reports its errors. This function checks only the secret and the credentials,
 * whose errors only the first download would show.
 */
export function readSite(mapping, env = process.env) {
  const values = upperKeys(mapping);
  const concurrency = values.CONCURRENCY ?? {};
  return {
    name: values.NAME ?? "",
    prefix: values.NAME ? `/_xaccel_${values.NAME}/` : "/_xaccel/",
    secret: readSecret(values),
    responseHeaders: values.RESPONSE_HEADERS ?? [],
    classes: typeof concurrency === "number" ? ["default"] : Object.keys(concurrency),
    limitRate: values.LIMIT_RATE ?? null,
    cache: values.CACHE && {
      sliceBytes: bytes(values.CACHE.slice ?? "4m"),
      slowestRate: values.CACHE.slowest_rate ?? 65536,
    },
    origins: new Map(Object.entries(values.ORIGINS).map(([name, entry]) => [name, readOrigin(name, entry, env)])),
  };
}

function readSecret({ SECRET }) {
  const secrets = Array.isArray(SECRET) ? SECRET : [SECRET];
  for (const secret of secrets) {
    if (typeof secret !== "string" || !/^[A-Za-z0-9_-]{32,128}$/.test(secret)) {
      throw new Error("SECRET: use 32 to 128 letters, digits, '-' and '_'");
    }
    if (secret === PLACEHOLDER) throw new Error("SECRET: replace the secret of the documentation, which is public");
  }
  if (secrets.length === 0) throw new Error("SECRET: the site has no secret");
  return secrets[0];
}

function bytes(size) {
  const [, digits, unit] = /^([0-9]+)([kKmM]?)$/.exec(size);
  return Number(digits) * UNITS[unit.toLowerCase()];
}

function readOrigin(name, { type, ...options }, env) {
  if (!TYPES.includes(type)) throw new Error(`origin ${name}: its type must be one of ${TYPES}`);
  return {
    prefix: "",
    expires_s: 120,
    redirect_hosts: [],
    cache: false,
    request_payer: false,
    ...options,
    name,
    type,
    signedFor: type === "http" ? options.expires_s : undefined,
    virtual: type === "s3" && isVirtual(name, options),
    credentials: type === "s3" ? readCredentials(name, options, env) : undefined,
  };
}

function readCredentials(name, { access_key, secret_key, session_token }, env) {
  const [accessKey, secretKey, sessionToken] = access_key
    ? [access_key, secret_key, session_token]
    : [env.AWS_ACCESS_KEY_ID, env.AWS_SECRET_ACCESS_KEY, env.AWS_SESSION_TOKEN];
  if (accessKey && secretKey) return { accessKey, secretKey, sessionToken };
  throw new Error(`origin ${name}: no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY`);
}

function isVirtual(name, { addressing_style: style, endpoint_url: endpoint }) {
  if (style === "path" || style === "virtual") return style === "virtual";
  if (endpoint && isIP(new URL(endpoint).hostname.replace(/[[\]]/g, ""))) return false;
  throw new Error(`origin ${name}: give "endpoint_url", and "path" or "virtual" as "addressing_style"`);
}

/** Return the origin of that name. */
export function originOf(site, name) {
  const origin = site.origins.get(name);
  if (!origin) throw new Refused("OriginUnknown", "origin", `the site has no origin ${name}`);
  return origin;
}

/** Return where the objects of a remote origin lie: a URL that ends in "/". */
export function baseUrl(origin, bucket) {
  if (origin.type === "http") return canonicalBase(origin.base_url);
  const { authority, path } = split(origin.endpoint_url);
  const [scheme, host] = authority.split("://");
  const root = path.replace(/\/$/, "");
  return origin.virtual ? `${scheme}://${bucket}.${host}${root}/` : `${authority}${root}/${bucket}/`;
}

/** Return what stands before every key of an origin, encoded. */
const placeOf = (origin, bucket) => baseUrl(origin, bucket) + encodePath(origin.prefix);

const escape = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

function covers(pattern, bucket) {
  const [before, after] = pattern.split("*");
  return (
    typeof bucket === "string" &&
    bucket.length <= 63 &&
    /^[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]$/.test(bucket) &&
    new RegExp(`^${escape(before)}[a-z0-9-]+${escape(after)}$`).test(bucket) &&
    !/(?:--[a-z]+-s3|-s3alias)$/.test(bucket)
  );
}

/** Return the bucket that a call means: the one it names, or the origin's only one; "" for what has none. */
export function bucketNamed(origin, bucket) {
  const own = origin.type === "s3" ? origin.bucket : "";
  if (!own.includes("*") && (bucket === undefined || bucket === own)) return own;
  if (bucket === undefined) throw refuseOption("bucket", `name the bucket: ${own} is a pattern`);
  if (!own.includes("*") || !covers(own, bucket)) {
    throw new Refused("OriginNotAllowed", "bucket", `the origin does not cover ${bucket}`);
  }
  return bucket;
}

/** Return where a stored URL lies in `origin`, with the URL spelled as the origin is; undefined where it does not. */
export function findUrl(origin, url, bucket) {
  if (origin.type === "local") return undefined;
  const named = bucketNamed(origin, bucket ?? bucketOfUrl(origin, url));
  const place = placeOf(origin, named);
  const found = below(place, url);
  return found && { place, url: found };
}

/** Return the bucket that a stored URL names, for an origin that covers many; "" for none of them. */
function bucketOfUrl(origin, url) {
  if (origin.type !== "s3" || !origin.bucket.includes("*")) return undefined;
  requireAbsolute(url);
  const [before, after] = baseUrl(origin, origin.bucket).split("*");
  const match = new RegExp(`^${escape(before)}([a-z0-9-]+)${escape(after)}`).exec(canonicalBase(url));
  const bucket = match ? origin.bucket.replace("*", match[1]) : "";
  if (!covers(origin.bucket, bucket)) throw refuseUrl(`it is not a URL of the origin ${origin.name}`);
  return bucket;
}

/** Return the name of the origin below whose base `url` lies; of several, the one with the longest base. */
export function originOfUrl(site, url) {
  requireAbsolute(url);
  let best = { length: 0 };
  for (const origin of site.origins.values()) {
    const length = placeOfUrl(origin, url)?.length ?? 0;
    if (length > best.length) best = { length, name: origin.name };
  }
  if (!best.name) throw refuseUrl("no origin of the site has this URL");
  return best.name;
}

function placeOfUrl(origin, url) {
  try {
    return findUrl(origin, url)?.place;
  } catch (error) {
    if (error instanceof Refused) return undefined;
    throw error;
  }
}

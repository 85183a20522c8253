// AWS Signature Version 4 in the query, for objects of S3. A real app uses its storage's SDK.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html

import { createHash, createHmac } from "node:crypto";

import { decodeBytes, encode, encodeBytes, split } from "./target.mjs";

const ALGORITHM = "AWS4-HMAC-SHA256";
const hmac = (key, text) => createHmac("sha256", key).update(text).digest();

/**
 * Return `url` with its signature.
 *
 * @param {string} url      as NGINX will request it
 * @param {string} method   GET or HEAD: a storage refuses a HEAD with a signature for GET
 * @param {{accessKey: string, secretKey: string, sessionToken?: string}} credentials
 * @param {string} region
 * @param {number} expires  validity in seconds
 * @param {Date} now
 */
export function sign(url, method, credentials, region, expires, now) {
  const { authority, path, query } = split(url);
  const time = now.toISOString().replace(/[-:]|\.\d+/g, "");
  const scope = `${time.slice(0, 8)}/${region}/s3/aws4_request`;
  const parameters = [
    ...[...new URLSearchParams(query)],
    ["X-Amz-Algorithm", ALGORITHM],
    ["X-Amz-Credential", `${credentials.accessKey}/${scope}`],
    ["X-Amz-Date", time],
    ["X-Amz-Expires", String(expires)],
    ["X-Amz-SignedHeaders", "host"],
    ...(credentials.sessionToken ? [["X-Amz-Security-Token", credentials.sessionToken]] : []),
  ].map(([name, value]) => [encode(name), encode(value)]);
  const joined = (list) => list.map(([name, value]) => `${name}=${value}`).join("&");
  const sorted = [...parameters].sort(([a], [b]) => (a < b ? -1 : 1));
  const canonical = [
    method,
    canonicalPath(path),
    joined(sorted),
    `host:${authority.split("://")[1]}`,
    "",
    "host",
    "UNSIGNED-PAYLOAD",
  ].join("\n");
  const digest = createHash("sha256").update(canonical).digest("hex");
  let key = `AWS4${credentials.secretKey}`;
  for (const part of scope.split("/")) key = hmac(key, part);
  const signature = hmac(key, [ALGORITHM, time, scope, digest].join("\n")).toString("hex");
  return `${authority}${path}?${joined(parameters)}&X-Amz-Signature=${signature}`;
}

/** A storage decodes a path and encodes it anew before it compares: a stored URL may spell "(" as it likes. */
const canonicalPath = (path) => encodeBytes(decodeBytes(path)).replaceAll("%2F", "/");

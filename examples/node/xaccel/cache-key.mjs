// The name of a cache entry: the object and its version, without user and signature.

import { createHash } from "node:crypto";

const digest = (...parts) =>
  createHash("sha256")
    .update(parts.map((part) => `${[...part].length}:${part}`).join(""))
    .digest("hex");

/** Return the key of the object at `url`, unsigned and without versionId. */
export const cacheKey = (siteName, originName, url, version) =>
  `${digest(siteName, originName, url)}-${digest(version)}`;

/** Return what names the bytes, "" where nothing does. The version "null" is written anew while versioning is off. */
export const wholeVersion = ({ cache_version: own = "", version_id: version = "" }) =>
  version && version !== "null" ? `${version}\n${own}` : own;

// Mistakes of an app that would be noticed late or never. Run: node --test examples/node/mistakes.test.mjs

import assert from "node:assert/strict";
import { test } from "node:test";

import { sendFile } from "./xaccel/send-file.mjs";
import { readSite } from "./xaccel/site.mjs";

const SECRET = "mistakes-0123456789-abcdefghijklmnopqrst";
const ORIGINS = { partner: { type: "http", base_url: "https://files.partner.example/" } };

test("a secret that is known, too short or of other characters is an error at the start", () => {
  for (const secret of [
    "replace-these-words-with-32-or-more-random-characters",
    "a".repeat(31),
    "a".repeat(129),
    `${SECRET}\n`,
    `${"a".repeat(31)}é`,
    undefined,
  ]) {
    assert.throws(() => readSite({ ORIGINS, SECRET: secret }), /^Error: SECRET: /);
    assert.throws(() => readSite({ ORIGINS, SECRET: [SECRET, secret] }), /^Error: SECRET: /);
  }
  assert.throws(() => readSite({ ORIGINS, SECRET: [] }), /^Error: SECRET: /);
});

test("an origin that nothing can sign for is an error at the start", () => {
  const [accessKey, secretKey] = ["AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"];
  const OPTIONS = { bucket: "docs", region: "us-east-1", endpoint_url: "http://store.example", addressing_style: "path" };
  const read = (options, env) =>
    readSite({ SECRET, ORIGINS: { a: { type: "s3", ...OPTIONS, ...options } } }, env);
  const env = { AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secretKey, AWS_SESSION_TOKEN: "token" };
  assert.deepEqual(read({}, env).origins.get("a").credentials, { accessKey, secretKey, sessionToken: "token" });
  for (const [options, found] of [
    [{}, {}],
    [{}, { AWS_ACCESS_KEY_ID: accessKey }],
    [{ access_key: accessKey }, env],
  ]) {
    assert.throws(() => read(options, found), /^Error: origin a: no credentials/);
  }
});

test("a call that names two objects or none is a mistake in the app", () => {
  const site = readSite({ SECRET, ORIGINS });
  const send = (call) => sendFile(site, { method: "GET", headers: {} }, undefined, { origin: "partner", ...call });
  const url = "https://files.partner.example/b.pdf";
  assert.throws(() => send({ key: "a.pdf", url }), TypeError("give a key or a url, and not both"));
  assert.throws(() => send({}), TypeError("give a key or a url, and not both"));
  const nowhere = { origin: undefined, url: () => url };
  assert.throws(() => send(nowhere), TypeError("a function that makes the URL needs an origin"));
});

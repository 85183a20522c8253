// All test vectors of the hand-off protocol: node --test examples/node/vectors.test.mjs

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { answerToConditions, headersOfAnswer } from "./xaccel/conditions.mjs";
import { handOff } from "./xaccel/handoff.mjs";
import { Refused } from "./xaccel/refused.mjs";
import { sendFile } from "./xaccel/send-file.mjs";
import { readSite } from "./xaccel/site.mjs";
import { newTransferId } from "./xaccel/transfer-id.mjs";

const file = new URL("../../docs/reference/vectors.json", import.meta.url);
const { protocol, sites, vectors, conditions } = JSON.parse(readFileSync(file, "ascii"));

function made(vector) {
  const { url } = vector;
  const call = { ...vector, url: typeof url === "object" ? (method) => url[method] : url };
  return handOff(readSite(sites[vector.site]), call, new Date(vector.now), vector.id);
}

test("the vectors are of the protocol that this app speaks", () => assert.equal(protocol, 1));

for (const vector of vectors) {
  test(vector.name, () => {
    if (vector.refused) {
      assert.throws(() => made(vector), (error) => error instanceof Refused && error.input === vector.refused);
      return;
    }
    const { status, headers, unsignedUrl } = made(vector);
    assert.equal(new Set(headers.map(([name]) => name.toLowerCase())).size, headers.length);
    assert.deepEqual({ status, headers: Object.fromEntries(headers) }, vector.hand_off);
    if (vector.unsigned_url) assert.equal(unsignedUrl, vector.unsigned_url);
  });
}

for (const vector of conditions) {
  test(vector.name, () => {
    const names = Object.entries(vector.request_headers).map(([name, value]) => [name.toLowerCase(), value]);
    const { seen } = made(vector);
    const status = answerToConditions(vector.method, Object.fromEntries(names), seen);
    const answer = status ? { status, headers: Object.fromEntries(headersOfAnswer(seen)) } : "hand_off";
    assert.deepEqual(answer, vector.answer);
  });
}

test("a secret that is known, too short or of other characters is an error at the start", () => {
  const { SECRET, ...rest } = sites.main;
  for (const secret of [
    "replace-these-words-with-32-or-more-random-characters",
    "a".repeat(31),
    "a".repeat(129),
    `${SECRET}\n`,
    `${"a".repeat(31)}é`,
    undefined,
  ]) {
    assert.throws(() => readSite({ ...rest, SECRET: secret }), /^Error: SECRET: /);
    assert.throws(() => readSite({ ...rest, SECRETS: [SECRET, secret] }), /^Error: SECRET: /);
  }
  assert.throws(() => readSite({ ...rest, SECRETS: [] }), /^Error: SECRET: /);
});

test("an origin that nothing can sign for is an error at the start", () => {
  const { access_key: accessKey, secret_key: secretKey, ...OPTIONS } = sites.main.ORIGINS.path.OPTIONS;
  const read = (options, env) =>
    readSite({ ...sites.main, ORIGINS: { a: { BACKEND: "xaccel.S3Origin", OPTIONS: { ...OPTIONS, ...options } } } }, env);
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
  const site = readSite(sites.main);
  const send = (call) => sendFile(site, { method: "GET", headers: {} }, undefined, { origin: "partner", ...call });
  const url = "https://files.partner.example/exports/b.pdf";
  assert.throws(() => send({ key: "a.pdf", url }), TypeError("give a key or a url, and not both"));
  assert.throws(() => send({}), TypeError("give a key or a url, and not both"));
  assert.throws(() => send({ origin: undefined, url: () => url }), TypeError("a function that makes the URL needs an origin"));
});

test("an id is a UUID of version 7, and a later one sorts later", () => {
  const [first, second] = [1_700_000_000_000, 1_700_000_000_001].map((time) => newTransferId(new Date(time)));
  assert.match(first, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.ok(first < second);
});

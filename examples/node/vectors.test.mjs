// All test vectors of the hand-off protocol: node --test examples/node/vectors.test.mjs

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { answerToConditions, headersOfAnswer } from "./xaccel/conditions.mjs";
import { handOff } from "./xaccel/handoff.mjs";
import { Refused } from "./xaccel/refused.mjs";
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

test("an id is a UUID of version 7, and a later one sorts later", () => {
  const [first, second] = [1_700_000_000_000, 1_700_000_000_001].map((time) => newTransferId(new Date(time)));
  assert.match(first, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.ok(first < second);
});

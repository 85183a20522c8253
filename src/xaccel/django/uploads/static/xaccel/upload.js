/*
 * Upload a file to an address that takes uploads: https://xaccel.readthedocs.io/en/latest/integrate/upload.html
 *
 *     import { Upload } from "./upload.js";
 *
 *     const upload = new Upload("/files/42/", input.files[0], { headers: { "X-CSRFToken": token } });
 *     upload.onprogress = () => { bar.max = upload.size; bar.value = upload.sent; };
 *     const response = await upload.done;  // of your view, as from fetch()
 *
 * One file without dependencies, to serve from your own host. It is also the worker that computes the CRC-32, so it must
 * be a module of its own: no bundler may put it into another file.
 */

const CRC32 = "x-amz-checksum-crc32";
const BLOCK = 4 << 20; // bytes that are read at once

/** Why an upload failed. status: of the response, or 0 without one. message: a sentence for the user. */
export class UploadError extends Error {
  constructor(status, message) {
    super(message);
    this.name = "UploadError";
    this.status = status;
  }
}

/**
 * One upload, which begins at once.
 *
 * done: a promise of the response of your view. It is rejected with an UploadError, or with an AbortError after cancel().
 * state: "checking" while the CRC-32 is computed, then "sending", and at the end "done", "failed" or "canceled".
 * sent: bytes that have left the browser, of `size`. onprogress: is called when `sent` or `state` changes.
 */
export class Upload {
  state = "checking";
  sent = 0;
  onprogress = () => {};
  #address;
  #file;
  #headers;
  #abort = new AbortController();

  /** headers: for each request, such as a token against cross-site requests. */
  constructor(address, file, { headers = {} } = {}) {
    this.#address = address;
    this.#file = file;
    this.#headers = headers;
    this.done = this.#run();
    this.done.catch(() => {}); // a page may look at `state` alone
  }

  get name() {
    return this.#file.name;
  }

  get size() {
    return this.#file.size;
  }

  /** Stop sending. A file whose last byte has left may be stored nevertheless. */
  cancel() {
    this.#abort.abort();
  }

  async #run() {
    const checksums = new Checksums(this.#abort.signal);
    try {
      const crc32 = await checksums.of(this.#file);
      this.#become("sending");
      const request = await this.#send("PUT", this.#address, { [CRC32]: crc32 }, this.#file);
      if (request.status < 200 || request.status > 299) throw refusal(request);
      this.sent = this.size;
      this.#become("done");
      return response(request);
    } catch (error) {
      this.#become(this.#abort.signal.aborted ? "canceled" : "failed");
      throw error;
    } finally {
      checksums.end();
    }
  }

  #become(state) {
    this.state = state;
    this.onprogress(this);
  }

  /** Send one request. fetch() reports no progress of a body. */
  #send(method, address, headers, body) {
    return new Promise((resolve, reject) => {
      const { signal } = this.#abort, request = new XMLHttpRequest();
      const cancel = () => request.abort();
      request.open(method, address);
      const own = { Accept: "application/json", "Content-Type": this.#file.type || "application/octet-stream" };
      for (const [name, value] of Object.entries({ ...own, ...headers, ...this.#headers })) {
        request.setRequestHeader(name, value);
      }
      request.upload.onprogress = ({ loaded }) => {
        this.sent = Math.min(loaded, this.size);
        this.onprogress(this);
      };
      request.onload = () => resolve(request);
      request.onerror = () => reject(new UploadError(0, "The connection was lost. Send the file again."));
      request.onabort = () => reject(signal.reason);
      request.onloadend = () => signal.removeEventListener("abort", cancel);
      signal.addEventListener("abort", cancel);
      if (signal.aborted) reject(signal.reason);
      else request.send(body);
    });
  }
}

/** Return the error of a refusal, with the words of its JSON. */
function refusal(request) {
  let detail;
  try {
    ({ detail } = JSON.parse(request.responseText));
  } catch {
    // a page of the app, which is no JSON
  }
  if (typeof detail !== "string" || !detail) detail = `the server responded with status ${request.status}`;
  return new UploadError(request.status, `${detail[0].toUpperCase()}${detail.slice(1)}.`);
}

function response(request) {
  const headers = new Headers();
  for (const line of request.getAllResponseHeaders().trim().split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  // a status without a body allows none (https://fetch.spec.whatwg.org/#null-body-status)
  return new Response(request.responseText || null, { status: request.status, headers });
}

/** Computes CRC-32s in a worker, so that the page stays responsive; in the page if the browser starts no worker. */
class Checksums {
  #signal;
  #worker;

  constructor(signal) {
    this.#signal = signal;
  }

  /** Return the CRC-32 of a Blob as the header has it. Throws an UploadError if the Blob cannot be read. */
  async of(blob) {
    try {
      return await Promise.race([this.#inWorker(blob), this.#canceled()]);
    } catch (error) {
      if (error.name !== "NotReadableError" && error.name !== "NotFoundError") throw error;
      throw new UploadError(0, "The file cannot be read: it was changed, moved or deleted.");
    }
  }

  /** End the worker. */
  end() {
    this.#worker?.terminate();
  }

  #inWorker(blob) {
    return new Promise((resolve, reject) => {
      try {
        this.#worker ??= new Worker(import.meta.url, { type: "module" });
      } catch {
        // for example a page whose scripts come from another host
        resolve(crc32(blob));
        return;
      }
      this.#worker.onmessage = ({ data }) => (data.error ? reject(data.error) : resolve(data.crc32));
      this.#worker.onerror = () => resolve(crc32(blob));
      this.#worker.postMessage(blob);
    });
  }

  #canceled() {
    const signal = this.#signal;
    return new Promise((_, reject) => {
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
  }
}

if (typeof document === "undefined") {
  self.onmessage = async ({ data }) => {
    try {
      self.postMessage({ crc32: await crc32(data) });
    } catch (error) {
      self.postMessage({ error });
    }
  };
}

/** Return the CRC-32 of a Blob, big endian in Base64 (https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html). */
async function crc32(blob) {
  let crc = -1;
  for (let start = 0; start < blob.size; start += BLOCK) {
    crc = updated(crc, await blob.slice(start, start + BLOCK).arrayBuffer());
  }
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, ~crc);
  return btoa(String.fromCharCode(...bytes));
}

/** Tables for 8 bytes at once: the CRC of a byte that 0 to 7 zero bytes follow. */
const TABLES = Array.from({ length: 8 }, () => new Int32Array(256));
for (let byte = 0; byte < 256; byte++) {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  TABLES[0][byte] = crc;
}
for (let zeros = 1; zeros < 8; zeros++) {
  TABLES[zeros].forEach((_, byte) => {
    const before = TABLES[zeros - 1][byte];
    TABLES[zeros][byte] = (before >>> 8) ^ TABLES[0][before & 255];
  });
}

/** Return the CRC of what came before and of these bytes. Browsers run on little-endian machines only. */
function updated(crc, buffer) {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = TABLES;
  const words = new Int32Array(buffer, 0, (buffer.byteLength >>> 3) * 2);
  for (let at = 0; at < words.length; at += 2) {
    const a = crc ^ words[at], b = words[at + 1];
    crc = t7[a & 255] ^ t6[(a >>> 8) & 255] ^ t5[(a >>> 16) & 255] ^ t4[a >>> 24]
      ^ t3[b & 255] ^ t2[(b >>> 8) & 255] ^ t1[(b >>> 16) & 255] ^ t0[b >>> 24];
  }
  for (const byte of new Uint8Array(buffer, words.length * 4)) crc = (crc >>> 8) ^ t0[(crc ^ byte) & 255];
  return crc;
}

/*
 * Upload a file to an address that takes uploads: https://xaccel.readthedocs.io/en/latest/integrate/upload.html
 *
 *     import { Upload } from "./upload.js";
 *
 *     const upload = new Upload("/upload/report.pdf", input.files[0], { headers: { "X-CSRFToken": token } });
 *     upload.onprogress = () => { bar.max = upload.size; bar.value = upload.sent; };
 *     const response = await upload.done;  // of your view, as from fetch()
 *
 * A file of more than 8 MB goes in parts if the server takes them: then the upload can be paused, goes on by itself after
 * a break, and goes on after a reload if the user chooses the same file again.
 *
 * One file without dependencies, to serve from your own host. It is also the worker that computes the CRC-32, so it must
 * be a module of its own: no bundler may put it into another file.
 */

const CRC32 = "x-amz-checksum-crc32";
const BLOCK = 4 << 20; // bytes that are read at once
const LARGE = 8 << 20;
const AWAY = [0, 502, 503, 504]; // 0: no response
const NO_PARTS = [405, 501];
const GIVEN_UP = [404, 405, 410];
const WORDS = { 401: "sign in first", 403: "you may not upload here, or the CSRF token is missing", 404: "there is no such address" };
const MOST_SETBACKS = 5;

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
 * The response is an empty 204 if the file is stored, and the view's response was lost.
 * state: "checking" while the CRC-32 is computed, then "sending"; "waiting" for a server that does not respond, "paused";
 * and at the end "done", "failed" or "canceled".
 * sent: bytes that have left the browser, of `size`. onprogress: is called when something of these changes.
 * canPause: the file goes in parts.
 */
export class Upload {
  state = "checking";
  sent = 0;
  canPause = false;
  onprogress = () => {};
  #address;
  #file;
  #headers;
  #request; // under way
  #location; // of the upload in parts
  #resume; // ends the pause
  #checksums = new Checksums();
  #abort = new AbortController();
  #canceled = new Promise((_, reject) => {
    const { signal } = this.#abort;
    signal.onabort = () => reject(signal.reason);
  });

  /** headers: for each request, such as a token against cross-site requests. */
  constructor(address, file, { headers = {} } = {}) {
    this.#address = new URL(address, document.baseURI).href;
    this.#file = file;
    this.name = file.name;
    this.size = file.size;
    this.#headers = headers;
    this.done = this.#run();
    for (const promise of [this.done, this.#canceled]) promise.catch(() => {}); // a page may look at `state` alone
  }

  /** Send nothing until resume() is called. A part that is under way comes again. */
  pause() {
    if (!this.canPause || this.state === "paused") return;
    this.#become("paused");
    this.#request.abort();
  }

  /** Go on after a pause, or at once while the server is waited for. */
  resume() {
    if (this.state === "paused") this.#become("sending");
    this.#resume?.();
  }

  /** Stop for good. A file whose last byte has left may be stored nevertheless. */
  cancel() {
    this.#abort.abort();
    this.#request?.abort();
  }

  async #run() {
    try {
      const request = (this.size > LARGE && (await this.#sendParts())) || (await this.#sendWhole());
      this.sent = this.size;
      this.#become("done");
      return response(request);
    } catch (error) {
      const { aborted } = this.#abort.signal;
      if (aborted && this.#location) this.#giveUp();
      this.#become(aborted ? "canceled" : "failed");
      throw error;
    } finally {
      this.canPause = false;
      this.#checksums.end();
    }
  }

  #become(state) {
    this.state = state;
    this.onprogress(this);
  }

  async #sendWhole() {
    this.#become("checking");
    const crc32 = await this.#unlessCanceled(this.#checksums.of(this.#file));
    this.#become("sending");
    const request = await this.#send("PUT", this.#address, { [CRC32]: crc32 }, this.#file);
    this.#abort.signal.throwIfAborted();
    if (!isSuccess(request)) throw refusal(request);
    return request;
  }

  /**
   * Return the last response, or null if the server takes no parts.
   *
   * Each request depends on what is known: without a location the upload begins, without an offset the server is asked
   * for it, else a part is sent (https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-resumable-upload-15).
   */
  async #sendParts() {
    const memory = new Memory(this.#address, this.#file);
    let offset = null, most, setbacks = 0, silences = 0;
    this.#location = memory.location;
    this.#become("sending");
    for (;;) {
      if (this.state === "paused") await this.#unlessCanceled(new Promise((go) => { this.#resume = go; }));
      if (this.state === "waiting") this.#become("sending");
      const request = await this.#next(offset, most);
      this.#abort.signal.throwIfAborted();
      const limit = /max-append-size=(\d+)/.exec(request.getResponseHeader("Upload-Limit"));
      if (!this.#location && !limit && (isSuccess(request) || NO_PARTS.includes(request.status))) return null;
      if (isSuccess(request)) {
        if (request.getResponseHeader("Upload-Complete") === "?1") {
          memory.location = null;
          return request;
        }
        this.#location ??= memory.location = request.getResponseHeader("Location");
        if (offset !== null) setbacks = 0; // a part is stored
        this.sent = offset = Number(request.getResponseHeader("Upload-Offset"));
        most = Number(limit[1]);
        this.canPause = true;
        this.onprogress(this);
        silences = 0;
      } else if (AWAY.includes(request.status)) {
        offset = null;
        if (this.state !== "paused") await this.#wait(silences++);
      } else if (this.#location && [...GIVEN_UP, 409, 422].includes(request.status) && ++setbacks < MOST_SETBACKS) {
        // the server has given the upload up; or it knows where the next part begins
        if (GIVEN_UP.includes(request.status)) this.#location = memory.location = null;
        offset = null;
      } else {
        throw refusal(request);
      }
    }
  }

  async #next(offset, most) {
    if (!this.#location) {
      return this.#send("POST", this.#address, { "Upload-Complete": "?0", "Upload-Length": this.size });
    }
    if (offset === null) return this.#send("HEAD", this.#location);
    const part = this.#file.slice(offset, offset + most);
    const headers = {
      "Content-Type": "application/partial-upload",
      "Upload-Offset": offset,
      "Upload-Complete": offset + part.size === this.size ? "?1" : "?0",
      [CRC32]: await this.#unlessCanceled(this.#checksums.of(part)),
    };
    return this.#send("PATCH", this.#location, headers, part, offset);
  }

  /** Wait twice as long each time, at most 30 seconds, or until the browser is online again. */
  async #wait(silences) {
    this.#become("waiting");
    await this.#unlessCanceled(new Promise((go) => {
      setTimeout(go, Math.min(30_000, 500 * 2 ** silences));
      addEventListener("online", go, { once: true });
      this.#resume = go;
    }));
  }

  #unlessCanceled(promise) {
    return Promise.race([promise, this.#canceled]);
  }

  /** Free what the server has reserved; its sweep does so if this request is lost. */
  #giveUp() {
    new Memory(this.#address, this.#file).location = null;
    fetch(this.#location, { method: "DELETE", headers: this.#headers, keepalive: true }).catch(() => {});
  }

  /** Send one request and return it when it has ended, with status 0 if no response came. fetch() reports no progress. */
  #send(method, address, headers, body, before = 0) {
    return new Promise((resolve) => {
      const request = (this.#request = new XMLHttpRequest());
      request.open(method, address);
      const own = { Accept: "application/json", "Content-Type": this.#file.type || "application/octet-stream" };
      for (const [name, value] of Object.entries({ ...own, ...headers, ...this.#headers })) {
        request.setRequestHeader(name, value);
      }
      request.upload.onprogress = ({ loaded }) => {
        this.sent = Math.min(before + loaded, this.size);
        this.onprogress(this);
      };
      request.onloadend = () => resolve(request);
      request.send(body);
      if (this.#abort.signal.aborted || this.state === "paused") request.abort();
    });
  }
}

/** Where an upload in parts goes on, for the same file at the same address. */
class Memory {
  #key;

  constructor(address, { name, size, lastModified }) {
    this.#key = `upload ${JSON.stringify([address, name, size, lastModified])}`;
  }

  get location() {
    try {
      return localStorage.getItem(this.#key);
    } catch {
      return null; // the browser keeps nothing
    }
  }

  set location(value) {
    try {
      if (value === null) localStorage.removeItem(this.#key);
      else localStorage.setItem(this.#key, value);
    } catch {} // after a reload the upload begins anew
  }
}

function isSuccess({ status }) {
  return status >= 200 && status <= 299;
}

/** Return the error of a refusal, with the words of its JSON. */
function refusal(request) {
  if (request.status === 0) return new UploadError(0, "The connection was lost. Send the file again.");
  let detail;
  try {
    ({ detail } = JSON.parse(request.responseText));
  } catch {} // a page of the app
  if (typeof detail !== "string" || !detail) detail = WORDS[request.status] ?? `the server responded with status ${request.status}`;
  const end = /[.!?]$/.test(detail) ? "" : ".";
  return new UploadError(request.status, `${detail[0].toUpperCase()}${detail.slice(1)}${end}`);
}

function response(request) {
  const lines = request.getAllResponseHeaders().split("\r\n").filter((line) => line.includes(": "));
  const headers = lines.map((line) => line.split(/: (.*)/, 2));
  // a status without a body allows none (https://fetch.spec.whatwg.org/#null-body-status)
  return new Response(request.responseText || null, { status: request.status, headers });
}

/** Computes CRC-32s in a worker, so that the page stays responsive; in the page if the browser starts no worker. */
class Checksums {
  #worker;

  /** Return the CRC-32 of a Blob as the header has it. Throws an UploadError if the Blob cannot be read. */
  async of(blob) {
    try {
      return await this.#inWorker(blob);
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

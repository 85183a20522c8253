// The id that links a decision of the app with NGINX's log entry: UUID version 7 (RFC 9562 section 5.7).

import { randomBytes } from "node:crypto";

/** Return a new id; later ones sort later, to the millisecond. */
export function newTransferId(now = new Date()) {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(now.getTime(), 0, 6);
  bytes[6] = 0x70 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  const digits = bytes.toString("hex");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

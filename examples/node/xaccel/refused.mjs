// Errors for invalid keys, URLs, options and headers. They are thrown before anything is sent.

export class Refused extends Error {
  /**
   * @param {string} kind  the name that the Python library has for it, such as "KeyRefused"
   * @param {string} input which input is at fault, as the test vectors name it
   * @param {string} what  one clause
   */
  constructor(kind, input, what) {
    super(`${input}: ${what}`);
    this.kind = kind;
    this.input = input;
  }
}

export const refuseKey = (what) => new Refused("KeyRefused", "key", what);
export const refuseUrl = (what) => new Refused("OriginNotAllowed", "url", what);
export const refuseOption = (input, what) => new Refused("OptionRefused", input, what);
export const refuseHeader = (input, what) => new Refused("HeaderRefused", input, what);

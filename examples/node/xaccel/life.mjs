// Choose the validity of a signature, and whether it lasts for slices.

const LONGEST_S = 7 * 24 * 3600;
const MARGIN_S = 60; // clocks differ

/**
 * @param {(seconds: number) => boolean} lasts  whether the credentials are valid for so many more seconds
 * @returns {{expires: number, slices: boolean}}
 */
export function chooseLife(site, origin, options, cached, lasts) {
  const whole = { expires: origin.expires_s, slices: false };
  const slice = cached ? (site.cache?.sliceBytes ?? 0) : 0;
  const { size } = options;
  if (slice === 0 || origin.redirect_hosts.length > 0 || size === undefined || size <= slice) return whole;
  const { signedFor } = origin;
  if (origin.type === "http" && !signedFor) return { ...whole, slices: true };
  if (size === undefined) return whole;
  const limit = options.limit_rate ?? site.limitRate;
  const rate = typeof limit === "number" ? Math.min(limit, site.cache.slowestRate) : site.cache.slowestRate;
  if (signedFor) return { ...whole, slices: Math.ceil(size / rate) + MARGIN_S <= signedFor };
  const needed = origin.expires_s + Math.ceil(size / rate);
  return needed > LONGEST_S || !lasts(needed + MARGIN_S) ? whole : { expires: needed, slices: true };
}

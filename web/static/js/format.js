// Numbers as people read them. Every function takes null for "not known" and answers with a dash.

export const NOT_KNOWN = "–";
const MINUS = "\u2212";
const MAX_DECIMALS = 10;
const VWAP_DECIMALS = 4;

const TIERS = {
  live: "live, not yet official", early: "early, may still change", official: "official", final: "final",
};

const formatterByDecimals = new Map();
const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });
// In a column of numbers "5.0M" stands better below "4.9M" than "5M" does.
const compactInColumn = new Intl.NumberFormat("en-US", {
  notation: "compact", minimumFractionDigits: 1, maximumFractionDigits: 1,
});
const exact = new Intl.NumberFormat("en-US", { maximumFractionDigits: 6 });

/** How many decimals a number has as the API gave it, at least 2 (prices) and at most 10. */
export function priceDecimals(value) {
  // Nearly all prices are whole cents, and hundreds of them are written each second.
  if (Math.round(value * 100) / 100 === value) return 2;
  const [mantissa, exponent = "0"] = String(value).split("e");
  const fraction = (mantissa.split(".")[1] ?? "").length;
  return Math.min(MAX_DECIMALS, Math.max(2, fraction - Number(exponent)));
}

/** A price as the API gives it, with at least 2 decimals. */
export function formatPrice(value) {
  return value === null ? NOT_KNOWN : fixed(value, priceDecimals(value));
}

/** A volume-weighted price, which is a quotient: with at least 2 decimals and at most 4. */
export function formatVwap(value) {
  return value === null ? NOT_KNOWN : fixed(value, Math.min(VWAP_DECIMALS, priceDecimals(value)));
}

/** A change of price with its sign; a change that rounds to nothing has none. */
export function formatChange(value) {
  return value === null ? NOT_KNOWN : signed(value, priceDecimals(value), "");
}

/** A change in percent with its sign and two decimals. */
export function formatPercent(value) {
  return value === null ? NOT_KNOWN : signed(value, 2, "%");
}

/** A volume in shares, compact: "1.2M", "5.0M", "950". */
export function formatVolume(value) {
  if (value === null) return NOT_KNOWN;
  return (value < 1000 ? compact : compactInColumn).format(value);
}

/** A volume in shares on an axis: "40K". */
export function formatAxisVolume(value) {
  return compact.format(value);
}

/** A volume in shares, exact: "1,234,567". */
export function formatExact(value) {
  return value === null ? NOT_KNOWN : exact.format(value);
}

/** An age in its largest unit; a negative one (clocks differ a little) counts as none. */
export function formatAge(ageMs) {
  if (ageMs === null) return NOT_KNOWN;
  const seconds = Math.max(0, Math.floor(ageMs / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} d`;
}

/** "up", "down" or "flat", for colours that only repeat what the sign says. */
export function direction(change) {
  if (!change) return "flat";
  return change > 0 ? "up" : "down";
}

/** What a bar's tier means for who reads it. */
export function tierText(tier) {
  return TIERS[tier] ?? tier;
}

function fixed(value, decimals) {
  if (!formatterByDecimals.has(decimals)) {
    const options = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
    formatterByDecimals.set(decimals, new Intl.NumberFormat("en-US", options));
  }
  return formatterByDecimals.get(decimals).format(value);
}

function signed(value, decimals, unit) {
  const size = fixed(Math.abs(value), decimals);
  if (!/[1-9]/.test(size)) return size + unit;
  return (value > 0 ? "+" : MINUS) + size + unit;
}

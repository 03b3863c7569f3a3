// Minutes put together to one bar, by the rules by which the server does it. No DOM here.

const MICRO = 1_000_000;
const VWAP_DECIMALS = 6;
const TIERS = ["live", "early", "official", "final"];

/** One bar of several that follow each other; of a single one all its digits. Volumes are added in millionths of a
 *  share, VWAP is sum(vwap * volume) / sum(volume) and null where a part that traded has none; the tier is the lowest
 *  of the parts. */
export function together(parts, timestamp) {
  if (parts.length === 1) return { ...parts[0], timestamp };
  return {
    symbol: parts[0].symbol, timestamp,
    open: parts[0].open,
    high: Math.max(...parts.map(({ high }) => high)),
    low: Math.min(...parts.map(({ low }) => low)),
    close: parts.at(-1).close,
    volume: parts.reduce((sum, { volume }) => sum + Math.round(volume * MICRO), 0) / MICRO,
    vwap: vwapOf(parts),
    tier: TIERS[Math.min(...parts.map(({ tier }) => TIERS.indexOf(tier)))],
  };
}

function vwapOf(parts) {
  const traded = parts.filter(({ volume }) => volume > 0);
  if (traded.length === 0 || traded.some(({ vwap }) => vwap === null)) return null;
  const dollars = sumOf(traded.map(({ vwap, volume }) => vwap * volume));
  return Number((dollars / sumOf(traded.map(({ volume }) => volume))).toFixed(VWAP_DECIMALS));
}

/** Neumaier's compensated sum: https://en.wikipedia.org/wiki/Kahan_summation_algorithm */
function sumOf(numbers) {
  let sum = 0;
  let lost = 0;
  for (const number of numbers) {
    const next = sum + number;
    lost += Math.abs(sum) >= Math.abs(number) ? sum - next + number : number - next + sum;
    sum = next;
  }
  return sum + lost;
}

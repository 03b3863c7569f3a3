// Dates of answers ("2026-11-16"), which are New York's trading days and have no time of day.

const full = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", day: "numeric", month: "short", year: "numeric" });
const month = new Intl.DateTimeFormat("en-US", { timeZone: "UTC", month: "short" });

/** "16 Nov 2026" */
export function formatDate(date) {
  return full.format(Date.parse(date));
}

/** "Nov", and the year in the place of January. */
export function formatMonth(date) {
  return date.slice(5, 7) === "01" ? date.slice(0, 4) : month.format(Date.parse(date));
}

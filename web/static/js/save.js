// The button that saves the bars in sight, with all their digits, as the server writes them.

const MAX_BARS = 50_000;

/** Where a CSV file of the minutes from the first bar to the last is. */
export function barsUrl(symbol, [fromMs, toMs]) {
  const query = { symbol, timeframe: "1m", from: fromMs, to: toMs, limit: MAX_BARS, format: "csv" };
  return `/api/bars?${new URLSearchParams(query)}`;
}

/** Makes the button work; `refresh` is to be called when the chart's bars may have come or gone. */
export function createSaver({ button, chart, symbol, open = startDownload }) {
  button.addEventListener("click", () => {
    const bounds = chart.boundsMs();
    if (bounds !== null) open(barsUrl(symbol(), bounds));
  });
  return {
    refresh() {
      button.disabled = chart.size === 0;
    },
  };
}

// The server names the file. It answers an error as JSON, which the browser then shows as a failed download.
function startDownload(url) {
  const link = document.createElement("a");
  link.href = url;
  link.download = "";
  link.click();
}

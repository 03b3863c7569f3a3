// The button that saves the bars in sight, with all their digits, as the server writes them.

const MAX_BARS = 50_000;

/** Where a CSV file of the bars from the first one to the last is. */
export function barsUrl({ symbol, timeframe }, [fromMs, toMs]) {
  const query = { symbol, timeframe, from: fromMs, to: toMs, adjusted: true, limit: MAX_BARS, format: "csv" };
  return `/api/bars?${new URLSearchParams(query)}`;
}

/** Makes the button save what is chosen (`selection`) and in sight; `refresh` is to be called when the chart's bars may have come or gone. */
export function createSaver({ button, chart, selection, open = startDownload }) {
  button.addEventListener("click", () => {
    const bounds = chart.boundsMs();
    if (bounds !== null) open(barsUrl(selection, bounds));
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

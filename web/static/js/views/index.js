// The views that have a tab beside the watch list, in the order of their tabs.

/** Each with its key in the URL (`tab=`), its label, and `load()`, which gives its module:
 *  - `mount(element, context)` builds the view in an empty element;
 *  - `query()` says what of the market it shows, such as "rankings?universe=dow30&limit=50", or null: the page's one
 *    poll asks for that as well;
 *  - `show(body)` is given every answer that differs from the one before, as the endpoint of that name has it, or what
 *    stands in its place: {view, pending} or {view, error: {code, message}};
 *  - `turn()`, which not every view has, gives a question of its own (an async function) that is due in the place of a
 *    poll, or null; so one thing is asked at a time, however much is shown;
 *  - `unmount()` ends what `mount` began; the element is emptied by who called.
 *  Its own part of the state in the URL has names that begin with its key ("rankings.sort"); when they change,
 *  by the back button too, the next question is asked at once.
 *
 *  `context` is {url, universe(), offset(), chooseSymbol(symbol), refresh(), nowMs(), ask(path, parameters)}: the state
 *  in the URL (url_state.js), the key of the chosen universe and the place of the first symbol listed, a symbol's chart,
 *  the question asked at once (after `query()` changed), the server's time, and a question of the view's own, which
 *  gives JSON or fails with ApiError. */
export const VIEWS = [
  { key: "rankings", label: "Rankings", load: () => import("./rankings.js") },
  { key: "breadth", label: "Breadth", load: () => import("./breadth.js") },
  { key: "sectors", label: "Sectors", load: () => import("./sectors.js") },
  { key: "stages", label: "Stages", load: () => import("./stages.js") },
  { key: "sentiment", label: "Sentiment", load: () => import("./sentiment.js") },
  { key: "data", label: "Data", load: () => import("./data.js") },
];

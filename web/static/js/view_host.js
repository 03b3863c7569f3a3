// The view of the chosen tab: its module is loaded when it is first looked at, and fed by the page's one poll.

/** Hosts one of `views` (views/index.js) at a time, in the element of `panels` (by key). */
export function createViewHost({ views, panels, context }) {
  let openKey = null;
  let view = null;
  let asked = null;
  let tag = null;

  async function open(key) {
    if (key === openKey) return;
    close();
    const found = views.find((other) => other.key === key);
    if (found === undefined) return;
    openKey = key;
    const module = await load(found);
    if (openKey !== key || module === null) return;
    module.mount(panels.get(key), context);
    view = module;
    context.refresh();
  }

  async function load({ key, load: loadModule }) {
    try {
      return await loadModule();
    } catch (error) {
      console.error(error);
      say(key, "This part of the page could not be loaded. Load the page again.");
      return null;
    }
  }

  function close() {
    view?.unmount();
    panels.get(openKey)?.replaceChildren();
    openKey = view = asked = tag = null;
  }

  function say(key, text) {
    const message = document.createElement("p");
    message.className = "view-message";
    message.role = "status";
    message.textContent = text;
    panels.get(key).replaceChildren(message);
  }

  return {
    /** Show the view of this key, and end the one before; other keys have none. */
    open,
    /** The view's own question, if one is due. */
    turn: () => view?.turn?.() ?? null,
    /** What the next poll asks for beside the bars: {query, tag}, where `tag` is of the answer that is shown; null: nothing. */
    question() {
      const query = view?.query() ?? null;
      if (query !== asked) tag = null;
      asked = query;
      return query === null ? null : { query, tag };
    },
    /** Take what was answered to a `question`; what is no longer asked for is let go. Without a tag it is a sentence,
     *  of what is being calculated or wrong with the question, which is told each time. */
    take(answer, { query }) {
      if (query !== asked || (answer.tag !== null && answer.tag === tag)) return;
      tag = answer.tag;
      view.show(answer);
    },
  };
}

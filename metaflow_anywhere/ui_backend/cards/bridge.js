// Added to the end of a card's page when our own UI shows it. The frame has an origin of its own, so the UI cannot call
// into the card: it posts what has changed, and this calls what the card offers for it. The card says how high it is.
(() => {
  "use strict";
  if (window.parent === window) return;
  const KIND = "metaflow-card";
  const LONGEST_CHASE = 3; // answers to our own growth without any change of the content: a page as high as its frame
  let told = 0;
  let chases = 0;

  const say = (message) => window.parent.postMessage({ kind: KIND, ...message }, "*");
  const updates = () => typeof window.metaflow_card_update === "function";
  const state = () => {
    const token = window.METAFLOW_RELOAD_TOKEN;
    return { token: typeof token === "string" ? token : null, updates: updates() };
  };

  const height = () => {
    const { body, documentElement: root } = document;
    if (!body) return 0;
    const { bottom } = body.getBoundingClientRect();
    return Math.ceil(Math.max(body.scrollHeight, bottom + window.scrollY, root.getBoundingClientRect().height));
  };
  const tellHeight = () => {
    const now = height();
    if (now === told) return;
    told = now;
    say({ height: now });
  };
  let due = 0;
  const soon = () => {
    due ||= requestAnimationFrame(() => {
      due = 0;
      tellHeight();
    });
  };

  window.addEventListener("message", (event) => {
    if (event.source !== window.parent || !event.data || event.data.kind !== KIND) return;
    let taken = false;
    if (updates()) {
      try {
        window.metaflow_card_update(event.data.data);
        taken = true;
      } catch (error) {
        console.error(error);
      }
    }
    say({ ...state(), answers: event.data.number, taken });
  });

  const observed = new ResizeObserver(() => {
    if (chases < LONGEST_CHASE) soon();
  });
  window.addEventListener("resize", () => chases++);
  new MutationObserver(() => {
    chases = 0;
    soon();
  }).observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
  const begin = () => {
    observed.observe(document.documentElement);
    if (document.body) observed.observe(document.body);
    say({ ...state(), ready: true });
    soon();
  };
  if (document.readyState === "complete") begin();
  else window.addEventListener("load", begin);
})();

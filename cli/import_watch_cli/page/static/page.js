// What the page does in the browser beyond htmx: times that tick, the pause, the dialog, and the state of the connection.
(() => {
  "use strict";
  const REQUEST_SECONDS = 10;
  let paused = false;

  // The same rules as durations.py.
  const shortDuration = (seconds) => {
    const left = Math.max(0, Math.floor(seconds + 1e-6));
    if (left < 60) return `${left} s`;
    if (left < 3600) return `${Math.floor(left / 60)} m`;
    const [unit, small, size, part] = left < 86400 ? ["h", "m", 3600, 60] : ["d", "h", 86400, 3600];
    const rest = Math.floor((left % size) / part);
    return `${Math.floor(left / size)} ${unit}${rest ? ` ${rest} ${small}` : ""}`;
  };
  const nextPoll = (seconds) => (seconds < 1 ? "now" : `in ${shortDuration(seconds)}`);
  window.importWatch = { shortDuration, nextPoll };

  const set = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
  };
  const tick = () => {
    const now = Date.now() / 1000;
    for (const one of document.querySelectorAll("[data-since]")) set(one, shortDuration(now - one.dataset.since));
    for (const one of document.querySelectorAll("[data-until]")) set(one, nextPoll(one.dataset.until - now));
    for (const one of document.querySelectorAll("[data-age]")) set(one, `${shortDuration(now - one.dataset.age)} ago`);
  };

  const showState = (text, kind) => {
    const live = document.getElementById("live");
    if (!live) return;
    live.classList.remove("is-ok", "is-failing", "is-paused");
    live.classList.add(kind);
    set(document.getElementById("live-state"), text);
  };
  const showPause = () => {
    const button = document.getElementById("pause");
    if (!button) return;
    button.hidden = false;
    button.setAttribute("aria-pressed", String(paused));
    set(button, paused ? "Resume" : "Pause");
    if (paused) showState("Paused", "is-paused");
  };

  // A row, a field or an open list that a person uses stays as it is while its data change around it.
  Idiomorph.defaults.ignoreActiveValue = true;
  Idiomorph.defaults.callbacks.beforeNodeMorphed = (old) => !(old.nodeType === 1 && old.hasAttribute("data-keep"));
  Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) =>
    !(name === "open" && node.hasAttribute("data-keep-open"));

  const isRefresh = (event) => event.detail.elt.id === "page";
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (isRefresh(event) && (paused || document.hidden || document.getElementById("sheet").open)) event.preventDefault();
  });
  for (const kind of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
    document.addEventListener(kind, (event) => {
      if (isRefresh(event)) showState("The server of this page does not respond", "is-failing");
    });
  }

  const sheet = document.getElementById("sheet");
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target === sheet) {
      if (!sheet.open) sheet.showModal();
      document.getElementById("sheet-title")?.focus();
    } else {
      tick();
      showPause();
    }
  });
  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target.closest("button") : null;
    if (event.target === sheet || target?.hasAttribute("data-close")) sheet.close();
    if (target?.id === "pause") {
      paused = !paused;
      if (!paused) showState("Live", "is-ok");
      showPause();
    }
    if (target?.dataset.copy !== undefined) {
      navigator.clipboard.writeText(target.dataset.copy).then(
        () => set(target, "Copied"),
        () => set(target, "Could not be copied"),
      );
    }
  });

  document.documentElement.classList.add("js");
  htmx.config.timeout = REQUEST_SECONDS * 1000;
  showPause();
  tick();
  setInterval(tick, 1000);
})();

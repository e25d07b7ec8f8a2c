// Manners only: every page works without this file. Everything is delegated from the document, so
// that regions swapped in by htmx need no set-up of their own.
(() => {
  "use strict";

  const POLL_MILLISECONDS = 10000;
  const one = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // A page whose stream of events is broken asks every ten seconds until the stream is open again.
  const brokenStreams = new Set();
  let polling = null;

  const refresh = () => all("[data-live]").forEach((region) => htmx.trigger(region, "refresh"));

  function followStreams() {
    for (const element of brokenStreams) if (!element.isConnected) brokenStreams.delete(element);
    if (brokenStreams.size && !polling) polling = setInterval(poll, POLL_MILLISECONDS);
    if (!brokenStreams.size && polling) polling = clearInterval(polling);
  }

  function poll() {
    followStreams();
    if (brokenStreams.size && !document.hidden) refresh();
  }

  // A browser keeps six connections to a site at most, so a page that nobody sees holds none: it
  // hangs up when it is hidden, and is told how things stand when it is seen again.
  class Stream extends EventTarget {
    static all = new Set();
    #url;
    #names = new Set();
    #source = null;

    constructor(url) {
      super();
      this.#url = url;
      Stream.all.add(this);
      if (!document.hidden) this.open();
    }

    get readyState() {
      return this.#source?.readyState ?? EventSource.CONNECTING;
    }

    addEventListener(name, listener) {
      super.addEventListener(name, listener);
      if (!this.#names.has(name)) this.#follow(name);
      this.#names.add(name);
    }

    open() {
      if (this.#source) return;
      this.#source = new EventSource(this.#url);
      this.#source.onopen = (event) => this.onopen?.(event);
      this.#source.onerror = (event) => this.#fail(event);
      this.#names.forEach((name) => this.#follow(name));
    }

    pause() {
      this.#source?.close();
      this.#source = null;
    }

    close() {
      this.pause();
      Stream.all.delete(this);
    }

    // One that was refused is given up, and a new one made, by whoever asked for it.
    #fail(event) {
      if (this.readyState === EventSource.CLOSED) Stream.all.delete(this);
      this.onerror?.(event);
    }

    #follow(name) {
      this.#source?.addEventListener(name, ({ data }) => this.dispatchEvent(new MessageEvent(name, { data })));
    }
  }

  htmx.createEventSource = (url) => new Stream(url);
  document.addEventListener("visibilitychange", () => {
    Stream.all.forEach((stream) => (document.hidden ? stream.pause() : stream.open()));
  });

  document.addEventListener("htmx:sseError", (event) => {
    brokenStreams.add(event.target);
    followStreams();
  });
  document.addEventListener("htmx:sseOpen", (event) => {
    if (brokenStreams.delete(event.target)) refresh();
    followStreams();
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && brokenStreams.size) refresh();
  });

  // Bulk forms: one box for all rows, a count of those chosen, and the bar only when there are any.
  function showSelection(table) {
    const boxes = all("input[data-select]", table);
    const chosen = boxes.filter((box) => box.checked).length;
    const whole = one("input[data-select-all]", table);
    if (whole) {
      whole.checked = chosen > 0 && chosen === boxes.length;
      whole.indeterminate = chosen > 0 && chosen < boxes.length;
    }
    const form = boxes[0]?.form ?? table.closest("form");
    if (!form) return;
    all("[data-selected-count]", form).forEach((count) => (count.textContent = chosen));
    all("[data-bulk-bar]", form).forEach((bar) => (bar.hidden = chosen === 0));
  }

  const showSelections = () => all("table").filter((table) => one("[data-select-all]", table)).forEach(showSelection);

  document.addEventListener("change", ({ target }) => {
    if (target.matches("[data-select-all]")) {
      all("input[data-select]", target.closest("table")).forEach((box) => (box.checked = target.checked));
    }
    if (target.matches("[data-select-all], [data-select]")) showSelection(target.closest("table"));
    if (target.matches("[data-theme-choice] input")) chooseTheme(target.value);
  });

  // A submitted form shows that it is busy and is not sent twice.
  const release = (form) => {
    delete form.dataset.busy;
    all("[aria-busy]", form).forEach((button) => button.removeAttribute("aria-busy"));
  };

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method === "get") return;
    if (form.dataset.busy) {
      event.preventDefault();
      event.stopImmediatePropagation();
      return;
    }
    form.dataset.busy = "yes";
    event.submitter?.setAttribute("aria-busy", "true");
  }, true);
  document.addEventListener("htmx:afterRequest", ({ target }) => {
    const form = target.closest("form");
    if (form) release(form);
  });
  addEventListener("pageshow", () => all("form[data-busy]").forEach(release));

  // Menus and questions.
  document.addEventListener("click", ({ target }) => {
    all("details[data-menu][open]").filter((menu) => !menu.contains(target)).forEach((menu) => (menu.open = false));
    target.closest("[data-dismiss]")?.parentElement.remove();
    if (target.closest("[data-close]")) closeMenu(target.closest("details"));
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = event.target.closest("details[data-menu][open]") ?? one("details[data-menu][open]");
    if (menu) closeMenu(menu);
  });

  function closeMenu(menu) {
    menu.open = false;
    one("summary", menu).focus();
  }

  // Appearance: a cookie, so that the server can say it in the page's first byte.
  function chooseTheme(theme) {
    const root = document.documentElement;
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
    const age = theme === "auto" ? 0 : 31536000;
    document.cookie = `theme=${theme}; path=/; max-age=${age}; samesite=lax`;
  }

  // A person's click or key, not a poll or an event of the page's own.
  const askedByPerson = (event) => Boolean(event.detail.requestConfig?.triggeringEvent?.isTrusted);

  // After a swap: to the first mistake, else back to where the person was, in a row of a list to
  // the control that took the place of the one used.
  // Several regions may be swapped at once: the one that takes the place away remembers it.
  let place = null;
  const controls = (row) => all("a, button, input", row);
  document.addEventListener("htmx:beforeSwap", () => {
    const active = document.activeElement;
    if (!active || active === document.body) return;
    const row = active.id ? null : active.closest("tr[id]");
    place = { id: (row ?? active).id, index: row ? controls(row).indexOf(active) : null };
  });
  ["focusin", "pointerdown"].forEach((name) => document.addEventListener(name, () => (place = null)));

  function goBackToPlace() {
    const there = place && document.getElementById(place.id);
    if (!there) return;
    const found = place.index === null ? [there] : controls(there);
    (found[place.index ?? 0] ?? found.at(-1))?.focus();
  }

  document.addEventListener("htmx:afterSettle", (event) => {
    prepare(event.target);
    const next = askedByPerson(event) && (one('[aria-invalid="true"]', event.target) ?? one("[data-focus]", event.target));
    const lost = document.activeElement === document.body;
    if (next) next.focus();
    else if (lost) goBackToPlace();
  });

  const emptyMessage = () => Object.assign(document.createElement("div"), { id: "error-message" });

  // The request got no answer, or one without a message of ours. What the page asks for by itself
  // (a poll) fails without a word: the next one may not.
  function showFailure(event) {
    if (!askedByPerson(event)) return;
    const message = one("#failed-message")?.content.cloneNode(true);
    one("#error-message")?.remove();
    if (message) one("#flashes")?.prepend(message);
    scrollTo({ top: 0 });
  }

  document.addEventListener("htmx:sendError", showFailure);
  document.addEventListener("htmx:timeout", showFailure);
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.isError && !askedByPerson(event)) event.detail.shouldSwap = false;
  });
  document.addEventListener("htmx:responseError", (event) => setTimeout(() => {
    if (!one("#error-message")?.childElementCount) showFailure(event);
    else if (askedByPerson(event)) scrollTo({ top: 0 });
  }));
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.xhr.status < 400 && askedByPerson(event)) one("#error-message")?.replaceWith(emptyMessage());
  });

  // What only makes sense with this file is hidden until it runs.
  function prepare(root) {
    all("[data-dismiss], [data-close], [data-theme-choice]", root).forEach((element) => (element.hidden = false));
    const theme = document.documentElement.dataset.theme ?? "auto";
    all("[data-theme-choice] input", root).forEach((input) => (input.checked = input.value === theme));
    showSelections();
  }

  prepare(document);
  one('.main-nav [aria-current="page"]')?.scrollIntoView({ block: "nearest", inline: "center" });
})();

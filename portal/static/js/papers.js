// A file is checked by its hash, worked out here so that it stays where it is; a link is copied.
// Without this file the form sends the file, and the link is copied by hand.
(() => {
  "use strict";

  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  // Only where the page came by https, or from this computer.
  const hashes = Boolean(globalThis.crypto?.subtle);

  async function hashOf(file) {
    const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
    return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    const file = form.dataset.hashFile && form.querySelector("input[type=file]")?.files[0];
    if (!file || !hashes) return;
    event.preventDefault();
    hashOf(file).then(
      (sha256) => location.assign(`${form.dataset.hashFile}?sha256=${sha256}`),
      // Too large for the browser, or not to be read: the portal is asked, which says so.
      () => form.submit(),
    );
  });

  async function copy(input) {
    input.select();
    if (navigator.clipboard) return navigator.clipboard.writeText(input.value);
    if (!document.execCommand("copy")) throw new Error("not copied");
  }

  document.addEventListener("click", ({ target }) => {
    const input = target.dataset?.copy && document.getElementById(target.dataset.copy);
    if (!input) return;
    const told = target.parentElement.querySelector("[data-copied]");
    const { copiedText, notCopiedText } = target.dataset;
    copy(input).then(() => (told.textContent = copiedText), () => (told.textContent = notCopiedText));
  });

  // What only makes sense with this file is hidden until it runs.
  function prepare() {
    all("[data-copy]").forEach((button) => (button.hidden = false));
    all("[data-with-script]").forEach((words) => (words.hidden = !hashes));
    all("[data-without-script]").forEach((words) => (words.hidden = hashes));
  }

  document.addEventListener("htmx:afterSettle", prepare);
  prepare();
})();

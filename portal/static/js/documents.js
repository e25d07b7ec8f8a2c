// Uploading documents: what is too large is told before it is sent, what the files lead to as soon
// as they are chosen, and how far sending is. Without this file the form does the same in silence.
(() => {
  "use strict";

  const FORM = "form[data-upload]";
  const one = (selector, root) => root.querySelector(selector);

  function problemOf(form, files) {
    const large = files.filter((file) => file.size > Number(form.dataset.most));
    if (large.length) return form.dataset.tooLarge.replace("{files}", () => large.map((file) => file.name).join(", "));
    const sum = files.reduce((bytes, file) => bytes + file.size, 0);
    if (sum > Number(form.dataset.together)) return form.dataset.tooMuch;
    return "";
  }

  // The browser refuses to send a form with such a message, and shows it at the field.
  function tell(form, input, problem) {
    const told = one("[data-upload-problem]", form);
    told.textContent = problem;
    told.hidden = !problem;
    input.setCustomValidity(problem);
    if (problem) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }

  document.addEventListener("change", ({ target }) => {
    const form = target.type === "file" ? target.closest(FORM) : null;
    if (!form) return;
    const files = [...target.files];
    tell(form, target, problemOf(form, files));
    const bytes = files.reduce((sum, file) => sum + file.size, 0);
    htmx.ajax("GET", `/clients/documents/foresight?bytes=${bytes}`, { target: "#documents-foresight", swap: "innerHTML" });
  });

  function show(form, words, share) {
    one("[data-upload-progress]", form).hidden = !words;
    const told = one("[data-upload-words]", form);
    if (told.textContent !== words) told.textContent = words;
    one("progress", form).value = share;
  }

  document.addEventListener("htmx:beforeRequest", ({ target }) => {
    if (target.matches?.(FORM)) show(target, target.dataset.sending, 0);
  });
  document.addEventListener("htmx:xhr:progress", ({ target, detail }) => {
    if (!target.matches?.(FORM) || !detail.lengthComputable) return;
    const share = Math.floor((100 * detail.loaded) / detail.total);
    show(target, share < 100 ? target.dataset.sending : target.dataset.keeping, share);
  });
  document.addEventListener("htmx:afterRequest", ({ target }) => {
    if (target.matches?.(FORM)) show(target, "", 0);
  });
})();

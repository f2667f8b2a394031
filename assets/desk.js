// What saves keystrokes at the desk. Every page works without it.
"use strict";

const procedure = document.getElementById("f-procedure");
if (procedure) {
  const shown = document.querySelector("input[name=shown-procedure]");
  const checklists = document.querySelectorAll(".checklist");
  const hint = document.querySelector(".no-checklist");
  document.querySelector(".show-documents").hidden = true;
  // A checklist that is disabled is not sent, so its ticks cannot reach another procedure's dossier.
  const show = () => {
    for (const list of checklists) {
      list.hidden = list.disabled = list.dataset.procedure !== procedure.value;
    }
    hint.hidden = procedure.value !== "";
    shown.value = procedure.value;
  };
  procedure.addEventListener("change", show);
  show();
}

// Ctrl+Enter sends the form from anywhere in it, a text of several lines included.
for (const form of document.querySelectorAll("form[data-main]")) {
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.ctrlKey) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  // A second click while the first is on its way would only show the same page again.
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "1";
  });
}
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-main]")) delete form.dataset.sent;
});

// A correction shows only the control that its field needs.
const field = document.getElementById("correct-field");
if (field) {
  const own = ["office", "step", "outcome"];
  const narrow = () => {
    for (const part of field.form.querySelectorAll("[data-field]")) {
      const name = part.dataset.field;
      if (name === "value") part.hidden = own.includes(field.value);
      if (own.includes(name)) part.hidden = name !== field.value;
    }
  };
  field.addEventListener("change", narrow);
  narrow();
}

// The move that is opened takes the keyboard.
for (const move of document.querySelectorAll("details.move")) {
  move.addEventListener("toggle", () => {
    if (move.open && !move.querySelector("[aria-invalid]")) {
      move.querySelector("select, textarea, input:not([type=hidden]), button")?.focus();
    }
  });
}

// The receipt opens beside the page and goes to the printer.
const print = document.getElementById("print");
if (print) {
  print.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    const paper = window.open(print.href, "_blank");
    if (!paper) return;
    event.preventDefault();
    paper.addEventListener("load", () => paper.print());
  });
}

// What every page of the desk must be, in every language: right direction, as narrow as a phone, and accessible. The pages
// that refuse something too, because nobody looks at those.

import { accessible } from "./access.mjs";
import { equal, inLanguage, LANGUAGES } from "./check.mjs";
import { narrowEnough } from "./public.mjs";

const NARROW = { width: 320, height: 640 };

export async function everyDeskPage(browser, { origin }, told) {
  const signedIn = await told.desk.storageState();
  await look(browser, origin, [
    ["sign-in", undefined, at("/desk/sign-in"), 200],
    ["list", signedIn, at("/desk"), 200],
    ["end of the list", signedIn, at("/desk?before=1"), 200],
    ["choice of procedure", signedIn, at("/desk/register"), 200],
    ["form", signedIn, at("/desk/register?procedure=PC"), 200],
    ["dossier", signedIn, at(`/desk/d/${told.first}`), 200],
    ["dossier after a move", signedIn, at(`/desk/d/${told.first}?done=add-note`), 200],
    ["receipt", signedIn, at(`/desk/d/${told.first}/receipt`), 200],
  ]);
}

export async function everyRefusal(browser, { origin }, told) {
  const signedIn = await told.desk.storageState();
  const dossier = `/desk/d/${told.first}`;
  const form = "/desk/register?procedure=PC";
  const note = `form[action="${dossier}/add-note"]`;
  const registration = "form.register";
  const pages = [
    ["wrong password", undefined, sent("/desk/sign-in", "main form", { name: "nobody", password: "not the password" }), 422],
    ["unknown dossier", signedIn, at("/desk/d/NRU-2026-999999"), 404],
    ["no such page", signedIn, at("/desk/nowhere"), 404],
    ["form with faults", signedIn, sent(form, registration, { applicant: "", phone: "12", email: "nobody" }), 422],
    ["form that was kept too long", signedIn, sent(form, registration, { applicant: "Aicha", "form-key": "x" }), 422],
    ["form of nobody's", signedIn, sent(form, registration, { csrf: "0" }), 403],
    ["form that is too large", signedIn, sent(form, registration, { note: "x".repeat(70_000) }), 413],
    ["note without a text", signedIn, sent(dossier, note, { text: "" }), 422],
    ["note that comes late", signedIn, sent(dossier, note, { text: "Vu", version: "1" }), 409],
  ];
  // Their marks are the same in every language; one of each direction is enough for axe-core, which takes its time.
  await look(browser, origin, pages, ["ar", "fr"]);
}

export function at(path) {
  return (page, origin, tag) => page.goto(inLanguage(origin + path, tag));
}

/** Sends a form of a page with the values set as they are given, also those that nobody can type. */
function sent(path, selector, values) {
  return async (page, origin, tag) => {
    await page.goto(inLanguage(origin + path, tag));
    const send = (form, given) => {
      for (const [name, value] of Object.entries(given)) form.elements[name].value = value;
      // The language is the page's own, and not what this browser prefers.
      form.action += `?l=${document.documentElement.lang}`;
      form.submit();
    };
    const [answer] = await Promise.all([page.waitForNavigation(), page.locator(selector).evaluate(send, values)]);
    return answer;
  };
}

export async function look(browser, origin, pages, examined = LANGUAGES.map(({ tag }) => tag)) {
  for (const { tag, direction } of LANGUAGES) {
    for (const storageState of new Set(pages.map(([, state]) => state))) {
      const context = await browser.newContext({ bypassCSP: true, viewport: NARROW, storageState });
      for (const [name, , arrive, status] of pages.filter(([, state]) => state === storageState)) {
        const page = await context.newPage();
        const here = `desk ${name} in ${tag}`;
        equal(here, (await arrive(page, origin, tag)).status(), status);
        equal(`${here}: lang`, await page.getAttribute("html", "lang"), tag);
        equal(`${here}: dir`, await page.getAttribute("html", "dir"), direction);
        await page.evaluate(openEverything);
        await narrowEnough(page, here);
        if (examined.includes(tag)) await accessible(page, here);
        await page.close();
      }
      await context.close();
    }
  }
}

/** Of the moves of a dossier one is open at a time; all of them have to fit. */
function openEverything() {
  for (const one of document.querySelectorAll("details")) {
    one.removeAttribute("name");
    one.open = true;
  }
}

// The clerk's part of the story.

import { check, equal } from "./check.mjs";

export async function signIn(page, origin, clerk) {
  await page.goto(`${origin}/desk`);
  check("the desk asks who is there", page.url().includes("/desk/sign-in"), page.url());
  await page.locator("input[name=name]").focus();
  await page.keyboard.type(clerk.name);
  await page.keyboard.press("Tab");
  await page.keyboard.type(clerk.password);
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  check("the clerk is signed in", !page.url().includes("sign-in"), page.url());
}

/** What holds the keyboard's focus. */
function focused(page) {
  return page.evaluate(() => {
    const one = document.activeElement;
    const { tagName, name, type, value, checked } = one;
    return { tag: tagName.toLowerCase(), name: name ?? "", type: type ?? "", value: value ?? "", checked: checked ?? false };
  });
}

/**
 * Fills the registration form with nothing but keys. `wanted` gives a text, a select's or radio's value, or the values of
 * ticked boxes for each control; the order in which controls take the focus is returned.
 */
export async function fillByKeyboard(page, wanted) {
  const order = [];
  let previous = "";
  for (let presses = 0; presses < 150; presses += 1) {
    // The form gives the focus to its first field by itself, and a clerk starts to type there.
    if (presses > 0 || (await focused(page)).name === "") await page.keyboard.press("Tab");
    const now = await focused(page);
    if (order.at(-1) !== now.name && now.name !== "") order.push(now.name);
    if (now.type === "submit" && order.includes("applicant")) return order;
    const value = wanted[now.name];
    if (value === undefined) continue;
    if (now.type === "checkbox") {
      if (value.includes(now.value) !== now.checked) await page.keyboard.press("Space");
    } else if (now.tag === "select") {
      await choose(page, now, value);
    } else if (now.type === "radio") {
      for (let tries = 0; tries < 8 && (await focused(page)).value !== value; tries += 1) await page.keyboard.press("ArrowDown");
      if (!(await focused(page)).checked) await page.keyboard.press("Space");
      equal(`${now.name} by keyboard`, (await focused(page)).value, value);
    } else if (previous !== now.name) {
      await page.keyboard.type(value);
    }
    previous = now.name;
  }
  throw new Error(`the form's button was not reached with Tab; the focus went through ${order.join(", ")}`);
}

async function choose(page, control, value) {
  await page.keyboard.press("Home");
  for (let tries = 0; tries < 40 && (await focused(page)).value !== value; tries += 1) await page.keyboard.press("ArrowDown");
  equal(`${control.name} by keyboard`, (await focused(page)).value, value);
}

/** The reference in a page's address. */
export function referenceIn(address) {
  const found = /\/desk\/d\/([A-Z]{2,4}-\d{4}-\d{6})/.exec(address)?.[1];
  check("the address names the dossier", found !== undefined, address);
  return found;
}

/** The receipt's PDF, fetched with the session that the page has. */
export async function receiptPdf(page, origin, reference) {
  const answer = await page.context().request.get(`${origin}/desk/d/${reference}/receipt.pdf`);
  equal("the PDF is there", answer.status(), 200);
  equal("and is called one", answer.headers()["content-type"].split(";")[0], "application/pdf");
  return answer.body();
}

/** The controls of the registration form, in the order in which a clerk meets them. */
export const FORM = [
  "procedure",
  "office",
  "applicant-kind",
  "applicant",
  "phone",
  "identity",
  "email",
  "depositor-role",
  "depositor",
  "document",
  "parcel",
  "rokhas",
  "note",
];

/** Sends the registration form as a browser without script does. */
export async function fillWithoutScript(page, texts) {
  for (const [name, text] of Object.entries(texts)) await page.locator(`[name="${name}"]`).fill(text);
  await Promise.all([page.waitForNavigation(), page.locator("input[name=phone]").press("Enter")]);
}

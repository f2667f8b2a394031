// What every public page must be, in every language: right direction, one request, no script, no cookie, light, narrow.

import http from "node:http";

import { check, equal, inLanguage, LANGUAGES } from "./check.mjs";

/** CI fails above this many bytes on the wire, headers included. */
export const HEAVIEST = 8_000;
const AIM = 6_000;
const NARROW = { width: 320, height: 640 };

/** A visitor's browser, without anything weakened. `arrive` leads a fresh page to what is looked at. */
export async function lookAt(browser, name, arrive, { status = 200, title } = {}) {
  for (const { tag, direction } of LANGUAGES) {
    const context = await browser.newContext({ viewport: NARROW, locale: "en-GB" });
    const page = await context.newPage();
    const complaints = [];
    const requests = [];
    page.on("console", (message) => {
      if (message.type() === "error" && !message.text().includes(`status of ${status}`)) complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("request", (request) => requests.push(`${request.method()} ${request.url()}`));
    const here = `${name} in ${tag}`;
    const answer = await arrive(page, tag, () => (requests.length = 0));
    equal(`${here}: status`, answer.status(), status);
    equal(`${here}: requests for one page`, requests.length, 1);
    equal(`${here}: complaints on the console`, complaints.join("\n"), "");
    equal(`${here}: lang`, await page.getAttribute("html", "lang"), tag);
    equal(`${here}: dir`, await page.getAttribute("html", "dir"), direction);
    equal(`${here}: computed direction`, await page.evaluate(() => getComputedStyle(document.body).direction), direction);
    equal(`${here}: scripts`, await page.evaluate(() => document.scripts.length), 0);
    equal(`${here}: cookies`, (await context.cookies()).length, 0);
    const words = await page.title();
    check(`${here}: the page has a title`, words.trim() !== "");
    if (title) check(`${here}: the title says ${title[tag]}`, words.includes(title[tag]), words);
    for (const header of ["content-security-policy", "x-content-type-options", "referrer-policy", "x-robots-tag"]) {
      check(`${here}: header ${header}`, Boolean(answer.headers()[header]));
    }
    await narrowEnough(page, here);
    await context.close();
  }
}

export async function narrowEnough(page, name) {
  const { needed, wide, culprits } = await page.evaluate(() => ({
    needed: document.scrollingElement.scrollWidth,
    wide: window.innerWidth,
    culprits: [...document.body.querySelectorAll("*")]
      .filter((one) => one.getBoundingClientRect().right > window.innerWidth + 1 || one.getBoundingClientRect().left < -1)
      .slice(0, 5)
      .map((one) => one.outerHTML.slice(0, 120)),
  }));
  check(`${name}: nothing scrolls sideways at ${wide} px`, needed <= wide, `needs ${needed} px: ${culprits.join(" | ")}`);
}

/** Opens an address in a language. */
export function at(address) {
  return (page, tag) => page.goto(inLanguage(address, tag));
}

/** Every byte that the network carries for one page, headers included, as a browser that takes brotli asks for it. */
export function weight(address, tag) {
  return new Promise((resolve, reject) => {
    const headers = { "accept-encoding": "br, gzip", "accept-language": tag };
    const request = http.get(inLanguage(address, tag), { agent: false, headers }, (answer) => {
      const { socket } = answer;
      answer.resume();
      answer.once("end", () => resolve(socket.bytesRead));
    });
    request.once("error", reject);
  });
}

/** Weighs pages in every language and prints the table. */
export async function weigh(pages) {
  const table = {};
  for (const [name, address] of pages) {
    table[name] = {};
    for (const { tag } of LANGUAGES) table[name][tag] = await weight(address, tag);
  }
  console.log(`Bytes on the wire, headers included (aim ${AIM}, at most ${HEAVIEST}):`);
  console.table(table);
  for (const [name, row] of Object.entries(table)) {
    for (const [tag, bytes] of Object.entries(row)) check(`${name} in ${tag} is light`, bytes <= HEAVIEST, `${bytes} B`);
  }
}

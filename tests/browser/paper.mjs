// The paper: what a printer would put down, and what a camera reads from it.

import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { check, equal, inLanguage, LANGUAGES } from "./check.mjs";

const command = promisify(execFile);

/** Rasters a PDF's first page and returns the picture's path. */
export async function raster(pdf, folder, name, dots = 150) {
  check(`${name}: the receipt is a PDF`, pdf.subarray(0, 5).toString() === "%PDF-", pdf.subarray(0, 60).toString());
  const file = join(folder, `${name}.pdf`);
  await writeFile(file, pdf);
  await command("pdftoppm", ["-png", "-singlefile", "-r", String(dots), file, join(folder, name)]);
  return join(folder, `${name}.png`);
}

/** What two independent decoders read, which must be the same. */
export async function decode(picture, rustDecoder) {
  const zbar = await command("zbarimg", ["--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", picture]);
  const rxing = await command(rustDecoder, [picture]);
  equal("both decoders read the same symbol", rxing.stdout.trim(), zbar.stdout.trim());
  return zbar.stdout.trim();
}

/** A status page and a receipt's page as a printer gets them: without what only a screen can do, and without colour. */
export async function onPaper(browser, { origin }, told) {
  const storageState = await told.desk.storageState();
  const pages = [
    ["status", told.url, ["nav", "form", ".skip", "footer a"], ["h1", ".reference", ".steps", ".timeline", "footer p"]],
    ["receipt", `${origin}/desk/d/${told.first}/receipt`, [".top", "footer", ".actions"], ["h1", ".symbol svg", ".facts"]],
  ];
  for (const { tag } of LANGUAGES) {
    for (const [name, address, left, kept] of pages) {
      const context = await browser.newContext({ storageState });
      const page = await context.newPage();
      await page.goto(inLanguage(address, tag));
      const shown = async (selector) => {
        const found = await page.locator(selector).all();
        check(`${name} in ${tag} has ${selector}`, found.length > 0);
        return (await Promise.all(found.map((one) => one.isVisible()))).some((visible) => visible);
      };
      for (const selector of [...left, ...kept].filter((one) => one !== ".skip")) {
        check(`${name} in ${tag} shows ${selector} on the screen`, await shown(selector));
      }
      await page.emulateMedia({ media: "print" });
      for (const selector of left) check(`${name} in ${tag} leaves ${selector} off the paper`, !(await shown(selector)));
      for (const selector of kept) check(`${name} in ${tag} keeps ${selector} on the paper`, await shown(selector));
      equal(`${name} in ${tag}: words that are white on white paper`, (await page.evaluate(whiteWords)).join(" | "), "");
      await context.close();
    }
  }
}

/** A printer leaves the background out. */
function whiteWords() {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    const [red, green, blue] = getComputedStyle(parent).color.match(/\d+/g).map(Number);
    if (node.data.trim() !== "" && parent.checkVisibility() && Math.min(red, green, blue) > 160) found.push(node.data.trim());
  }
  return found;
}

export async function size(file) {
  return (await readFile(file)).length;
}

// The README's pictures, taken by the same browser that ran the story.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

import { check, inLanguage } from "./check.mjs";
import { size } from "./paper.mjs";

const HEAVIEST = 200_000;
const command = promisify(execFile);

export async function takePictures(browser, address, pdf, folder) {
  await command("pdftoppm", ["-png", "-singlefile", "-r", "110", pdf, join(folder, "receipt")]);
  const context = await browser.newContext({ viewport: { width: 360, height: 740 }, deviceScaleFactor: 2 });
  const page = await context.newPage();
  await page.goto(inLanguage(address, "ar"));
  await page.screenshot({ path: join(folder, "phone.png") });
  await context.close();
  for (const name of ["receipt.png", "phone.png"]) {
    const bytes = await size(join(folder, name));
    check(`${name} is light enough for a repository`, bytes < HEAVIEST, `${bytes} B`);
  }
}

// What an auditor looks at, and what is left of a dossier whose data were erased: the same in every language as the desk's
// other pages. The erasing is done as an administrator does it, beside the running server.

import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { check, equal } from "./check.mjs";
import { at, look } from "./desk_pages.mjs";

export async function everyAuditPage(browser, { origin, data, database }, told, program) {
  const signedIn = await told.desk.storageState();
  const context = await browser.newContext({ storageState: signedIn });
  const page = await context.newPage();
  await page.goto(`${origin}/desk`);
  const links = await page.locator("table.list tbody th a").allTextContents();
  const erased = links.find((reference) => !Object.values(told).includes(reference) && reference !== told.first);
  check("there is a dossier to be erased", erased !== undefined);
  const where = database ? ["--database", database] : [];
  const { stdout } = await promisify(execFile)(program, ["erase", erased, "--reason", "Loi 09-08", "--yes", "--data", data, ...where]);
  const told_by = /entry (\d+) of the log/.exec(stdout)?.[1];
  check("the administrator is told of the entry", told_by !== undefined, stdout);

  // Without a script, and by the keyboard alone: the first entry of the newest page, its dossier, and back by a search.
  const plain = await browser.newContext({ storageState: signedIn, javaScriptEnabled: false });
  const reader = await plain.newPage();
  await reader.goto(`${origin}/desk/audit`);
  await reader.locator("#s-reference").focus();
  await reader.keyboard.type(erased);
  await reader.keyboard.press("Enter");
  await reader.waitForURL(/reference=/);
  const found = await reader.locator("table.list tbody th a").allTextContents();
  equal("the newest entry of the dossier tells of the erasure", found[0], told_by);
  await plain.close();
  await context.close();

  await look(browser, origin, [
    ["journal", signedIn, at("/desk/audit"), 200],
    ["journal of an erased dossier", signedIn, at(`/desk/audit?reference=${erased}`), 200],
    ["search that finds nothing", signedIn, at("/desk/audit?actor=nobody"), 200],
    ["search for what is none", signedIn, at("/desk/audit?reference=rubbish"), 422],
    ["entry", signedIn, at("/desk/audit/entry/0"), 200],
    ["entry that tells of an erasure", signedIn, at(`/desk/audit/entry/${told_by}`), 200],
    ["keys", signedIn, at("/desk/audit/keys"), 200],
    ["checkpoints", signedIn, at("/desk/audit/checkpoints"), 200],
    ["erased dossier", signedIn, at(`/desk/d/${erased}`), 200],
    ["list with an erased dossier", signedIn, at("/desk"), 200],
  ]);
}

// The story of the product, end to end, with the real program, a real browser and two real QR decoders.
//
// node tests/browser/run.mjs [--pictures]     --pictures also writes assets/pictures/ for the README.
// CHROMIUM names another browser, MILAF another program. Nothing here weakens the browser, except that axe-core has to be
// put into pages that forbid scripts; that happens in contexts of its own.

import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

import { accessible } from "./access.mjs";
import { everyAuditPage } from "./audit.mjs";
import { check, equal, inLanguage, LANGUAGES } from "./check.mjs";
import { FORM, fillByKeyboard, fillWithoutScript, receiptPdf, referenceIn, signIn } from "./desk.mjs";
import { everyDeskPage, everyRefusal } from "./desk_pages.mjs";
import { decode, onPaper, raster } from "./paper.mjs";
import { takePictures } from "./pictures.mjs";
import { at, lookAt, weigh } from "./public.mjs";
import { startDemo, startOnPostgres } from "./server.mjs";
import { everyVerdict } from "./verify.mjs";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");
const PROGRAM = process.env.MILAF ?? join(ROOT, "target/debug/milaf");
const DECODER = join(ROOT, "target/debug/examples/read_qr");
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const APPLICANT = "فاطمة الزهراء بنعلي";
const DIGITS = "4321";
const WRONG = "0000";

async function chapter(name, tell) {
  const begun = Date.now();
  const result = await tell();
  console.log(`  ok  ${name} (${((Date.now() - begun) / 1000).toFixed(1)} s)`);
  return result;
}

/** One message of the locale files, so that pages are compared with what translators wrote. */
async function wordsOf(key, file = "common") {
  const words = {};
  for (const { tag } of LANGUAGES) {
    const text = await readFile(join(ROOT, `assets/locales/${tag}/${file}.ftl`), "utf8");
    words[tag] = new RegExp(`^${key} = (.+)$`, "m").exec(text)?.[1];
    check(`${key} is worded in ${tag}`, words[tag] !== undefined);
  }
  return words;
}

/** What a page says, without the digits that were typed. */
async function saying(page) {
  return (await page.locator("main").innerText()).replace(/\s+/g, " ").trim();
}

async function unlock(page, digits) {
  await page.locator("input[name=digits]").fill(digits);
  const [answer] = await Promise.all([page.waitForNavigation(), page.locator("input[name=digits]").press("Enter")]);
  return answer;
}

async function story(browser, demo, folder) {
  const { origin, clerk } = demo;
  const desk = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: "fr-MA" });
  const page = await desk.newPage();
  const alarms = [];
  page.on("console", (message) => message.type() === "error" && alarms.push(message.text()));
  page.on("pageerror", (error) => alarms.push(error.message));

  await chapter("a clerk signs in", () => signIn(page, origin, clerk));

  const first = await chapter("a dossier is registered with the keyboard alone", async () => {
    await page.goto(`${origin}/desk/register`);
    const order = await fillByKeyboard(page, {
      procedure: "NRU",
      office: "GUELMIM",
      "applicant-kind": "person",
      applicant: APPLICANT,
      "depositor-role": "architect",
      depositor: "Cabinet Oued Noun",
      phone: "+212600004321",
      identity: "JA998877",
      parcel: "TF 12345/56",
      document: ["request", "site_plan"],
    });
    const expected = FORM.filter((name) => order.includes(name));
    equal("the focus follows the form", order.filter((name) => FORM.includes(name)).join(" "), expected.join(" "));
    for (const name of ["applicant", "phone", "identity"]) check(`Tab reaches ${name}`, order.includes(name));
    await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
    const reference = referenceIn(page.url());
    check("the receipt page follows", page.url().includes("/receipt"), page.url());
    return reference;
  });

  const paper = await chapter("both decoders read the printed receipt", async () => {
    const picture = await raster(await receiptPdf(page, origin, first), folder, "receipt");
    return { picture, url: await decode(picture, DECODER) };
  });
  check("the symbol opens this server", paper.url.toLowerCase().startsWith(`${origin}/d/`), paper.url);
  check("and is upper case throughout", paper.url === paper.url.toUpperCase(), paper.url);

  await chapter("the status reads right in four languages", async () => {
    const title = await wordsOf("state-registered");
    await lookAt(browser, "status", at(paper.url), { title });
    for (const tag of ["ar", "en"]) {
      const phone = await browser.newPage();
      await phone.goto(inLanguage(paper.url, tag));
      const text = await phone.content();
      for (const secret of [APPLICANT, "Cabinet Oued Noun", "12345/56", "998877", "600004321", DIGITS, clerk.name]) {
        check(`the page in ${tag} keeps ${secret} to itself`, !text.includes(secret));
      }
      await phone.close();
    }
  });

  await chapter("four digits open the second level, for one answer", async () => {
    const phone = await browser.newPage();
    await phone.goto(inLanguage(paper.url, "en"));
    const closed = await saying(phone);
    await unlock(phone, WRONG);
    const refused = await saying(phone);
    check("wrong digits are answered with words", refused !== closed);
    equal("they are not put into the form again", await phone.locator("input[name=digits]").inputValue(), "");
    const answer = await unlock(phone, DIGITS);
    equal("the right digits are accepted", answer.status(), 200);
    const open = await saying(phone);
    check("the second level is open", open !== closed && open !== refused, open);
    equal("without a cookie", (await phone.context().cookies()).length, 0);
    await phone.goto(inLanguage(paper.url, "en"));
    equal("the next visit is closed again", await saying(phone), closed);
    await phone.close();
  });

  const second = await chapter("the form works without script", async () => {
    const plain = await browser.newContext({ javaScriptEnabled: false, locale: "ar-MA", storageState: await desk.storageState() });
    const form = await plain.newPage();
    await form.goto(`${origin}/desk/register?procedure=NRU`);
    await fillWithoutScript(form, { applicant: "شركة واد نون", phone: "0600001234" });
    const reference = referenceIn(form.url());
    check("a second dossier", reference !== first, reference);
    const url = await decode(await raster(await receiptPdf(form, origin, reference), folder, "second"), DECODER);
    const code = /\b[0-9A-Z]{4}-[0-9A-Z]{4}\b/.exec((await form.locator("main").innerText()).replaceAll(reference, ""))?.[0];
    check("the receipt page shows the typed code", code !== undefined);
    await plain.close();
    return { reference, url, code };
  });

  await chapter("reference and code do what the symbol does", async () => {
    const phone = await browser.newPage();
    await phone.goto(inLanguage(`${origin}/`, "fr"));
    await phone.locator("input[name=reference]").fill(second.reference.toLowerCase());
    await phone.locator("input[name=code]").fill(second.code.replace("-", " ").toLowerCase());
    await Promise.all([phone.waitForNavigation(), phone.locator("input[name=code]").press("Enter")]);
    check("they lead to the status page", /\/d\//i.test(new URL(phone.url()).pathname), phone.url());
    equal("in the same language", await phone.getAttribute("html", "lang"), "fr");
    await phone.close();
  });

  await chapter("wrong and locked are told with the same words", async () => {
    const phone = await browser.newPage();
    await phone.goto(inLanguage(second.url, "ar"));
    const answers = new Set();
    for (let tries = 0; tries < 6; tries += 1) {
      await unlock(phone, WRONG);
      answers.add(await saying(phone));
    }
    await unlock(phone, "1234");
    answers.add(await saying(phone));
    equal("different answers to five wrong tries, a sixth, and the right digits on a locked receipt", answers.size, 1);
    await phone.close();
  });

  const replacement = await chapter("a lost receipt is replaced", async () => {
    await page.goto(`${origin}/desk/d/${first}`);
    const form = page.locator(`form[action*="/desk/d/${first}/replace-receipt"]`);
    await page.evaluate(() => document.querySelectorAll("details").forEach((one) => (one.open = true)));
    for (const box of await form.locator("input[type=text]:visible, textarea:visible").all()) await box.fill("perdu");
    await Promise.all([page.waitForNavigation(), form.locator("button").click()]);
    const picture = await raster(await receiptPdf(page, origin, first), folder, "replacement");
    const url = await decode(picture, DECODER);
    check("the new paper has another token", url !== paper.url);
    return { url, picture };
  });

  await chapter("the old receipt answers that it was replaced, and nothing else", async () => {
    const phone = await browser.newPage();
    for (const { tag } of LANGUAGES) {
      await phone.goto(inLanguage(paper.url, tag));
      const text = await phone.content();
      check(`no reference on the replaced page in ${tag}`, !text.includes(first));
    }
    await phone.close();
    await lookAt(browser, "replaced receipt", at(paper.url), { status: await statusOf(paper.url) });
    await lookAt(browser, "its replacement", at(replacement.url), { title: await wordsOf("state-registered") });
  });
  equal("complaints on the desk's console", alarms.join("\n"), "");
  return {
    desk,
    first,
    url: replacement.url,
    picture: replacement.picture,
    old: paper.url,
    oldPicture: paper.picture,
    locked: second.url,
  };
}

async function statusOf(address) {
  return (await fetch(address)).status;
}

/** A token of the right form that nobody signed. */
function forged(address) {
  return address.replace(/(\/D\/.{20})(.)/, (_, start, letter) => start + (letter === "0" ? "1" : "0"));
}

async function everyPublicPage(browser, demo, told) {
  const { origin } = demo;
  const typed = (address, digits, open) => async (page, tag, forget) => {
    await page.goto(inLanguage(address, tag));
    forget();
    const answer = await unlock(page, digits);
    equal(`sections that ${digits} open in ${tag}`, await page.locator(".opened").count(), open);
    equal(`refusals of ${digits} in ${tag}`, await page.locator("#wrong").count(), 1 - open);
    return answer;
  };
  const notFound = async (page, tag, forget) => {
    await page.goto(inLanguage(`${origin}/`, tag));
    await page.locator("input[name=reference]").fill("NRU-2026-999999");
    await page.locator("input[name=code]").fill("0000-0000");
    forget();
    const [answer] = await Promise.all([page.waitForNavigation(), page.locator("input[name=code]").press("Enter")]);
    return answer;
  };
  const probe = await browser.newPage();
  const missed = await notFound(probe, "en", () => {});
  await probe.close();
  const verified = await everyVerdict(origin, told, wordsOf);
  return [
    ...verified,
    ["home", at(`${origin}/`), 200],
    ["status", at(told.url), 200],
    ["second level", typed(told.url, DIGITS, 1), 200],
    // Of another receipt, because wrong tries would close this one for the pages that follow.
    ["wrong digits", typed(told.locked, WRONG, 0), 200],
    ["replaced receipt", at(told.old), await statusOf(told.old)],
    ["unknown receipt", at(forged(told.url)), 404],
    ["wrong code", notFound, missed.status()],
    ["no such page", at(`${origin}/no-such-page`), 404],
  ];
}

/** Everything, on one database. */
async function everything(startProgram, pictures) {
  const folder = await mkdtemp(join(tmpdir(), "milaf-pictures-"));
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });
  let demo;
  try {
    demo = await chapter("the demonstration starts", () => startProgram(PROGRAM));
    const told = await story(browser, demo, folder);
    const pages = await everyPublicPage(browser, demo, told);
    await chapter("every public page: language, direction, 320 px, one request, no script, no cookie", async () => {
      for (const [name, arrive, status] of pages) await lookAt(browser, name, arrive, { status });
    });
    await weigh([
      ["home", `${demo.origin}/`],
      ["status", told.url],
      ["replaced receipt", told.old],
      ["unknown receipt", forged(told.url)],
      ["no such page", `${demo.origin}/no-such-page`],
    ]);
    await chapter("axe-core finds nothing on the public pages", async () => {
      for (const { tag } of LANGUAGES) {
        const context = await browser.newContext({ bypassCSP: true, viewport: { width: 360, height: 740 } });
        const page = await context.newPage();
        for (const [name, arrive] of pages) {
          await arrive(page, tag, () => {});
          await accessible(page, `${name} in ${tag}`);
        }
        await context.close();
      }
    });
    await chapter("the desk's pages: 320 px, and axe-core finds nothing", () => everyDeskPage(browser, demo, told));
    await chapter("what the desk refuses: the same", () => everyRefusal(browser, demo, told));
    await chapter("the auditor's pages, and a dossier whose data were erased: the same", () =>
      everyAuditPage(browser, demo, told, PROGRAM),
    );
    await chapter("on paper, forms and menus are left out", () => onPaper(browser, demo, told));
    if (pictures) {
      const to = join(ROOT, "assets/pictures");
      await mkdir(to, { recursive: true });
      await chapter("pictures for the README", () => takePictures(browser, told.url, join(folder, "replacement.pdf"), to));
    }
    await chapter("the program ends in order", async () => {
      const ending = demo;
      demo = undefined;
      equal("exit code", await ending.stop(), 0);
      check("without a panic", !ending.complaints().includes("panicked"), ending.complaints());
    });
  } finally {
    await browser.close();
    await demo?.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function main() {
  console.log("On a database in one file:");
  await everything(startDemo, process.argv.includes("--pictures"));
  console.log("On PostgreSQL:");
  await everything(startOnPostgres, false);
}

main().catch((error) => {
  console.error(`tests/browser: ${error.name === "Error" ? error.message : (error.stack ?? error.message)}`);
  process.exitCode = 1;
});

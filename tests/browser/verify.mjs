// The page that tells whether a receipt is genuine: by a picture of it, and by its link.

import { check, equal, inLanguage } from "./check.mjs";

/** With one letter of the seal changed. */
function tampered(address) {
  const at = address.length - 60;
  return address.slice(0, at) + (address[at] === "A" ? "B" : "A") + address.slice(at + 1);
}

/** With one letter of the token changed. */
function forged(address) {
  return address.replace(/(\/D\/.{30})(.)/, (_, start, letter) => start + (letter === "A" ? "B" : "A"));
}

/** Without its seal, as it stands in a message to a telephone. */
function compact(address) {
  return address.slice(0, address.lastIndexOf("/"));
}

/** The same receipt at an office that is none. */
function foreign(address) {
  return `HTTPS://OTHER.EXAMPLE.ORG${address.slice(address.toUpperCase().indexOf("/D/"))}`;
}

/** Every answer of the page, as pages to be looked at: a name, how to get there, the status. */
export async function everyVerdict(origin, told, wordsOf) {
  const words = {
    genuine: await wordsOf("verify-answer-genuine", "verify"),
    replaced: await wordsOf("verify-answer-no-longer-in-force", "verify"),
    wrong: await wordsOf("verify-answer-not-genuine", "verify"),
    foreign: await wordsOf("check-foreign", "public"),
  };
  const answered = (name, expected, fill) => [
    `verify, ${name}`,
    async (page, tag, forget) => {
      await page.goto(inLanguage(`${origin}/verify`, tag));
      const field = await fill(page);
      forget();
      const [answer] = await Promise.all([
        page.waitForNavigation(),
        page.locator(`form:has(#${field}) button`).click(),
      ]);
      equal(`verify, ${name} in ${tag}`, (await page.locator(".banner h2").innerText()).trim(), expected[tag]);
      check(`verify, ${name} in ${tag}: no token in the address`, !/\/d\//i.test(page.url()), page.url());
      return answer;
    },
    200,
  ];
  const uploaded = (picture) => async (page) => {
    await page.locator("#file").setInputFiles(picture);
    return "file";
  };
  const pasted = (link) => async (page) => {
    await page.locator("#link").fill(link);
    return "link";
  };
  return [
    ["verify", (page, tag) => page.goto(inLanguage(`${origin}/verify`, tag)), 200],
    answered("a picture of a genuine one", words.genuine, uploaded(told.picture)),
    answered("a picture of a replaced one", words.replaced, uploaded(told.oldPicture)),
    answered("a link without a seal", words.genuine, pasted(compact(told.url))),
    answered("a forged one", words.wrong, pasted(forged(told.url))),
    answered("a tampered one", words.wrong, pasted(tampered(told.url))),
    answered("a foreign one", words.foreign, pasted(foreign(told.url))),
  ];
}

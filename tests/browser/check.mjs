// What every part of the story asserts with: the first thing that is wrong ends the run with one clear sentence.

export class Failed extends Error {}

export function check(what, holds, detail = "") {
  if (!holds) throw new Failed(detail === "" ? what : `${what}: ${detail}`);
}

export function equal(what, found, expected) {
  check(what, found === expected, `found ${JSON.stringify(found)}, expected ${JSON.stringify(expected)}`);
}

export const LANGUAGES = [
  { tag: "ar", direction: "rtl" },
  { tag: "fr", direction: "ltr" },
  { tag: "zgh", direction: "ltr" },
  { tag: "en", direction: "ltr" },
];

/** The same address in a language, as the switch on the page links it. */
export function inLanguage(address, tag) {
  const url = new URL(address);
  url.searchParams.set("l", tag);
  return url.href;
}

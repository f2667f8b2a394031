// The paper: what a printer would put down, and what a camera reads from it.

import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { check, equal } from "./check.mjs";

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

export async function size(file) {
  return (await readFile(file)).length;
}

// Starts the real program as a stranger would, and ends it the way a service manager does.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Failed } from "./check.mjs";

const STARTS_WITHIN = 120_000;

export async function startDemo(binary) {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const data = await mkdtemp(join(tmpdir(), "milaf-browser-"));
  const child = spawn(binary, ["demo", "--data", data, "--listen", `127.0.0.1:${port}`, "--public-url", origin], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  let complained = "";
  child.stdout.on("data", (text) => (said += text));
  child.stderr.on("data", (text) => (complained += text));
  const ended = new Promise((resolve) => child.once("exit", (code) => resolve(code)));
  const stop = async () => {
    child.kill("SIGTERM");
    const code = await ended;
    await rm(data, { recursive: true, force: true });
    return code;
  };
  try {
    const clerk = await ready(origin, ended, () => said, () => complained);
    return { origin, data, stop, complaints: () => complained, clerk };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Waits until the program answers and has printed the clerk's account. */
async function ready(origin, ended, said, complained) {
  let over = false;
  ended.then(() => (over = true));
  const latest = Date.now() + STARTS_WITHIN;
  while (Date.now() < latest) {
    if (over) throw new Failed(`the program ended instead of serving:\n${said()}\n${complained()}`);
    const answer = await fetch(`${origin}/healthz`).catch(() => undefined);
    const clerk = account(said());
    if (answer?.ok && clerk) return clerk;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Failed(`no answer and account within ${STARTS_WITHIN / 1000} s:\n${said()}\n${complained()}`);
}

/** The clerk's account, as the demonstration prints it. */
function account(said) {
  const name = /^\s*(?:account|user|name)\s*:?\s+(\S+)/im.exec(said)?.[1];
  const password = /^\s*password\s*:?\s+(\S+)/im.exec(said)?.[1];
  return name && password ? { name, password } : undefined;
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

// Starts the real program as a stranger would, and ends it the way a service manager does.

import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { Failed } from "./check.mjs";
import { startPostgres } from "./postgres.mjs";

const STARTS_WITHIN = 120_000;

/** The demonstration, on its own database in one file. */
export async function startDemo(binary) {
  const place = await newPlace();
  try {
    return await start(binary, place, ["demo"], () => rm(place.data, { recursive: true, force: true }));
  } catch (error) {
    await rm(place.data, { recursive: true, force: true });
    throw error;
  }
}

/** The same, moved to a PostgreSQL server as an office would move there. */
export async function startOnPostgres(binary) {
  const place = await newPlace();
  let server;
  const clear = async () => {
    await server?.stop();
    await rm(place.data, { recursive: true, force: true });
  };
  try {
    const demo = await start(binary, place, ["demo"], () => {});
    await demo.stop();
    server = await startPostgres();
    const ends = ["--from", `sqlite:${join(place.data, "milaf.db")}`, "--to", server.url];
    await promisify(execFile)(binary, ["copy", "--data", place.data, ...ends]);
    const started = await start(binary, place, ["serve", "--database", server.url], clear, demo.clerk);
    return { ...started, database: server.url };
  } catch (error) {
    await clear();
    throw error;
  }
}

async function newPlace() {
  const port = await freePort();
  return { origin: `http://127.0.0.1:${port}`, listen: `127.0.0.1:${port}`, data: await mkdtemp(join(tmpdir(), "milaf-browser-")) };
}

/** Starts the program; `afterwards` clears up behind it. Without a clerk it waits for the one that is printed. */
async function start(binary, { origin, listen, data }, command, afterwards, clerk) {
  const child = spawn(binary, [...command, "--data", data, "--listen", listen, "--public-url", origin], {
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
    await afterwards();
    return code;
  };
  try {
    const account = await ready(origin, ended, () => said, () => complained, clerk);
    return { origin, data, stop, complaints: () => complained, clerk: account };
  } catch (error) {
    child.kill("SIGTERM");
    await ended;
    throw error;
  }
}

/** Waits until the program answers and, if there is no clerk yet, has printed an account. */
async function ready(origin, ended, said, complained, known) {
  let over = false;
  ended.then(() => (over = true));
  const latest = Date.now() + STARTS_WITHIN;
  while (Date.now() < latest) {
    if (over) throw new Failed(`the program ended instead of serving:\n${said()}\n${complained()}`);
    const answer = await fetch(`${origin}/healthz`).catch(() => undefined);
    const clerk = known ?? account(said());
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

export function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

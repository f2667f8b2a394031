// A PostgreSQL of this run's own, from the machine's packages, in a folder that goes with it.

import { execFile, spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { Failed } from "./check.mjs";
import { freePort } from "./server.mjs";

const run = promisify(execFile);
const STARTS_WITHIN = 60_000;
const PACKAGES = "/usr/lib/postgresql";

/** The programs of the newest version that is installed. */
function programs() {
  const versions = readdirSync(PACKAGES).filter((name) => /^\d+$/.test(name));
  if (versions.length === 0) throw new Failed("PostgreSQL is missing: install the package postgresql");
  return join(PACKAGES, String(Math.max(...versions.map(Number))), "bin");
}

/** PostgreSQL refuses to run as root, so root hands it to the user that the package makes. */
function asOwner(program, args) {
  if (process.getuid() !== 0) return [program, args];
  return ["setpriv", ["--reuid", "postgres", "--regid", "postgres", "--init-groups", "--", program, ...args]];
}

/** Starts a server with one empty database; gives its address and the way to end it. */
export async function startPostgres() {
  const bin = programs();
  const folder = await mkdtemp(join(tmpdir(), "milaf-pg-"));
  if (process.getuid() === 0) await run("chown", ["postgres", folder]);
  else await chmod(folder, 0o700);
  const owner = (name, ...args) => asOwner(join(bin, name), args);
  const data = join(folder, "data");
  await run(...owner("initdb", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8", "--username=milaf", "--auth=trust", "-D", data), { cwd: "/" });
  const port = await freePort();
  const settings = ["listen_addresses=127.0.0.1", `port=${port}`, `unix_socket_directories=${folder}`];
  const [program, args] = owner("postgres", "-D", data, ...settings.flatMap((setting) => ["-c", setting]));
  let said = "";
  const server = spawn(program, args, { cwd: "/", stdio: ["ignore", "ignore", "pipe"] });
  server.stderr.on("data", (text) => (said += text));
  const ended = new Promise((resolve) => server.once("exit", resolve));
  const stop = async () => {
    server.kill("SIGINT");
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  const psql = (sql) => run(join(bin, "psql"), ["-h", folder, "-p", String(port), "-U", "milaf", "-d", "postgres", "-qc", sql]);
  const latest = Date.now() + STARTS_WITHIN;
  for (;;) {
    try {
      await psql("CREATE DATABASE milaf");
      return { url: `postgres://milaf@127.0.0.1:${port}/milaf?sslmode=disable`, stop };
    } catch (error) {
      if (Date.now() > latest) {
        await stop();
        throw new Failed(`PostgreSQL does not start: ${error.message}\n${said}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

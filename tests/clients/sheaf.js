// Starts a Sheaf of a test's own, and asks it what a user would.

import { spawn, execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { createInterface } from "node:readline";

const program = process.env.SHEAF ?? "../../target/debug/sheaf";

export class Sheaf {
  static async start() {
    const data = await mkdtemp(join(tmpdir(), "sheaf-clients-"));
    const child = spawn(program, ["serve", "--data", data, "--port", "0"], {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, RUST_LOG: "warn" },
    });
    const url = await new Promise((resolve, reject) => {
      child.once("exit", (code) => reject(new Error(`sheaf serve ended with ${code}`)));
      createInterface({ input: child.stderr }).on("line", (line) => {
        const found = line.match(/^Sheaf is at (\S+)/);
        if (found) resolve(found[1]);
        else process.stderr.write(`${line}\n`);
      });
    });
    const args = ["token", "--data", data, "--workspace", "acme", "--role", "admin"];
    const { stdout } = await promisify(execFile)(program, args);
    return new Sheaf(data, child, url, stdout.trim());
  }

  constructor(data, child, url, token) {
    Object.assign(this, { data, child, url, token });
  }

  get headers() {
    return { Authorization: `Bearer ${this.token}` };
  }

  get tus() {
    return `${this.url}/v1/tus`;
  }

  async get(path) {
    const answer = await fetch(this.url + path, { headers: this.headers });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer;
  }

  // The file of an upload, once the pipeline has read it, and its bytes.
  async arrived(upload) {
    const session = await (await this.get(`/v1/uploads/${upload.split("/").pop()}`)).json();
    for (;;) {
      const file = await (await this.get(`/v1/files/${session.file_id}`)).json();
      if (["completed", "failed"].includes(file.status)) {
        const content = await this.get(`/v1/files/${file.id}/content`);
        return { file, bytes: Buffer.from(await content.arrayBuffer()) };
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async stop() {
    const ended = new Promise((resolve) => this.child.removeAllListeners("exit").once("exit", resolve));
    this.child.kill("SIGTERM");
    await ended;
    await rm(this.data, { recursive: true });
  }
}

export const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

// tus-js-client: what it can do, done to Sheaf.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { connect, createServer } from "node:net";
import { Readable } from "node:stream";
import { after, before, test } from "node:test";
import * as tus from "tus-js-client";
import { Sheaf, sha256 } from "./sheaf.js";

const MIB = 1024 * 1024;
// What a deployed Sheaf takes at once.
const CHUNK = 4 * MIB;

let sheaf;
before(async () => {
  sheaf = await Sheaf.start();
});
after(() => sheaf.stop());

function start(bytes, options) {
  let upload;
  const done = new Promise((resolve, reject) => {
    upload = new tus.Upload(bytes, {
      endpoint: sheaf.tus,
      headers: sheaf.headers,
      chunkSize: CHUNK,
      retryDelays: Array(20).fill(200),
      onSuccess: () => resolve(upload),
      onError: reject,
      ...options,
    });
  });
  return { upload, done };
}

async function send(bytes, options) {
  const { upload, done } = start(bytes, options);
  upload.start();
  return done;
}

async function check(upload, bytes) {
  const { file, bytes: arrived } = await sheaf.arrived(upload.url);
  assert.equal(file.sha256, sha256(bytes));
  assert.ok(arrived.equals(bytes));
  return file;
}

test("a file with a name in Polish arrives in chunks", async () => {
  const bytes = randomBytes(9 * MIB + 5);
  const upload = await send(bytes, {
    metadata: { filename: "zażółć gęślą jaźń.bin", folder: "/dokumenty", type: "scan", tags: "pge,2026" },
  });
  const file = await check(upload, bytes);
  assert.equal(file.path, "/dokumenty/zażółć gęślą jaźń.bin");
  assert.deepEqual([file.type, file.tags], ["scan", ["pge", "2026"]]);
});

test("bytes may come with the creation, and there may be none", async () => {
  for (const length of [0, 1000, 6 * MIB]) {
    const bytes = randomBytes(length);
    const upload = await send(bytes, {
      uploadDataDuringCreation: true,
      metadata: { filename: `with-creation-${length}.bin` },
    });
    await check(upload, bytes);
  }
});

test("an upload that is paused is resumed from its stored URL", async () => {
  const bytes = randomBytes(12 * MIB);
  const metadata = { filename: "paused.bin" };
  const url = await new Promise((resolve, reject) => {
    const { upload } = start(bytes, {
      metadata,
      onError: reject,
      onChunkComplete: async () => {
        await upload.abort();
        resolve(upload.url);
      },
    });
    upload.start();
  });
  let from = -1;
  const upload = await send(bytes, {
    metadata,
    uploadUrl: url,
    onProgress: (sent) => (from = from < 0 ? sent : from),
  });
  assert.ok(from >= CHUNK, `begun again at ${from}`);
  await check(upload, bytes);
});

test("parts that are sent at once are concatenated", async () => {
  const bytes = randomBytes(23 * MIB + 11);
  const upload = await send(bytes, { parallelUploads: 4, metadata: { filename: "parallel.bin" } });
  await check(upload, bytes);
});

test("an upload that is aborted is gone", async () => {
  const bytes = randomBytes(12 * MIB);
  const url = await new Promise((resolve, reject) => {
    const { upload } = start(bytes, {
      metadata: { filename: "aborted.bin" },
      onError: reject,
      onChunkComplete: async () => {
        const url = upload.url;
        await upload.abort(true);
        resolve(url);
      },
    });
    upload.start();
  });
  const head = await fetch(url, { method: "HEAD", headers: { ...sheaf.headers, "Tus-Resumable": "1.0.0" } });
  assert.equal(head.status, 410);
});

test("a stream of unknown length becomes a file", async () => {
  const bytes = randomBytes(9 * MIB);
  const upload = await send(Readable.from([bytes.subarray(0, 5 * MIB), bytes.subarray(5 * MIB)]), {
    uploadLengthDeferred: true,
    metadata: { filename: "stream.bin" },
  });
  await check(upload, bytes);
});

test("connections that are cut at random lose nothing", async () => {
  let cuts = 0;
  const open = new Set();
  const proxy = createServer((client) => {
    const { hostname, port } = new URL(sheaf.url);
    const server = connect(port, hostname);
    let left = Math.floor(Math.random() * 3 * MIB);
    open.add(client);
    client.on("data", (bytes) => {
      left -= bytes.length;
      if (left < 0 && cuts < 40) {
        cuts += 1;
        server.write(bytes.subarray(0, bytes.length + left), () => client.destroy());
        server.destroySoon();
      } else {
        server.write(bytes);
      }
    });
    server.on("data", (bytes) => client.write(bytes));
    for (const [one, other] of [[client, server], [server, client]]) {
      one.on("error", () => {});
      one.on("close", () => {
        open.delete(one);
        other.destroy();
      });
    }
  });
  await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const bytes = randomBytes(30 * MIB);
  const upload = await send(bytes, {
    endpoint: `http://127.0.0.1:${proxy.address().port}/v1/tus`,
    retryDelays: Array(100).fill(20),
    chunkSize: Infinity,
    metadata: { filename: "cut.bin" },
  });
  await check(upload, bytes);
  assert.ok(cuts >= 5, `only ${cuts} cuts`);
  for (const one of open) one.destroy();
  await new Promise((resolve) => proxy.close(resolve));
});

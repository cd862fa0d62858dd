// The peer of the comparison by tus: `@tus/server` over the S3 of the emulators, or over a folder. Says on its first line
// where it listens.

import { FileStore } from "@tus/file-store";
import { S3Store } from "@tus/s3-store";
import { Server } from "@tus/server";

const emulators = JSON.parse(process.env.EMULATORS);

const stores = {
  s3: () =>
    new S3Store({
      // A file of the comparison is one part.
      partSize: 8 * 1024 * 1024,
      // Tags only serve to expire uploads.
      useTags: false,
      s3ClientConfig: {
        bucket: emulators.bucket,
        region: "us-east-1",
        endpoint: emulators.objects,
        forcePathStyle: true,
        credentials: { accessKeyId: emulators.access_key, secretAccessKey: emulators.secret_key },
        requestChecksumCalculation: "WHEN_REQUIRED",
        responseChecksumValidation: "WHEN_REQUIRED",
      },
    }),
  file: () => new FileStore({ directory: process.env.FOLDER }),
};

const server = new Server({ path: "/files", datastore: stores[process.env.STORE]() });
const listening = server.listen({ host: "127.0.0.1", port: 0 }, () => {
  console.log(`http://127.0.0.1:${listening.address().port}`);
});
// Between two rounds connections are idle.
listening.keepAliveTimeout = 600_000;

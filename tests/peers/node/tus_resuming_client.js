// tus-js-client: `node tus_resuming_client.js URL FILE [STATE]`. With STATE it goes on with what it has begun.
import { createReadStream, statSync } from "node:fs";
import * as tus from "tus-js-client";
import { FileUrlStorage } from "tus-js-client";

const [endpoint, path, state] = process.argv.slice(2);
const upload = new tus.Upload(createReadStream(path), {
  endpoint,
  uploadSize: statSync(path).size,
  ...(state ? { urlStorage: new FileUrlStorage(state) } : {}),
  onError(error) {
    console.error(String(error));
    process.exitCode = 1;
  },
  onSuccess() {
    console.log(upload.url);
  },
});
const previous = state ? await upload.findPreviousUploads() : [];
if (previous.length > 0) {
  upload.resumeFromPreviousUpload(previous[0]);
}
upload.start();

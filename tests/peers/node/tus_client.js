// An upload by tus-js-client: `node tus_client.js JSON`, answered by one line of JSON.
//
//   endpoint, path   where to, and which file
//   options          what tus.Upload takes
//   stopAfterBytes   give up once so much was sent, then begin again from the URL alone
import { createReadStream, readFileSync } from "node:fs";
import { PassThrough } from "node:stream";
import * as tus from "tus-js-client";

const { endpoint, path, options, stopAfterBytes } = JSON.parse(process.argv[2]);

// Of a file it knows the length; of what comes through a pipe it does not. By the draft it sends
// files in several requests without ever saying that one is the last, but not so buffers.
function source() {
  if (options.uploadLengthDeferred) return createReadStream(path).pipe(new PassThrough());
  return options.protocol ? readFileSync(path) : createReadStream(path);
}

function upload(extra, onProgress) {
  return new Promise((resolve, reject) => {
    const it = new tus.Upload(source(), {
      endpoint,
      retryDelays: [0, 100, 500],
      ...options,
      ...extra,
      onError: reject,
      onSuccess: () => resolve(it),
      onProgress: (sent) => onProgress(it, sent, resolve),
    });
    it.start();
  });
}

let first;
if (stopAfterBytes) {
  first = await upload({}, (it, sent, resolve) => {
    if (sent >= stopAfterBytes && it.url) it.abort().then(() => resolve(it), resolve);
  });
}
const resumedFrom = [];
const done = await upload(first ? { uploadUrl: first.url } : {}, (it, sent) => {
  if (!resumedFrom.length) resumedFrom.push(sent);
});
console.log(JSON.stringify({ url: done.url, resumedFrom: first ? resumedFrom[0] : null }));

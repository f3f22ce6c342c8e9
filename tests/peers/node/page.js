// Uploads bytes by tus-js-client, which is there already; gives what became of it.
(asked) => {
  const bytes = new Uint8Array(asked.size);
  for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 7 + (i >> 8)) & 255;
  return new Promise((resolve) => {
    let progress = 0;
    const upload = new tus.Upload(new File([bytes], "from-a-page.bin"), {
      endpoint: asked.endpoint,
      protocol: asked.protocol,
      chunkSize: 1_000_000,
      retryDelays: [0, 100, 500],
      metadata: { filename: "from-a-page.bin" },
      headers: asked.token ? { Authorization: `Bearer ${asked.token}` } : {},
      onProgress: (sent) => (progress = sent),
      onSuccess: () => resolve({ url: upload.url, progress }),
      onError: (error) => resolve({ error: String(error) }),
    });
    upload.start();
  });
}

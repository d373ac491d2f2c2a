import { fetchKustomize } from "./index.ts";
const t = performance.now();
const r = await fetchKustomize({ cacheDir: "/tmp/kfetch", env: { PATH: "/usr/local/go/bin:/bin-none", HOME: "/root" , GOPROXY: process.env.GOPROXY}, onProgress: console.log });
console.log(r, performance.now() - t);

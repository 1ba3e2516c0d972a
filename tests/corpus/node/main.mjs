// Threads, children, timers, files, sockets: what libuv does below.
import { Worker, isMainThread, parentPort, workerData, SHARE_ENV } from "node:worker_threads";
import { spawn, spawnSync, fork, execFileSync } from "node:child_process";
import { once } from "node:events";
import { createServer as tcp, connect } from "node:net";
import { createServer } from "node:http";
import { createSocket } from "node:dgram";
import cluster from "node:cluster";
import crypto from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import zlib from "node:zlib";

const self = fileURLToPath(import.meta.url);
if (process.argv[2] === "child") {
  process.once("message", (n) => { process.send(n + 1, () => process.disconnect()); });
} else if (!isMainThread) {
  Atomics.add(new Int32Array(workerData), 0, 1);
  parentPort.postMessage("done");
} else if (cluster.isWorker) {
  createServer((_, answer) => answer.end("clustered")).listen(0, "127.0.0.1");
} else {
  const memory = new SharedArrayBuffer(4);
  await Promise.all(Array.from({ length: 4 }, () => once(new Worker(self, { workerData: memory, env: SHARE_ENV }), "exit")));
  console.log("workers", new Int32Array(memory)[0]);

  const child = spawn("sh", ["-c", "cat; exit 6"]);
  child.stdin.end("through a child");
  const chunks = [];
  child.stdout.on("data", (chunk) => chunks.push(chunk));
  console.log("spawn", (await once(child, "close"))[0], Buffer.concat(chunks).toString());
  console.log("sync", spawnSync("false").status, execFileSync("echo", ["hi"]).toString().trim());
  const other = fork(self, ["child"]);
  other.send(41);
  console.log("fork", (await once(other, "message"))[0], (await once(other, "exit"))[0]);
  const killed = spawn("sleep", ["100"]);
  killed.kill("SIGKILL");
  console.log("killed", (await once(killed, "exit"))[1]);

  const worker = cluster.fork();
  const [address] = await once(worker, "listening");
  console.log("cluster", await (await fetch(`http://127.0.0.1:${address.port}`)).text());
  worker.kill();
  await once(worker, "exit");

  const web = createServer((_, answer) => answer.end("over http")).listen(0, "127.0.0.1");
  await once(web, "listening");
  console.log("http", await (await fetch(`http://127.0.0.1:${web.address().port}`)).text());
  web.close();
  web.closeAllConnections();
  const local = tcp((socket) => socket.end("over a unix socket")).listen("node.sock");
  await once(local, "listening");
  console.log("unix", (await once(connect("node.sock"), "data"))[0].toString());
  local.close();
  const udp = createSocket("udp4").bind(0, "127.0.0.1");
  await once(udp, "listening");
  udp.send("datagram", udp.address().port, "127.0.0.1");
  console.log("udp", (await once(udp, "message"))[0].toString());
  udp.close();

  const watcher = fs.watch(".");
  const changed = new Promise((tell) => watcher.on("change", (_, name) => name === "watched" && tell(name)));
  fs.writeFileSync("watched", "x".repeat(100000));
  console.log("watch", await changed);
  watcher.close();
  await pipeline(fs.createReadStream("watched"), zlib.createGzip(), fs.createWriteStream("watched.gz"));
  console.log("gzip", zlib.gunzipSync(fs.readFileSync("watched.gz")).length);
  fs.copyFileSync("watched", "copy", fs.constants.COPYFILE_FICLONE);
  await fs.promises.cp("watched", "deep/er/copy", { recursive: true });
  console.log("files", (await fs.promises.stat("copy")).size, (await fs.promises.readdir("deep/er")).join());
  const keys = await new Promise((tell) => crypto.generateKeyPair("ed25519", {}, (error, key) => tell(error ?? key.asymmetricKeyType)));
  console.log("crypto", keys ?? "made", (await new Promise((tell) => crypto.pbkdf2("a", "b", 1000, 8, "sha256", (_, key) => tell(key)))).toString("hex"));
  console.log("os", os.userInfo().username, os.cpus().length > 0, os.totalmem() > 0, Object.keys(os.networkInterfaces()).includes("lo"));
  const wasm = new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
  console.log("wasm", new WebAssembly.Instance(wasm) instanceof WebAssembly.Instance);
}

// Asks the daemon at a Unix socket for a one-time sign-in link and prints it.
// Node is there anyway to build Mission Control; curl may be missing on a fresh system.
import { request } from "node:http";

const [socketPath] = process.argv.slice(2);

const call = request(
  { socketPath, path: "/api/v1/signin-links", method: "POST", headers: { host: "localhost", "content-length": "0" } },
  (response) => {
    let body = "";
    response.setEncoding("utf8");
    response.on("data", (chunk) => (body += chunk));
    response.on("end", () => {
      if (response.statusCode < 200 || response.statusCode > 299) {
        console.error(`error: the daemon answered ${response.statusCode}: ${body}`);
        process.exitCode = 1;
        return;
      }
      console.log(JSON.parse(body).data.url);
    });
  },
);
call.setTimeout(10_000, () => call.destroy(new Error("no answer within 10 s")));
call.on("error", (error) => {
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
});
call.end();

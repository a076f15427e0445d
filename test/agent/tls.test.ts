import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { expect, onTestFinished, test } from "vitest";
import { type AgentServiceServer, AgentServiceService } from "../../proto/troupe/agent/v1/agent.ts";
import { grpcDialer } from "../../src/agent/link.ts";
import { temporaryFolder } from "./support/folder.ts";

/** A program of the machine, not of a package. */
const openssl = "openssl";

const request = { token: "t", agentName: "n", labels: {}, version: "v", csrPem: "" };

/** A server with a certificate for `localhost` that signs itself. */
async function tlsServer(): Promise<{ port: number; ca: Buffer }> {
  const folder = temporaryFolder();
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
  const made = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  execFileSync(openssl, ["req", ...made, ...subject, "-keyout", key, "-out", cert], {
    stdio: "ignore",
  });
  const pair = { private_key: readFileSync(key), cert_chain: readFileSync(cert) };
  const server = new Server();
  const service: AgentServiceServer = {
    enroll: (_call, reply) =>
      reply(null, { agentId: "a", credential: "c", certificatePem: "", caPem: "", validForMs: 0 }),
    renew: () => {},
    connect: () => {},
  };
  server.addService(AgentServiceService, service);
  onTestFinished(() => server.forceShutdown());
  const port = await new Promise<number>((resolve, reject) => {
    const credentials = ServerCredentials.createSsl(null, [pair]);
    server.bindAsync("127.0.0.1:0", credentials, (error, port) =>
      error === null ? resolve(port) : reject(error),
    );
  });
  return { port, ca: pair.cert_chain };
}

test("TLS with an authority of one's own: only its servers are trusted", async () => {
  const mine = await tlsServer();
  const other = await tlsServer();
  const dialer = grpcDialer({ server: `localhost:${mine.port}`, tlsCa: mine.ca });
  expect(await dialer.enrol(request)).toMatchObject({ agentId: "a" });
  const wrongCa = grpcDialer({ server: `localhost:${mine.port}`, tlsCa: other.ca });
  await expect(wrongCa.enrol(request)).rejects.toThrow(/self-signed certificate/);
  const wrongName = grpcDialer({ server: `127.0.0.1:${mine.port}`, tlsCa: mine.ca });
  await expect(wrongName.enrol(request)).rejects.toThrow(/does not match|not in the cert/);
});

test("a server that expects TLS gets nothing from a plain dial", async () => {
  const { port } = await tlsServer();
  const plain = grpcDialer({ server: `localhost:${port}` });
  await expect(plain.enrol(request)).rejects.toThrow();
});

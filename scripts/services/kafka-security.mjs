/** A listener with TLS and passwords for brokers of the tests: certificate, users, and the settings of a broker. */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { onPath } from "./program.mjs";

const USER = "troupe";
const MODULES = "org.apache.kafka.common.security";

/** Made once for all brokers of a cluster: the certificate names the loopback. */
export function makeSecurity({ java, folder }) {
  const keystore = join(folder, "broker.p12");
  const ca = join(folder, "broker.pem");
  const storePassword = randomBytes(12).toString("hex");
  const password = randomBytes(12).toString("hex");
  const beside = join(dirname(java), "keytool");
  const keytool = existsSync(beside) ? beside : onPath("keytool");
  if (keytool === undefined) throw new Error(`There is no keytool beside ${java}.`);
  const store = ["-alias", "broker", "-keystore", keystore, "-storepass", storePassword];
  run(keytool, [
    ...["-genkeypair", "-keyalg", "EC", "-groupname", "secp256r1", "-validity", "7"],
    ...["-dname", "CN=localhost", "-ext", "SAN=ip:127.0.0.1,dns:localhost"],
    ...["-storetype", "PKCS12", ...store],
  ]);
  run(keytool, ["-exportcert", "-rfc", "-file", ca, ...store]);
  return { keystore, storePassword, ca, username: USER, password };
}

/** What a broker's properties need beside the listener itself. */
export function securitySettings({ keystore, storePassword, username, password }) {
  const plain = `${MODULES}.plain.PlainLoginModule required user_${username}="${password}";`;
  const scram = `${MODULES}.scram.ScramLoginModule required;`;
  return {
    "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
    "listener.name.sasl_ssl.plain.sasl.jaas.config": plain,
    "listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config": scram,
    "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": scram,
    "ssl.keystore.type": "PKCS12",
    "ssl.keystore.location": keystore,
    "ssl.keystore.password": storePassword,
    "ssl.key.password": storePassword,
  };
}

/** What the storage tool must be told, so that the users are there from the first start on. */
export function userArguments({ username, password }) {
  return ["SCRAM-SHA-256", "SCRAM-SHA-512"].flatMap((mechanism) => [
    "--add-scram",
    `${mechanism}=[name=${username},password=${password}]`,
  ]);
}

function run(command, args) {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} failed:\n${stdout}${stderr}`);
}

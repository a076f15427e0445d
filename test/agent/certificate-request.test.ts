import { execFileSync } from "node:child_process";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { expect, test } from "vitest";
import { newKeyDraft } from "../../src/agent/certificate-request.ts";

/** A program of the machine, not of a package. */
const openssl = "openssl";

test("a request is one that others read, for the key that stays here", () => {
  for (let count = 0; count < 20; count++) {
    const { csrPem, privateKeyPem } = newKeyDraft();
    const args = ["req", "-verify", "-noout", "-pubkey"];
    const told = execFileSync(openssl, args, { input: csrPem, encoding: "utf8", stdio: "pipe" });
    const publicKey = createPublicKey(createPrivateKey(privateKeyPem));
    expect(told).toContain(publicKey.export({ type: "spki", format: "pem" }).toString().trim());
    expect(csrPem).not.toContain("PRIVATE");
  }
});

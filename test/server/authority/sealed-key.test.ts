import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { systemRandom } from "../../../src/actors/kernel/index.ts";
import { authoritySecret } from "../../../src/server/authority/authority-secret.ts";
import { openKey, sealKey } from "../../../src/server/authority/sealed-key.ts";
import { temporaryFolder } from "../running-server.ts";

const random = systemRandom;
const key = Buffer.from("a private key, in the clear");

it("a sealed key is opened by the same secret under the same name, and by nothing else", async () => {
  const sealed = await sealKey(key, { secret: "correct horse", label: "one", random });
  expect(Buffer.concat([sealed.salt, sealed.nonce, sealed.box]).includes(key)).toBe(false);
  expect(await openKey(sealed, { secret: "correct horse", label: "one" })).toEqual(key);
  expect(await openKey(sealed, { secret: "correct hors", label: "one" })).toBeUndefined();
  expect(await openKey(sealed, { secret: "correct horse", label: "two" })).toBeUndefined();
  for (const at of [0, sealed.box.length - 1]) {
    const box = Buffer.from(sealed.box);
    box[at] = (box[at] as number) ^ 1;
    expect(await openKey({ ...sealed, box }, { secret: "correct horse", label: "one" })).toBe(
      undefined,
    );
  }
});

it("the same key is never sealed the same twice", async () => {
  const seal = () => sealKey(key, { secret: "s", label: "l", random });
  const [one, two] = [await seal(), await seal()];
  expect(Buffer.from(one.box).equals(Buffer.from(two.box))).toBe(false);
});

it("without a passphrase the secret is a file that only its user reads, and stays the same", async () => {
  const folder = temporaryFolder();
  const made = await authoritySecret(folder, { passphrase: undefined, random });
  const path = join(folder, "authority.key");
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect((await readFile(path, "utf8")).trim()).toBe(made.secret);
  expect(await authoritySecret(folder, { passphrase: undefined, random })).toEqual(made);
});

it("a file that a crash left empty is made anew: nothing was sealed by it", async () => {
  const folder = temporaryFolder();
  await writeFile(join(folder, "authority.key"), "", { mode: 0o644 });
  const { secret } = await authoritySecret(folder, { passphrase: undefined, random });
  expect(secret).toMatch(/^[\w-]{43}$/);
  expect((await stat(join(folder, "authority.key"))).mode & 0o777).toBe(0o600);
});

it("a passphrase is used as it is, and a short one refused", async () => {
  const folder = temporaryFolder();
  const { secret } = await authoritySecret(folder, { passphrase: "twelve chars", random });
  expect(secret).toBe("twelve chars");
  await expect(stat(join(folder, "authority.key"))).rejects.toThrow(/ENOENT/);
  await expect(authoritySecret(folder, { passphrase: "short", random })).rejects.toMatchObject({
    code: "TROUPE_OPTION_INVALID",
  });
});

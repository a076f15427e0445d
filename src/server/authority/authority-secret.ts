/**
 * The secret that the authority's keys are sealed with. A passphrase of the operator's protects them
 * from whoever copies the data folder, the journal's servers or their backups. Without one, a random
 * secret lies beside the journal: that protects copies of the journal alone, not of the whole folder.
 */
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Random, TroupeError } from "../../actors/kernel/index.ts";

const fileName = "authority.key";
const passphraseCharactersMin = 12;

/** The passphrase if there is one, else what the file in the data folder holds, made at the first time. */
export async function authoritySecret(
  dataDir: string,
  { passphrase, random }: { passphrase: string | undefined; random: Random },
): Promise<{ readonly secret: string; readonly source: string }> {
  if (passphrase !== undefined) {
    return {
      secret: checkedPassphrase(passphrase),
      source: "the passphrase given (TROUPE_CA_KEY)",
    };
  }
  const path = join(dataDir, fileName);
  const secret = (await read(path)) ?? (await create(path, random));
  return { secret, source: path };
}

function checkedPassphrase(passphrase: string): string {
  if (passphrase.length >= passphraseCharactersMin) return passphrase;
  throw new TroupeError("TROUPE_OPTION_INVALID", {
    option: "authorityPassphrase (TROUPE_CA_KEY)",
    expected: `at least ${passphraseCharactersMin} characters`,
    got: `${passphrase.length}`,
  });
}

async function read(path: string): Promise<string | undefined> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  return text?.trim() || undefined;
}

async function create(path: string, random: Random): Promise<string> {
  const secret = Buffer.from(random.bytes(32)).toString("base64url");
  const file = await open(path, "w", 0o600);
  try {
    await file.chmod(0o600);
    await file.writeFile(`${secret}\n`);
    // A key sealed under a secret that a power cut takes away would be lost with it.
    await file.sync();
  } finally {
    await file.close();
  }
  return secret;
}

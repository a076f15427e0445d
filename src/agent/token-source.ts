import { readFile } from "node:fs/promises";
import { AgentError, exitCodes } from "./agent-error.ts";

/** A token is one short line; a file that is longer is something else. */
const tokenCharsMax = 4_096;

/** Out of the environment for good: what this process starts must not inherit it. */
export function takeEnvironmentToken(environment: NodeJS.ProcessEnv): string | undefined {
  const token = environment["TROUPE_TOKEN"];
  delete environment["TROUPE_TOKEN"];
  return token === "" ? undefined : token;
}

/** The token in `path`, or on standard input for `-`. Throws `AgentError` for an empty or unlikely one. */
export async function readToken(path: string, stdin: NodeJS.ReadStream): Promise<string> {
  const where = path === "-" ? "standard input" : path;
  const text = path === "-" ? await readAll(stdin) : await readTokenFile(path);
  const token = checked(text, where);
  if (token === "") throw usage(`there is no token in ${where}`);
  return token;
}

/** The same from standard input, where it need not be: undefined if that is empty. */
export async function readOptionalToken(stdin: NodeJS.ReadStream): Promise<string | undefined> {
  return checked(await readAll(stdin), "standard input") || undefined;
}

function checked(text: string, where: string): string {
  const token = text.trim();
  if (token.length <= tokenCharsMax && !/\s/.test(token)) return token;
  throw usage(`what is in ${where} is no token: expected one short line`);
}

async function readTokenFile(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw usage(`cannot read the token: ${(error as Error).message}`);
  }
}

async function readAll(stdin: NodeJS.ReadStream): Promise<string> {
  let text = "";
  stdin.setEncoding("utf8");
  for await (const piece of stdin) {
    text += piece;
    if (text.length > tokenCharsMax) break;
  }
  stdin.destroy();
  return text;
}

function usage(message: string): AgentError {
  return new AgentError(message, exitCodes.usage);
}

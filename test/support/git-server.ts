/** Real repositories, served by git's own servers on the loopback: over HTTP with basic authentication, and by `git daemon`. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer } from "node:net";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { waitUntil } from "./wait-until.ts";

const author = {
  ...process.env,
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_AUTHOR_NAME: "Ada",
  GIT_AUTHOR_EMAIL: "ada@example.org",
  GIT_COMMITTER_NAME: "Ada",
  GIT_COMMITTER_EMAIL: "ada@example.org",
};

export function git(folder: string, ...args: readonly string[]): string {
  const options = { cwd: folder, env: author, encoding: "utf8", stdio: "pipe" } as const;
  return execFileSync("git", ["-c", "protocol.file.allow=always", ...args], options).trim();
}

/** A repository with a work tree, below the folder that is served. */
export class Repository {
  readonly path: string;

  constructor(root: string, name: string) {
    this.path = join(root, name);
    mkdirSync(this.path, { recursive: true });
    git(this.path, "init", "--quiet", "--initial-branch=main");
  }

  /** Writes the files and commits them; returns the commit's id. */
  commit(files: Readonly<Record<string, string>>, message = "change"): string {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(this.path, name)), { recursive: true });
      writeFileSync(join(this.path, name), text);
    }
    git(this.path, "add", "--all");
    git(this.path, "commit", "--quiet", "--allow-empty", "--message", message);
    return git(this.path, "rev-parse", "HEAD");
  }

  git(...args: readonly string[]): string {
    return git(this.path, ...args);
  }
}

export interface GitServer {
  /** `http://127.0.0.1:…`, without a slash at its end. */
  readonly url: string;
  /** Requests so far, as `GET /path`. */
  readonly requests: readonly string[];
  /** What the next requests get instead of an answer. */
  readonly failures: ("unavailable" | "cut" | "silence")[];
}

/** Serves all repositories below `root`. With `user`, only to whoever shows it. */
export async function startGitServer(
  root: string,
  options: { readonly user?: { readonly name: string; readonly password: string } } = {},
): Promise<GitServer> {
  const requests: string[] = [];
  const failures: GitServer["failures"] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    const failure = failures.shift();
    if (failure === "cut") return void request.socket.destroy();
    if (failure === "silence") return;
    if (failure === "unavailable") return void response.writeHead(503).end();
    if (options.user !== undefined && !isUser(request, options.user)) {
      response.writeHead(401, { "www-authenticate": 'Basic realm="git"' }).end();
      return;
    }
    backend(root, request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, requests, failures };
}

function isUser(
  { headers }: IncomingMessage,
  { name, password }: { readonly name: string; readonly password: string },
): boolean {
  const shown = Buffer.from(`${name}:${password}`).toString("base64");
  return headers.authorization === `Basic ${shown}`;
}

/** `git http-backend`, which speaks CGI. */
function backend(root: string, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? "/", "http://localhost");
  const child = spawn("git", ["http-backend"], {
    env: {
      PATH: process.env["PATH"],
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: "1",
      REQUEST_METHOD: request.method,
      PATH_INFO: decodeURIComponent(url.pathname),
      QUERY_STRING: url.search.slice(1),
      CONTENT_TYPE: request.headers["content-type"] ?? "",
      HTTP_CONTENT_ENCODING: request.headers["content-encoding"] ?? "",
      GIT_PROTOCOL: String(request.headers["git-protocol"] ?? ""),
      ...(request.headers["content-length"] === undefined
        ? {}
        : { CONTENT_LENGTH: request.headers["content-length"] }),
    },
    stdio: ["pipe", "pipe", "ignore"],
  });
  request.pipe(child.stdin);
  child.stdin.on("error", () => {});
  let head = Buffer.alloc(0);
  const readHead = (chunk: Buffer): void => {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf("\r\n\r\n");
    if (end === -1) return;
    child.stdout.off("data", readHead);
    const lines = head.subarray(0, end).toString("latin1").split("\r\n");
    const headers = lines.map((line) => line.split(/: (.*)/s, 2) as [string, string]);
    const status = headers.find(([name]) => name === "Status")?.[1] ?? "200";
    for (const [name, value] of headers) if (name !== "Status") response.setHeader(name, value);
    response.writeHead(Number.parseInt(status, 10));
    response.write(head.subarray(end + 4));
    child.stdout.pipe(response);
  };
  child.stdout.on("data", readHead);
  child.once("close", () => response.end());
}

/** `git daemon` for all repositories below `root`; returns `git://127.0.0.1:…`. */
export async function startGitDaemon(root: string): Promise<string> {
  const port = await freePort();
  const args = ["daemon", "--listen=127.0.0.1", `--port=${port}`, "--export-all", "--reuseaddr"];
  const daemon: ChildProcess = spawn("git", [...args, `--base-path=${root}`], {
    env: author,
    stdio: "ignore",
    detached: true,
  });
  const ended = once(daemon, "exit");
  onTestFinished(async () => {
    // The daemon is a child of the `git` that was started.
    if (daemon.pid !== undefined) process.kill(-daemon.pid, "SIGKILL");
    await ended;
  });
  await waitUntil("git daemon listens", () => answers(port));
  return `git://127.0.0.1:${port}`;
}

async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

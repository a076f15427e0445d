import { execFileSync } from "node:child_process";
import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { Header } from "tar";
import { describe, expect, test } from "vitest";
import { EntryJudge } from "../../src/agent/archive-entry.ts";
import { agentLimits } from "../../src/agent/limits.ts";
import { packArchive } from "../../src/agent/pack-archive.ts";
import { ArchiveError, unpackArchive } from "../../src/agent/unpack-archive.ts";
import { temporaryFolder } from "./support/folder.ts";

interface Entry {
  readonly path: string;
  readonly type?: string;
  readonly linkpath?: string;
  readonly data?: string;
  readonly mode?: number;
  /** What the header says, where that is not the truth. */
  readonly size?: number;
}

/** A tar as an enemy makes it: nothing is checked. */
function tarOf(entries: readonly Entry[]): Buffer {
  const blocks: Buffer[] = [];
  for (const { path, type = "File", linkpath = "", data = "", mode = 0o644, size } of entries) {
    const header = new Header({
      path,
      linkpath,
      mode,
      size: size ?? data.length,
      mtime: new Date(),
    });
    header.type = type as "File";
    const block = Buffer.alloc(512);
    header.encode(block, 0);
    const padded = Buffer.alloc(Math.ceil(data.length / 512) * 512);
    padded.write(data, "latin1");
    blocks.push(block, padded);
  }
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

function unpacked(bytes: Buffer, folder = temporaryFolder()): Promise<number> {
  const file = join(temporaryFolder(), "archive.tgz");
  writeFileSync(file, bytes);
  return unpackArchive(file, folder);
}

/** What is in a case of its own, and what stands beside it: the place that nobody may reach. */
function caged(): { readonly folder: string; readonly outside: string } {
  const outside = temporaryFolder();
  const folder = join(outside, "workspace");
  mkdirSync(folder);
  writeFileSync(join(outside, "secret"), "untouched");
  return { folder, outside };
}

describe("an archive that means ill is refused, and nothing outside is touched", () => {
  const evil: readonly (readonly [string, readonly Entry[], string])[] = [
    ["a way up", [{ path: "../secret", data: "x" }], "leads outside"],
    ["a way up, later", [{ path: "a/../../secret", data: "x" }], "leads outside"],
    ["a way up with the other slash", [{ path: "..\\secret", data: "x" }], "is not relative"],
    ["an absolute path", [{ path: "/tmp/troupe-evil", data: "x" }], "is not relative"],
    ["a drive", [{ path: "C:/evil", data: "x" }], "is not relative"],
    ["a link up", [{ path: "l", type: "SymbolicLink", linkpath: "../secret" }], "leads outside"],
    ["an absolute link", [{ path: "l", type: "SymbolicLink", linkpath: "/etc" }], "leads outside"],
    [
      "a link that comes back out",
      [{ path: "l", type: "SymbolicLink", linkpath: "a/../../secret" }],
      "leads outside",
    ],
    [
      "links whose sum leads out",
      [
        { path: "a/b/c/up", type: "SymbolicLink", linkpath: "../../.." },
        { path: "k", type: "SymbolicLink", linkpath: "a/b/c/up/.." },
      ],
      "leads outside",
    ],
    [
      "a file behind a link",
      [
        { path: "d/", type: "Directory" },
        { path: "l", type: "SymbolicLink", linkpath: "d" },
        { path: "l/f", data: "x" },
      ],
      "lies behind the link",
    ],
    [
      "a file behind a link that is written otherwise",
      [
        { path: "Link", type: "SymbolicLink", linkpath: "d" },
        { path: "link/f", data: "x" },
      ],
      "lies behind the link",
    ],
    [
      "a link in the place of the folder",
      [{ path: ".", type: "SymbolicLink", linkpath: "a" }],
      "no name",
    ],
    ["a link to nowhere", [{ path: "a/.", type: "SymbolicLink", linkpath: "b" }], "no name"],
    ["a hard link", [{ path: "l", type: "Link", linkpath: "../secret" }], "is a Link"],
    ["a device", [{ path: "d", type: "CharacterDevice" }], "is a CharacterDevice"],
    ["a block device", [{ path: "d", type: "BlockDevice" }], "is a BlockDevice"],
    ["a pipe", [{ path: "p", type: "FIFO" }], "is a FIFO"],
  ];

  test.each(evil)("%s", async (_what, entries, words) => {
    const { folder, outside } = caged();
    await expect(unpacked(gzipSync(tarOf(entries)), folder)).rejects.toThrow(words);
    expect(readFileSync(join(outside, "secret"), "utf8")).toBe("untouched");
    expect(existsSync("/tmp/troupe-evil")).toBe(false);
  });

  test("a link that was there before is not written through", async () => {
    const { folder, outside } = caged();
    symlinkSync(outside, join(folder, "out"));
    symlinkSync(join(outside, "secret"), join(folder, "file"));
    // A folder, or a file, takes the link's place, and leaves alone where it led.
    await unpacked(gzipSync(tarOf([{ path: "out/secret", data: "x" }])), folder);
    expect(readFileSync(join(folder, "out/secret"), "utf8")).toBe("x");
    await unpacked(gzipSync(tarOf([{ path: "file", data: "x" }])), folder);
    expect(readFileSync(join(outside, "secret"), "utf8")).toBe("untouched");
    expect(readFileSync(join(folder, "file"), "utf8")).toBe("x");
  });

  test("a file with two names is not written through its other name", async () => {
    const { folder, outside } = caged();
    linkSync(join(outside, "secret"), join(folder, "same"));
    await unpacked(gzipSync(tarOf([{ path: "same", data: "x" }])), folder);
    expect(readFileSync(join(outside, "secret"), "utf8")).toBe("untouched");
  });

  test("set-user-id bits do not come out", async () => {
    const { folder } = caged();
    await unpacked(gzipSync(tarOf([{ path: "s", data: "x", mode: 0o6755 }])), folder);
    expect(statSync(join(folder, "s")).mode & 0o7000).toBe(0);
  });

  test("what is not a tar, is cut off, or is compressed twice", async () => {
    const tar = tarOf([{ path: "a", data: "x".repeat(10_000) }]);
    await expect(unpacked(Buffer.from("no archive"))).rejects.toThrow(ArchiveError);
    await expect(
      unpacked(gzipSync("no tar, but long enough to be a block".repeat(50))),
    ).rejects.toThrow("not a gzipped tar");
    await expect(unpacked(gzipSync(gzipSync(tar)))).rejects.toThrow("not a gzipped tar");
    await expect(unpacked(gzipSync(tar).subarray(0, 60))).rejects.toThrow(ArchiveError);
    await expect(unpacked(gzipSync(tar.subarray(0, 2_000)))).rejects.toThrow(ArchiveError);
  });

  test("bombs: too large by their own word, too many, or too much whatever they say", async () => {
    const declared = [{ path: "big", size: agentLimits.archiveUnpackedBytesMax + 1 }];
    await expect(unpacked(gzipSync(tarOf(declared)))).rejects.toThrow("takes more than");
    const judge = new EntryJudge();
    const entry = { path: "a", type: "File", size: 0 };
    for (let count = 0; count < agentLimits.archiveEntriesMax; count++) judge.problem(entry);
    expect(judge.problem(entry)).toContain("more than 500000 entries");
    const sum = new EntryJudge();
    const half = { ...entry, size: agentLimits.archiveUnpackedBytesMax / 2 };
    expect([sum.problem(half), sum.problem(half)]).toEqual([undefined, undefined]);
    expect(sum.problem({ ...entry, size: 1 })).toContain("takes more than");
    expect(new EntryJudge().problem({ ...entry, size: Number.NaN })).toContain("takes more than");
  });

  test("no name, whatever it is, leads outside", () => {
    const part = fc.oneof(
      fc.constantFrom("..", ".", "", "a", "b\n", "~", "\\", "C:", "\0"),
      fc.string(),
    );
    const name = fc.array(part, { maxLength: 6 }).map((parts) => parts.join("/"));
    fc.assert(
      fc.property(name, name, (path, linkpath) => {
        const isTaken = (problem: string | undefined) => problem === undefined;
        if (isTaken(new EntryJudge().problem({ path, type: "File", size: 0 }))) {
          const at = join("/root/folder", path);
          expect(at === "/root/folder/" || at.startsWith("/root/folder")).toBe(true);
          expect(path.startsWith("/")).toBe(false);
        }
        if (isTaken(new EntryJudge().problem({ path, type: "SymbolicLink", linkpath, size: 0 }))) {
          const leads = join("/root/folder", path, "..", linkpath);
          expect(`${leads}/`.startsWith("/root/folder/")).toBe(true);
        }
      }),
      { numRuns: Number(process.env["TROUPE_FUZZ_RUNS"] ?? 5_000) },
    );
  });
});

describe("packing", () => {
  const pack = async (folder: string, paths: readonly string[]) => {
    const file = join(temporaryFolder(), "archive.tgz");
    return { file, ...(await packArchive({ folder, paths, file })) };
  };

  test("what is packed comes out the same: content, modes, links, strange names", async () => {
    const { folder } = caged();
    mkdirSync(join(folder, "d/empty"), { recursive: true });
    const names = ["d/plain", "d/new\nline", "d/-rf", "d/ü\u0301", `d/${"long".repeat(50)}`];
    for (const name of names) writeFileSync(join(folder, name), name);
    writeFileSync(join(folder, "d/run"), "#!/bin/sh\n", { mode: 0o755 });
    symlinkSync("plain", join(folder, "d/link"));
    linkSync(join(folder, "d/plain"), join(folder, "d/second"));
    execFileSync("sh", ["-c", `mkfifo ${join(folder, "d/pipe")}`]);
    const { file, entries } = await pack(folder, ["d", "./d/plain"]);
    const target = temporaryFolder();
    expect(await unpackArchive(file, target)).toBe(entries);
    for (const name of names) expect(readFileSync(join(target, name), "utf8")).toBe(name);
    expect(readFileSync(join(target, "d/second"), "utf8")).toBe("d/plain");
    expect(statSync(join(target, "d/run")).mode & 0o777).toBe(0o755);
    expect(statSync(join(target, "d/empty")).isDirectory()).toBe(true);
    expect(readlinkSync(join(target, "d/link"))).toBe("plain");
    expect(existsSync(join(target, "d/pipe"))).toBe(false);
  });

  test("what is not there, lies behind a link, or leads out is not packed", async () => {
    const { folder, outside } = caged();
    symlinkSync(outside, join(folder, "out"));
    await expect(pack(folder, ["nothing"])).rejects.toThrow('"nothing" is not there');
    await expect(pack(folder, ["out/secret"])).rejects.toThrow("lies behind a link");
    await expect(pack(folder, ["out"])).rejects.toThrow("leads outside");
  });
});

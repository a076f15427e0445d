/**
 * A file system in memory that fails as real ones do. It keeps apart what programs see (the page
 * cache) and what is on the device, in pages of 4 KiB:
 *  - a power cut keeps any subset of the pages, creations and removals since the last completed
 *    sync, and any size in between;
 *  - an append brings its own pages to the device, and no others: what another wrote before it may
 *    still be lost, and read as zeros;
 *  - a failed sync is reported once to every open descriptor, and the pages that it failed to
 *    store count as clean from then on: a repeated sync succeeds without storing them;
 *  - writes may be short, and the device may be full.
 * A power cut may be set to happen at any call; calls that it interrupts never return.
 */
import { basename, dirname, join } from "node:path";
import type { Random } from "../../../../src/actors/kernel/index.ts";
import type {
  FileSystem,
  LogFile,
  OpenMode,
} from "../../../../src/actors/persistence/journals/index.ts";

const pageBytes = 4096;

export type DiskFault = "sync-error" | "write-error" | "short-write" | "full" | "read-error";

function failure(code: string): Error {
  return Object.assign(new Error(`${code}: emulated`), { code });
}

interface Range {
  readonly from: number;
  readonly to: number;
}

class Inode {
  /** What programs see. */
  content = Buffer.alloc(0);
  /** What is on the device. */
  stored = Buffer.alloc(0);
  readonly dirtyPages = new Set<number>();
  /** Failed syncs so far; a descriptor remembers how many it was told of. */
  syncFailures = 0;

  write(bytes: Uint8Array, offset: number): void {
    const end = offset + bytes.byteLength;
    if (end > this.content.length) {
      this.content = Buffer.concat([this.content, Buffer.alloc(end - this.content.length)]);
    }
    this.content.set(bytes, offset);
    for (let page = Math.floor(offset / pageBytes); page * pageBytes < end; page++) {
      this.dirtyPages.add(page);
    }
  }

  store(page: number): void {
    const from = page * pageBytes;
    this.content.copy(this.stored, from, from, Math.min(from + pageBytes, this.content.length));
  }

  resizeStored(size: number): void {
    const kept = this.stored.subarray(0, size);
    this.stored = Buffer.concat([kept, Buffer.alloc(size - kept.length)]);
  }

  sync(range: Range = { from: 0, to: this.content.length }, isKept = () => true): void {
    // Pages are stored whole.
    const end = Math.min(this.content.length, Math.ceil(range.to / pageBytes) * pageBytes);
    this.resizeStored(Math.max(this.stored.length, end));
    for (const page of this.dirtyPages) {
      if ((page + 1) * pageBytes <= range.from || page * pageBytes >= range.to) continue;
      if (isKept()) this.store(page);
      this.dirtyPages.delete(page);
    }
  }

  /** The kernel needs memory: clean pages are read from the device again. */
  evict(): void {
    for (let from = 0; from < this.content.length; from += pageBytes) {
      if (this.dirtyPages.has(from / pageBytes)) continue;
      const end = Math.min(from + pageBytes, this.content.length);
      this.content.fill(0, from, end);
      this.stored.copy(this.content, from, from, Math.min(end, this.stored.length));
    }
  }

  losePower(random: Random): void {
    const [least, most] = [this.stored.length, this.content.length];
    const size = least + Math.floor(random.next() ** 2 * (most - least + 1));
    this.resizeStored(random.next() < 0.3 ? most : Math.max(least, size));
    for (const page of this.dirtyPages) if (random.next() < 0.5) this.store(page);
    this.content = Buffer.from(this.stored);
    this.dirtyPages.clear();
  }
}

interface Process {
  readonly call: <Result>(work: () => Result) => Promise<Result>;
  readonly diesUnsynced: boolean;
}

export class EmulatedDisk {
  readonly #random: Random;
  /** Entries as programs see them, and as they are on the device. */
  #entries = new Map<string, Inode>();
  #storedEntries = new Map<string, Inode>();
  readonly #faults: { readonly call: number; readonly fault: DiskFault }[] = [];
  /** Calls so far. */
  calls = 0;
  #cutAtCall = Number.POSITIVE_INFINITY;
  #boots = 0;
  #whenCut: (() => void) | undefined;
  freeBytes = Number.POSITIVE_INFINITY;
  /** Bytes read by programs so far. */
  bytesRead = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** The power goes at the n-th call from now; resolves when it has. */
  cutPowerAfter(calls: number): Promise<void> {
    this.#cutAtCall = this.calls + calls;
    return new Promise((resolve) => {
      this.#whenCut = resolve;
    });
  }

  /** The power goes now: what was not synced may be lost, and nothing open is usable any more. */
  cutPower(): void {
    this.#boots++;
    this.#cutAtCall = Number.POSITIVE_INFINITY;
    const survivors = new Map(this.#storedEntries);
    for (const path of new Set([...this.#entries.keys(), ...this.#storedEntries.keys()])) {
      const seen = this.#entries.get(path);
      const keepsNewest = this.#random.next() < 0.5;
      if (keepsNewest && seen === undefined) survivors.delete(path);
      if (keepsNewest && seen !== undefined) survivors.set(path, seen);
    }
    for (const inode of new Set(survivors.values())) inode.losePower(this.#random);
    this.#entries = new Map(survivors);
    this.#storedEntries = survivors;
    this.#whenCut?.();
  }

  /** A fault at the n-th call from now, if that call can have it; else at the next that can. */
  faultAfter(calls: number, fault: DiskFault): void {
    this.#faults.push({ call: this.calls + calls, fault });
  }

  clearFaults(): void {
    this.#faults.length = 0;
  }

  evictPageCache(): void {
    for (const inode of this.#entries.values()) inode.evict();
  }

  /** What a program sees of a file; undefined when there is none. */
  contentOf(path: string): Buffer | undefined {
    return this.#entries.get(path)?.content;
  }

  /** Changes a file behind everybody's back, on the device too: rot, or an operator's hand. */
  tamper(path: string, change: (content: Buffer) => Buffer): void {
    const inode = this.#entries.get(path);
    if (inode === undefined) throw failure("ENOENT");
    inode.content = Buffer.from(change(Buffer.from(inode.content)));
    inode.stored = Buffer.from(inode.content);
  }

  fileNames(): readonly string[] {
    return [...this.#entries.keys()].map((path) => basename(path)).sort();
  }

  /** The disk as the processes of the present boot see it, or as one that is killed between a write and its sync. */
  fileSystem({ diesUnsynced = false } = {}): FileSystem {
    const boot = this.#boots;
    const call = <Result>(work: () => Result): Promise<Result> => this.#call(boot, work);
    return {
      makeDirectory: () => call(() => undefined),
      list: (directory) =>
        call(() =>
          [...this.#entries.keys()].filter((p) => dirname(p) === directory).map((p) => basename(p)),
        ),
      open: (path, mode) => call(() => this.#open(path, mode, { call, diesUnsynced })),
      readWhole: (path) => call(() => Buffer.from(this.#inode(path).content)),
      createWhole: (path, bytes) =>
        call(() => {
          if (this.#entries.has(path)) return "exists";
          const inode = new Inode();
          inode.write(bytes, 0);
          inode.sync();
          this.#entries.set(path, inode);
          this.#storedEntries.set(path, inode);
          return "created";
        }),
      remove: (path) =>
        call(() => {
          this.#inode(path);
          this.#entries.delete(path);
        }),
      syncDirectory: (directory) => call(() => this.#syncDirectory(directory)),
      freeBytes: () => call(() => this.freeBytes),
    };
  }

  /** Every call takes effect at once and answers later; the power may go before or after its effect. */
  async #call<Result>(boot: number, work: () => Result): Promise<Result> {
    const never = new Promise<never>(() => {});
    await this.#dawdle();
    if (boot !== this.#boots) return never;
    this.calls++;
    const isCut = this.calls >= this.#cutAtCall;
    if (isCut && this.#random.next() < 0.5) {
      this.cutPower();
      return never;
    }
    const result = work();
    if (isCut) {
      this.cutPower();
      return never;
    }
    await this.#dawdle();
    return boot === this.#boots ? result : never;
  }

  /** Calls of several processes take effect, and answer, in any order; one in twelve while others make many. */
  async #dawdle(): Promise<void> {
    const ticksMax = this.#random.next() < 1 / 12 ? 120 : 4;
    for (let ticks = Math.floor(this.#random.next() * ticksMax); ticks > 0; ticks--)
      await Promise.resolve();
  }

  #inode(path: string): Inode {
    const inode = this.#entries.get(path);
    if (inode === undefined) throw failure("ENOENT");
    return inode;
  }

  #syncDirectory(directory: string): void {
    const within = (path: string): boolean => dirname(path) === directory;
    for (const path of [...this.#storedEntries.keys()].filter(within)) {
      if (!this.#entries.has(path)) this.#storedEntries.delete(path);
    }
    for (const [path, inode] of this.#entries)
      if (within(path)) this.#storedEntries.set(path, inode);
  }

  #takeFault(...kinds: readonly DiskFault[]): DiskFault | undefined {
    const at = this.#faults.findIndex(
      ({ call, fault }) => call <= this.calls && kinds.includes(fault),
    );
    return at === -1 ? undefined : this.#faults.splice(at, 1)[0]?.fault;
  }

  #open(path: string, mode: OpenMode, { call, diesUnsynced }: Process): LogFile {
    if (mode === "append" && !this.#entries.has(path)) this.#entries.set(path, new Inode());
    const inode = this.#inode(path);
    let toldFailures = inode.syncFailures;
    const sync = (range?: Range): void => {
      if (this.#takeFault("sync-error") !== undefined) {
        inode.syncFailures++;
        // Some pages made it, and the kernel forgets about the others.
        inode.sync(range, () => this.#random.next() < 0.5);
      }
      if (toldFailures < inode.syncFailures) {
        toldFailures = inode.syncFailures;
        throw failure("EIO");
      }
      inode.sync(range);
    };
    return {
      append: async (parts) => {
        const range = await call(() => this.#append(inode, Buffer.concat(parts)));
        if (diesUnsynced) return new Promise(() => {});
        await call(() => sync(range));
        return range.to - range.from;
      },
      rewrite: (bytes, offset) =>
        call(() => {
          inode.write(bytes, offset);
          return bytes.byteLength;
        }),
      read: (into, offset) =>
        call(() => {
          if (this.#takeFault("read-error") !== undefined) throw failure("EIO");
          const count = inode.content.copy(into, 0, offset);
          this.bytesRead += count;
          return count;
        }),
      size: () => call(() => inode.content.length),
      syncData: () => call(() => sync()),
      sync: () => call(() => sync()),
      close: () => call(() => undefined),
    };
  }

  #append(inode: Inode, bytes: Buffer): Range {
    const fault = this.#takeFault("write-error", "short-write", "full");
    if (fault === "write-error") throw failure("EIO");
    if (fault === "full") throw failure("ENOSPC");
    const asked =
      fault === "short-write" ? Math.floor(this.#random.next() * bytes.length) : bytes.length;
    const taken = Math.min(asked, this.freeBytes);
    if (taken === 0) throw failure("ENOSPC");
    this.freeBytes -= taken;
    const from = inode.content.length;
    inode.write(bytes.subarray(0, taken), from);
    return { from, to: from + taken };
  }
}

export const dataFolder = join("/", "data");

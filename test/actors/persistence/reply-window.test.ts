import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { limits } from "../../../src/actors/kernel/index.ts";
import { type RememberedReply, ReplyWindow } from "../../../src/actors/persistence/reply-window.ts";

const reply = (key: string, bytes: number): RememberedReply => ({
  key,
  bytes: new Uint8Array(bytes),
});

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

describe("the idempotency window", () => {
  it("remembers the newest within its bounds, and each window what it saw", () => {
    const sizes = fc.array(fc.oneof(fc.nat(2_000), fc.constant(200_000)), { maxLength: 60 });
    fc.assert(
      fc.property(sizes, fc.nat(59), (all, branchAt) => {
        let window = ReplyWindow.empty();
        let branch: { readonly window: ReplyWindow; readonly entries: unknown } | undefined;
        for (const [index, size] of all.entries()) {
          window = window.with(reply(`k${index}`, size));
          if (index === branchAt) branch = { window, entries: [...window.entries()] };
          expect(window.get(`k${index}`)?.bytes.length).toBe(size);
          const kept = window.entries();
          const bytes = kept.reduce((sum, one) => sum + one.bytes.length + one.key.length, 0);
          expect(kept.length === 1 || bytes <= limits.idempotencyBytesMax).toBe(true);
          expect(kept.map(({ key }) => key)).toEqual(
            Array.from({ length: kept.length }, (_, n) => `k${index + 1 - kept.length + n}`),
          );
        }
        if (branch !== undefined) expect(branch.window.entries()).toEqual(branch.entries);
      }),
    );
  });

  it("lets go of replies that it has forgotten", async () => {
    let window = ReplyWindow.empty();
    const bytes = 256 * 1024;
    let collected = 0;
    const registry = new FinalizationRegistry(() => collected++);
    for (let n = 0; n < 300; n++) {
      const one = reply(`k${n}`, bytes);
      registry.register(one, n);
      window = window.with(one);
    }
    expect(window.size).toBe(1);
    await expect
      .poll(
        () => {
          collect();
          return collected;
        },
        { timeout: 60_000 },
      )
      .toBeGreaterThan(250);
    expect(window.get("k299")?.bytes.length).toBe(bytes);
  });
});

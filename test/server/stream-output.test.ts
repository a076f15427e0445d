import { EventEmitter } from "node:events";
import { expect, test } from "vitest";
import { streamOutput } from "../../src/server/stream-output.ts";

/** A stream whose reader reads when told to. */
class Call extends EventEmitter {
  readonly cancelled = false;
  readonly messages: number[] = [];
  readonly #written: (() => void)[] = [];

  write(message: number, written: () => void): boolean {
    this.messages.push(message);
    this.#written.push(written);
    return true;
  }

  read(): void {
    this.#written.shift()?.();
  }
}

function sending(call: Call) {
  const output = streamOutput<never, number>(call as never);
  const done = (async () => {
    for (let n = 0; n < 100; n++) await output.send(n);
  })();
  done.catch(() => {});
  return { output, done };
}

async function turns(): Promise<void> {
  for (let n = 0; n < 5; n++) await new Promise((resolve) => setImmediate(resolve));
}

test("a reader who does not read gets two messages, whatever their size, and all of them once he does", async () => {
  const call = new Call();
  const { done } = sending(call);
  await turns();
  expect(call.messages).toEqual([0, 1]);
  for (let n = 0; n < 100; n++) {
    call.read();
    await turns();
    expect(call.messages.length).toBeLessThanOrEqual(n + 3);
  }
  await done;
  expect(call.messages).toHaveLength(100);
});

test("a reader who has gone ends what is sent to him", async () => {
  const call = new Call();
  const { output, done } = sending(call);
  await turns();
  call.emit("cancelled");
  await expect(done).rejects.toThrow(/abort/);
  expect(output.signal.aborted).toBe(true);
  await expect(output.send(1)).rejects.toThrow(/abort/);
});

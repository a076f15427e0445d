import { describe, expect, test } from "vitest";
import { agentLimits } from "../../src/agent/limits.ts";
import { LogFlight } from "../../src/agent/log-flight.ts";

const { logFlightBytesMin: least, logFlightFastMs: fastMs, logFlightSlowMs: slowMs } = agentLimits;

/** Full flights, one after another, over a link that takes so long for each byte and so long for each round trip. */
function fly(
  flight: LogFlight,
  link: { msPerByte: number; roundTripMs: number },
  times: number,
): void {
  let [nowMs, end] = [0, 0];
  for (let count = 0; count < times; count++) {
    const bytes = flight.bytesMax;
    end += bytes;
    flight.sent(end, bytes, nowMs);
    nowMs += bytes * link.msPerByte + link.roundTripMs;
    flight.acknowledged(end, nowMs);
  }
}

describe("bytes on their way", () => {
  test("have the server's whole window after a few round trips of a fast link", () => {
    const flight = new LogFlight(64 * least);
    fly(flight, { msPerByte: 0, roundTripMs: 40 }, 6);
    expect(flight.bytesMax).toBe(64 * least);
    fly(flight, { msPerByte: 0, roundTripMs: 40 }, 10);
    expect(flight.bytesMax).toBe(64 * least);
  });

  test("take no longer than a heartbeat can wait, however slow the link", () => {
    for (const bytesPerSecond of [least / 4, least, 100_000, 1_000_000, 20_000_000]) {
      const flight = new LogFlight(64 * least);
      fly(flight, { msPerByte: 1_000 / bytesPerSecond, roundTripMs: 0 }, 50);
      expect(flight.bytesMax).toBeGreaterThanOrEqual(least);
      if (flight.bytesMax > least) {
        expect((flight.bytesMax / bytesPerSecond) * 1_000).toBeLessThanOrEqual(slowMs);
      }
    }
  });

  test("shrink when a link that was fast becomes slow, and grow again with it", () => {
    const flight = new LogFlight(64 * least);
    fly(flight, { msPerByte: 0, roundTripMs: 1 }, 10);
    fly(flight, { msPerByte: 1, roundTripMs: 0 }, 10);
    expect(flight.bytesMax).toBe(least);
    fly(flight, { msPerByte: 0, roundTripMs: 1 }, 10);
    expect(flight.bytesMax).toBe(64 * least);
  });

  test("grow by no trickle: it shows nothing", () => {
    const flight = new LogFlight(64 * least);
    for (let end = 1; end < 100; end++) {
      flight.sent(end, 1, end);
      flight.acknowledged(end, end + fastMs / 2);
    }
    expect(flight.bytesMax).toBe(least);
  });

  test("a server with a window of a few bytes gets its way", () => {
    const flight = new LogFlight(10);
    expect(flight.bytesMax).toBe(10);
    fly(flight, { msPerByte: 1_000, roundTripMs: 0 }, 3);
    expect(flight.bytesMax).toBe(10);
  });
});

/** Wrong tokens per address: beyond a number, that address has to wait. Successes do not count. */
import { isIPv6 } from "node:net";
import { type Clock, limits } from "../actors/kernel/index.ts";

interface Failures {
  readonly sinceMs: number;
  readonly count: number;
}

export class GuessThrottle {
  readonly #clock: Clock;
  /** Oldest first. */
  readonly #failures = new Map<string, Failures>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How long this address has to wait, in ms; 0 = not at all. */
  waitMs(address: string): number {
    const found = this.#current(address);
    if (found === undefined || found.count < limits.enrolmentFailuresMax) return 0;
    return found.sinceMs + limits.enrolmentFailuresWithinMs - this.#clock.monotonicMs();
  }

  failed(address: string): void {
    const network = networkOf(address);
    const { sinceMs, count } = this.#current(address) ?? {
      sinceMs: this.#clock.monotonicMs(),
      count: 0,
    };
    this.#failures.delete(network);
    this.#failures.set(network, { sinceMs, count: count + 1 });
    const [oldest] = this.#failures.keys();
    if (this.#failures.size > limits.enrolmentAddressesMax && oldest !== undefined) {
      this.#failures.delete(oldest);
    }
  }

  #current(address: string): Failures | undefined {
    const found = this.#failures.get(networkOf(address));
    if (found === undefined) return undefined;
    const ageMs = this.#clock.monotonicMs() - found.sinceMs;
    return ageMs < limits.enrolmentFailuresWithinMs ? found : undefined;
  }
}

/** One holder has a whole /64 of IPv6 addresses. */
function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = "", tail] = address.split("::");
  const groups = head.split(":").filter((group) => group !== "");
  const behind = tail?.split(":").filter((group) => group !== "").length ?? 0;
  const zeros = tail === undefined ? 0 : 8 - groups.length - behind;
  const all = [...groups, ...Array.from({ length: zeros }, () => "0")];
  return `${all.slice(0, 4).join(":")}::/64`;
}

/** Of `address:port`, as gRPC tells a peer. */
export function addressOf(peer: string): string {
  return peer.replace(/:\d+$/, "");
}

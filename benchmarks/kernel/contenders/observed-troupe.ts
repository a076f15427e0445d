import { Registry } from "prom-client";
import type { Observer } from "../../../src/actors/kernel/index.ts";
import { prometheusObserver } from "../../../src/actors/telemetry/index.ts";
import type { Contender } from "../work.ts";
import { troupe } from "./troupe.ts";

const ignore = (): void => {};

const deafObserver: Observer = {
  actorStarted: ignore,
  actorStopped: ignore,
  actorFailed: ignore,
  actorRestarted: ignore,
  messagesHandled: ignore,
  deadLetter: ignore,
  handlerBlocked: ignore,
  handlerStuck: ignore,
  revokedUse: ignore,
};

/** Ours with an observer that hears everything and does nothing. */
export function deafTroupe(): Contender {
  return troupe(deafObserver);
}

/** Ours with the observer that feeds prom-client. */
export function countedTroupe(): Contender {
  return troupe(prometheusObserver({ registry: new Registry() }));
}

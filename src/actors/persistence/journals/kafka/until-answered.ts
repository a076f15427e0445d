/**
 * Opening a journal asks several brokers, and one of them may die just then: another one is asked, or the next leader
 * waited for. Only what passes by itself is repeated; that no broker answers at all is an answer.
 */
import { type Clock, isTroupeError } from "../../../kernel/index.ts";
import type { ClusterLink } from "./cluster-link.ts";
import { passesByItself } from "./protocol-errors.ts";

/** Longer than a cluster with its defaults (`broker.session.timeout.ms`, 9 s) takes to name another leader. */
const deadlineMs = 20_000;
const pauseMs = 100;

export async function untilAnswered<Answer>(
  { link, clock }: { readonly link: ClusterLink; readonly clock: Clock },
  ask: () => Promise<Answer>,
): Promise<Answer> {
  const untilMs = clock.monotonicMs() + deadlineMs;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const isFinal = isTroupeError(error) || !passesByItself(error);
      if (isFinal || clock.monotonicMs() > untilMs) throw error;
      link.distrust();
    }
    await new Promise<void>((resolve) => clock.setTimer(pauseMs, resolve));
  }
}

import { Effect, Layer, ManagedRuntime, Schema } from "effect";
import { Entity, TestRunner } from "effect/cluster";
import { Rpc } from "effect/rpc";
import { type Contender, inWindows } from "../work.ts";

const Echo = Entity.make("Echo", [
  Rpc.make("Echo", { payload: { value: Schema.Number }, success: Schema.Number }),
]);
const EchoLive = Echo.toLayer(
  Effect.succeed(Echo.of({ Echo: ({ payload }) => Effect.succeed(payload.value) })),
);

/** Effect's cluster with everything in memory: a volatile entity, called through its client. */
export async function effectEntityPeer(): Promise<Contender> {
  const runtime = ManagedRuntime.make(EchoLive.pipe(Layer.provideMerge(TestRunner.layer)));
  const clientOf = await runtime.runPromise(Echo.client);
  const echo = clientOf("one");
  const ask = (value: number) => runtime.runPromise(echo.Echo({ value }));
  return {
    peer: "effect 4.1.0, volatile entity",
    works: {
      "ask, 1,000 at a time": (count) => inWindows(count, ask),
      "ask, one after the other": async (count) => {
        for (let i = 0; i < count; i++) await ask(i);
      },
    },
  };
}

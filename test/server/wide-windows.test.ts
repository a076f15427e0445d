/** The one place that relies on the library's insides: whoever upgrades it learns here whether they are still there. */
import { once } from "node:events";
import { connect, type Settings } from "node:http2";
import { expect, onTestFinished, test } from "vitest";
import { limits, systemClock } from "../../src/actors/kernel/index.ts";
import { listenGrpc } from "../../src/server/grpc-listener.ts";

test("a peer may have as much under way as the limits say, on a stream and on its connection", async () => {
  const listener = await listenGrpc({
    address: "127.0.0.1:0",
    clock: systemClock,
    messageBytesMax: 1_024,
    services: () => {},
  });
  onTestFinished(() => listener.stop(1_000));
  const session = connect(`http://127.0.0.1:${listener.port}`);
  onTestFinished(() => session.destroy());
  let settings: Settings = {};
  while (settings.initialWindowSize !== limits.agentStreamWindowBytes) {
    [settings] = (await once(session, "remoteSettings")) as [Settings];
  }
  await new Promise((resolve) => session.ping(resolve));
  expect(session.state.remoteWindowSize).toBe(limits.agentConnectionWindowBytes);
});

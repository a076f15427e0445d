import { createActor, fromTransition } from "xstate";
import { type Contender, crowd, window } from "../work.ts";

type Add = { readonly type: "add"; readonly by: number };
const counter = fromTransition((count: number, event: Add) => count + event.by, 0);

/** xstate's actors handle an event as it is sent; they have no ask. */
export function xstatePeer(): Contender {
  const start = () => createActor(counter).start();
  const one = start();
  const many = Array.from({ length: crowd }, start);
  const event: Add = { type: "add", by: 1 };
  return {
    peer: "xstate 5.33.3",
    works: {
      "tell to 1 actor": (count) => {
        for (let i = 0; i < count; i++) one.send(event);
        return Promise.resolve();
      },
      "tell to 1,000 actors": (count) => {
        for (let i = 0; i < count; i++) many[i % crowd]?.send(event);
        return Promise.resolve();
      },
      "spawn and stop": (count) => {
        for (let spawned = 0; spawned < count; spawned += window) {
          const living = Array.from({ length: window }, start);
          for (const actor of living) actor.stop();
        }
        return Promise.resolve();
      },
    },
  };
}

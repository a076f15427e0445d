/**
 * The process to be killed: accounts as persistent actors. It takes commands from the oracle's
 * socket, and says `done` when their events are in the log.
 *
 *   bank-process.ts <oracle's socket> <store as JSON> [fault]
 *
 * On standard output: `serving`, `deposed` when a shard's claim was lost, and, after `finish` on
 * standard input, `states <JSON>` once every transfer has arrived; after `report`, `report <JSON>`.
 *
 * A fault is planted to see that the run catches it: `early-ack` says `done` a while before it begins,
 * `no-key` calls without the idempotency key and says `done` a while after.
 */
import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import {
  createSystem,
  definePersistentActor,
  isTroupeError,
  type System,
  type SystemOptions,
} from "../../src/index.ts";
import { BankDiary, diaryLogger } from "./bank-diary.ts";
import { type BankCommand, parseCommand } from "./commands.ts";
import { onLines } from "./lines.ts";
import type { AccountState, BankStore } from "./store.ts";

const timeoutMs = 20_000;
const retryMs = 100;
const faultMs = 300;

const diary = new BankDiary(() => process.stdout.write("deposed\n"));
let system: System;

/** Money on its way: delivered until the other account has it, again after every recovery. */
async function deliver(from: string, key: string, transfer: { to: string; cents: number }) {
  const { to, cents } = transfer;
  for (;;) {
    try {
      const options = { idempotencyKey: `credit ${key}`, timeoutMs };
      await system.actor(Account, to).with(options).credit(key, cents);
      await system.actor(Account, from).with({ timeoutMs }).settle(key);
      return;
    } catch (error) {
      if (!isTroupeError(error)) throw error;
      await pause(retryMs);
    }
  }
}

const Account = definePersistentActor("account", {
  initialState: (): AccountState => ({ cents: 0, onTheWay: {} }),
  snapshot: { everyEvents: 60 },
  open: (state) => Object.keys(state.onTheWay).length > 0,
  recovered: (account) => {
    const { id } = account;
    for (const [key, transfer] of Object.entries(account.state.onTheWay)) {
      account.afterCommit(() => void deliver(id, key, transfer));
    }
  },
})
  .events({
    added: (state, e: { key: string; cents: number }) => ({
      ...state,
      cents: state.cents + e.cents,
    }),
    debited: (state, e: { key: string; to: string; cents: number }) => ({
      cents: state.cents - e.cents,
      onTheWay: { ...state.onTheWay, [e.key]: { to: e.to, cents: e.cents } },
    }),
    credited: (state, e: { key: string; cents: number }) => ({
      ...state,
      cents: state.cents + e.cents,
    }),
    settled: (state, e: { key: string }) => {
      const { [e.key]: _, ...onTheWay } = state.onTheWay;
      return { ...state, onTheWay };
    },
  })
  .commands({
    add: (account, key: string, cents: number) => account.persist("added", { key, cents }),
    move: (account, key: string, transfer: { to: string; cents: number }) => {
      const { id } = account;
      account.persist("debited", { key, ...transfer });
      account.afterCommit(() => void deliver(id, key, transfer));
    },
    credit: (account, key: string, cents: number) => account.persist("credited", { key, cents }),
    settle: (account, key: string) => {
      if (account.state.onTheWay[key] !== undefined) account.persist("settled", { key });
    },
    show: (account) => account.state,
  });

const [socketPath = "", storeText = "", fault] = process.argv.slice(2);
const store = JSON.parse(storeText) as BankStore;

function stores(): Pick<SystemOptions, "dataDir" | "kafka" | "redis"> {
  if (store.kind === "embedded") return { dataDir: store.dataDir };
  const { brokers, topic, redisUrl } = store;
  return { kafka: { brokers, topic }, redis: { url: redisUrl, mustAnswer: false } };
}

function execute(command: BankCommand): Promise<void> {
  const { key, account, cents } = command;
  const options = { timeoutMs, ...(fault !== "no-key" && { idempotencyKey: key }) };
  const called = system.actor(Account, account).with(options);
  if (command.kind === "add") return called.add(key, cents);
  return called.move(key, { to: command.to, cents });
}

async function answer(command: BankCommand, say: (line: string) => void): Promise<void> {
  const done = `done ${command.key}`;
  try {
    if (fault === "early-ack") {
      say(done);
      await pause(faultMs);
    }
    diary.began(command.key);
    await execute(command);
    diary.ended(command.key);
    if (fault === "no-key") await pause(faultMs);
    say(done);
  } catch (error) {
    if (!isTroupeError(error)) throw error;
    diary.ended(command.key, error.code);
    say(`failed ${command.key} ${error.code}`);
  }
}

async function finish(): Promise<void> {
  for (;;) {
    const ids = await system.ids(Account);
    const states = await Promise.all(
      ids.map(
        async (id) => [id, await system.actor(Account, id).with({ timeoutMs }).show()] as const,
      ),
    );
    if (states.every(([, { onTheWay }]) => Object.keys(onTheWay).length === 0)) {
      const cents = Object.fromEntries(states.map(([id, state]) => [id, state.cents]));
      process.stdout.write(`states ${JSON.stringify(cents)}\n`);
      return;
    }
    await pause(retryMs);
  }
}

await createSystem({
  name: "bank",
  shards: store.shards,
  ...stores(),
  definitions: (created) => {
    system = created;
    return [Account];
  },
  logger: diaryLogger,
  journalObserver: diary,
});
const oracle = connect(socketPath);
oracle.on("error", () => process.exit(1));
onLines(oracle, (line) => void answer(parseCommand(line), (text) => oracle.write(`${text}\n`)));
onLines(process.stdin, (line) => {
  if (line === "finish") void finish();
  if (line === "report") process.stdout.write(`report ${diary.report(system)}\n`);
});
process.stdout.write("serving\n");

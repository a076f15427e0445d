import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.lang.management.ThreadMXBean;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

import com.typesafe.config.ConfigFactory;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.Terminated;
import org.apache.pekko.actor.typed.javadsl.AbstractBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.Receive;

/**
 * The works of the kernel suite on Apache Pekko typed. All actors, the driver included, run on one
 * thread: a dispatcher with a pool of one. Speaks in lines: see runner.ts.
 */
public final class PekkoContender {
  static final int BURST = 10_000;
  static final int WINDOW = 1_000;
  static final int CROWD = 1_000;
  static final int CHILDREN = 10_000;
  static final int BRANCHES = 10;
  static final int LEAVES = 100_000;

  /** Counts handled messages; the last expected one is told to the driver. All on one thread. */
  static final class Tally {
    ActorRef<Object> driver;
    int left = 0;

    void hit() {
      if (--left == 0) driver.tell("handled");
    }
  }

  static final Tally TALLY = new Tally();

  // ── the actors that are measured ─────────────────────────────────────────────────────────

  interface CounterMessage {}
  record Add(int by) implements CounterMessage {}
  record Echo(int value, ActorRef<Object> replyTo) implements CounterMessage {}

  static final class Counter extends AbstractBehavior<CounterMessage> {
    private long count = 0;

    Counter(ActorContext<CounterMessage> context, int children) {
      super(context);
      for (int i = 0; i < children; i++) context.spawn(Behaviors.empty(), "c" + i);
    }

    static Behavior<CounterMessage> of(int children) {
      return Behaviors.setup(context -> new Counter(context, children));
    }

    @Override
    public Receive<CounterMessage> createReceive() {
      return newReceiveBuilder()
          .onMessage(Add.class, add -> {
            count += add.by();
            TALLY.hit();
            return this;
          })
          .onMessage(Echo.class, ask -> {
            ask.replyTo().tell(ask.value());
            return this;
          })
          .build();
    }
  }

  interface TreeMessage {}
  record Grow(int size, long number, ActorRef<? super Sum> parent) implements TreeMessage {}
  record Sum(long value) implements TreeMessage {}

  static final class Tree extends AbstractBehavior<TreeMessage> {
    private ActorRef<? super Sum> parent;
    private long sum = 0;
    private int missing = BRANCHES;

    Tree(ActorContext<TreeMessage> context) {
      super(context);
    }

    @Override
    public Receive<TreeMessage> createReceive() {
      return newReceiveBuilder()
          .onMessage(Grow.class, grow -> {
            parent = grow.parent();
            if (grow.size() == 1) return finish(grow.number());
            int below = grow.size() / BRANCHES;
            for (int i = 0; i < BRANCHES; i++) {
              ActorRef<TreeMessage> child =
                  getContext().spawn(Behaviors.setup(Tree::new), Integer.toString(i));
              child.tell(new Grow(below, grow.number() + (long) i * below, getContext().getSelf()));
            }
            return this;
          })
          .onMessage(Sum.class, part -> {
            sum += part.value();
            return --missing == 0 ? finish(sum) : this;
          })
          .build();
    }

    private Behavior<TreeMessage> finish(long value) {
      parent.tell(new Sum(value));
      return Behaviors.stopped();
    }
  }

  // ── the driver ───────────────────────────────────────────────────────────────────────────

  record Order(String work, int count, CompletableFuture<Boolean> done) {}

  static final class Driver extends AbstractBehavior<Object> {
    private final ActorRef<CounterMessage> one;
    private final List<ActorRef<CounterMessage>> many = new ArrayList<>();
    private ActorRef<CounterMessage> parent;
    private Order order;
    private int left;
    private int open;
    private int made = 0;

    Driver(ActorContext<Object> context) {
      super(context);
      one = context.spawn(Counter.of(0), "one");
      for (int i = 0; i < CROWD; i++) many.add(context.spawn(Counter.of(0), "many" + i));
    }

    @Override
    public Receive<Object> createReceive() {
      return newReceiveBuilder()
          .onMessage(Order.class, this::begin)
          .onMessage(Sum.class, sum -> end())
          .onMessage(String.class, handled -> next())
          .onMessage(Integer.class, value -> answered())
          .onSignal(Terminated.class, terminated -> answered())
          .build();
    }

    private Behavior<Object> begin(Order given) {
      order = given;
      left = given.count();
      if (order.work().equals("tell to a parent of 10,000") && parent == null) {
        parent = getContext().spawn(Counter.of(CHILDREN), "parent");
      }
      return next();
    }

    /** A part of the open burst was answered; the last of them begins the next one. */
    private Behavior<Object> answered() {
      return --open > 0 ? this : next();
    }

    private Behavior<Object> end() {
      order.done().complete(true);
      return this;
    }

    private Behavior<Object> next() {
      if (left <= 0) return end();
      ActorRef<Object> self = getContext().getSelf();
      switch (order.work()) {
        case "tell to 1 actor" -> tell(one);
        case "tell to a parent of 10,000" -> tell(parent);
        case "tell to 1,000 actors" -> {
          int burst = expect();
          for (int i = 0; i < burst; i++) many.get(i % CROWD).tell(new Add(1));
        }
        case "ask, 1,000 at a time" -> echo(Math.min(WINDOW, left));
        case "ask, one after the other" -> echo(1);
        case "spawn and stop" -> {
          open = Math.min(WINDOW, left);
          left -= open;
          List<ActorRef<Object>> living = new ArrayList<>(open);
          for (int i = 0; i < open; i++) {
            ActorRef<Object> child = getContext().spawn(Behaviors.empty(), "s" + made++);
            getContext().watch(child);
            living.add(child);
          }
          for (ActorRef<Object> child : living) getContext().stop(child);
        }
        case "skynet, 100,000 leaves" -> {
          left = 0;
          ActorRef<TreeMessage> tree = getContext().spawn(Behaviors.setup(Tree::new), "tree" + made++);
          tree.tell(new Grow(LEAVES, 0, self));
        }
        default -> throw new IllegalArgumentException(order.work());
      }
      return this;
    }

    private void tell(ActorRef<CounterMessage> target) {
      int burst = expect();
      for (int i = 0; i < burst; i++) target.tell(new Add(1));
    }

    /** The size of the next burst, of which the tally tells when it was handled. */
    private int expect() {
      int burst = Math.min(BURST, left);
      left -= burst;
      TALLY.driver = getContext().getSelf();
      TALLY.left = burst;
      return burst;
    }

    /** Pekko's own ask from inside an actor: a timeout each, the answer adapted into a message. */
    private void echo(int count) {
      open = count;
      left -= count;
      for (int i = 0; i < count; i++) {
        int value = i;
        getContext().ask(
            Object.class, one, Duration.ofSeconds(5),
            (ActorRef<Object> replyTo) -> new Echo(value, replyTo),
            (answer, failure) -> answer);
      }
    }
  }

  /**
   * Processor time of the actors' thread, of the pool that completes the futures of its asks, and of the
   * collector, which works while these wait.
   */
  static double spentMs() {
    ThreadMXBean threads = ManagementFactory.getThreadMXBean();
    double spent = 0;
    for (ThreadInfo thread : threads.getThreadInfo(threads.getAllThreadIds())) {
      // Threads may end while this looks at them.
      if (thread == null) continue;
      String name = thread.getThreadName();
      if (!name.contains("default-dispatcher") && !name.contains("commonPool")) continue;
      spent += Math.max(0, threads.getThreadCpuTime(thread.getThreadId())) / 1e6;
    }
    for (GarbageCollectorMXBean collector : ManagementFactory.getGarbageCollectorMXBeans()) {
      spent += collector.getCollectionTime();
    }
    return spent;
  }

  public static void main(String[] args) {
    try {
      serve(args);
    } catch (Exception error) {
      // The actors' thread would keep the process alive.
      error.printStackTrace();
      System.exit(1);
    }
  }

  static void serve(String[] args) throws Exception {
    String config = """
        pekko.log-dead-letters = off
        pekko.log-dead-letters-during-shutdown = off
        pekko.loglevel = "OFF"
        pekko.stdout-loglevel = "OFF"
        pekko.actor.default-dispatcher {
          type = Dispatcher
          executor = "thread-pool-executor"
          thread-pool-executor.fixed-pool-size = 1
          throughput = 128
        }
        """;
    ActorSystem<Object> system = ActorSystem.create(
        Behaviors.setup(Driver::new), "bench", ConfigFactory.parseString(config).withFallback(ConfigFactory.load()));
    System.out.println("Pekko " + args[0] + " typed, one thread");
    System.out.println(String.join(";",
        "tell to 1 actor", "tell to 1,000 actors", "tell to a parent of 10,000",
        "ask, 1,000 at a time", "ask, one after the other", "spawn and stop", "skynet, 100,000 leaves"));
    BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
    for (String line = input.readLine(); line != null; line = input.readLine()) {
      int split = line.lastIndexOf(';');
      CompletableFuture<Boolean> done = new CompletableFuture<>();
      Order order = new Order(line.substring(0, split), Integer.parseInt(line.substring(split + 1)), done);
      double before = spentMs();
      system.tell(order);
      done.get();
      System.out.println(spentMs() - before);
    }
    system.terminate();
  }
}

package dev.trireme.worker.agent;

import dev.trireme.protocol.AgentToCoordinator;
import dev.trireme.protocol.AgentToCoordinator.FromRank;
import dev.trireme.protocol.AgentToCoordinator.RankExit;
import dev.trireme.protocol.AgentToCoordinator.RankExited;
import dev.trireme.protocol.AgentToCoordinator.RegisterAgent;
import dev.trireme.protocol.AgentToRank;
import dev.trireme.protocol.AgentToRank.Join;
import dev.trireme.protocol.CoordinatorToAgent;
import dev.trireme.protocol.CoordinatorToAgent.AgentAccepted;
import dev.trireme.protocol.CoordinatorToAgent.EndRanks;
import dev.trireme.protocol.CoordinatorToAgent.HarmRank;
import dev.trireme.protocol.CoordinatorToAgent.OpenProbe;
import dev.trireme.protocol.CoordinatorToAgent.PrepareRanks;
import dev.trireme.protocol.CoordinatorToAgent.RunProbe;
import dev.trireme.protocol.CoordinatorToAgent.StartRanks;
import dev.trireme.protocol.CoordinatorToAgent.TellRanks;
import dev.trireme.protocol.Message;
import dev.trireme.protocol.RankReport;
import dev.trireme.worker.channel.Channel;
import dev.trireme.worker.channel.StampGuard;
import io.aeron.Aeron;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.agrona.concurrent.Agent;
import org.agrona.concurrent.AgentRunner;
import org.agrona.concurrent.ManyToOneConcurrentArrayQueue;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The agent's one thread of decisions: it has processes started and made ranks of ({@link
 * RankStarter}), relays between them and the coordinator, notices their ends, and ends them.
 *
 * <p>Threading: {@link #command} and {@link #registration} from any thread; everything else happens
 * on the supervisor's own thread, which owns all state. Nothing in it blocks for longer than a
 * process takes to be started.
 */
final class RankSupervisor implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(RankSupervisor.class);
  private static final int MAX_TASKS = 4096;
  private static final int TASKS_PER_DUTY = 64;

  /** What processes have to end by themselves when the agent closes, before they are killed. */
  private static final long GRACE_NANOS = TimeUnit.SECONDS.toNanos(2);

  private static final long CLOSE_SECONDS = 5;

  private final AgentConfig config;
  private final Consumer<AgentToCoordinator> out;
  private final StampGuard stamps = new StampGuard();
  private final ManyToOneConcurrentArrayQueue<Runnable> tasks =
      new ManyToOneConcurrentArrayQueue<>(MAX_TASKS);
  private final Aeron aeron;
  private final AgentRunner runner;
  private final Children children = new Children();
  private final Formations formations;
  private final Probes probes;
  private final HarmOrders harms;
  private final RankStarter starter;
  private final CountDownLatch allGone = new CountDownLatch(1);
  private final CompletableFuture<Void> lost = new CompletableFuture<>();
  private boolean closing;
  private boolean driverLost;

  /**
   * Starts the thread and the warm processes; returns before they are up.
   *
   * @param aeronDirectory of this agent's media driver, which runs
   * @param out takes what the coordinator is to hear, on the supervisor's thread; must not block
   */
  RankSupervisor(
      AgentConfig config,
      AgentDirectory directory,
      String aeronDirectory,
      Consumer<AgentToCoordinator> out) {
    this.config = config;
    this.out = out;
    aeron = Channel.connect(aeronDirectory, "trireme-agent-" + config.agentId());
    StreamIds streams = new StreamIds();
    formations =
        new Formations(
            directory,
            aeronDirectory,
            streams,
            new AgentToRank.Network(config.agentId(), config.address()));
    probes = new Probes(config, Path.of(aeronDirectory), said -> submit(() -> out.accept(said)));
    harms = new HarmOrders(config.agentId(), children, out, this::submit);
    RankSpawner spawner =
        new RankSpawner(
            config.rankCommand(), aeron, aeronDirectory, streams, directory.noLibraries());
    starter =
        new RankStarter(
            config, children, formations, threads -> spawn(spawner, threads), harms, out);
    runner = new AgentRunner(Channel.idle(), e -> LOG.error("the agent", e), null, new Duty());
    for (int i = 0; i < config.warm(); i++) {
      submit(starter::startIdle);
    }
    AgentRunner.startOnThread(runner);
  }

  /** What to say of this agent to a coordinator. */
  RegisterAgent registration() {
    return new RegisterAgent(
        config.agentId(),
        config.host(),
        config.slots(),
        config.offer().cores(),
        stamps.highestTerm(),
        stamps.highestGeneration(),
        config.devices(),
        config.noDevices(),
        config.address(),
        config.offer().memory(),
        config.offer().ranksPerDevice());
  }

  /** Obeys a command, unless its stamp is over, which is logged. Returns at once. */
  void command(CoordinatorToAgent command) {
    submit(() -> obey(command));
  }

  private void submit(Runnable task) {
    if (tasks.offer(task)) {
      LockSupport.unpark(runner.thread());
    } else {
      LOG.error("the agent is {} tasks behind: one was dropped", MAX_TASKS);
    }
  }

  private void obey(CoordinatorToAgent command) {
    if (command instanceof AgentAccepted accepted) {
      refuseOr(accepted, stamps.admit(accepted.stamp()), () -> {});
    } else if (driverLost) {
      LOG.warn("dropped a {}: the agent begins anew", command.getClass().getSimpleName());
    } else if (command instanceof StartRanks start) {
      refuseOr(start, stamps.admit(start.jobId(), start.stamp()), () -> starter.start(start));
    } else if (command instanceof TellRanks tell) {
      refuseOr(tell, stamps.admit(tell.jobId(), tell.stamp()), () -> tellRanks(tell));
    } else if (command instanceof EndRanks end) {
      refuseOr(end, stamps.admit(end.jobId(), end.stamp()), () -> endRanks(end));
    } else if (command instanceof PrepareRanks prepare) {
      refuseOr(
          prepare, stamps.admit(prepare.jobId(), prepare.stamp()), () -> starter.prepare(prepare));
    } else if (command instanceof OpenProbe open) {
      refuseOr(open, stamps.admit(open.stamp()), () -> probes.open(open));
    } else if (command instanceof RunProbe run) {
      refuseOr(run, stamps.admit(run.stamp()), () -> probes.run(run));
    } else if (command instanceof HarmRank harm) {
      refuseOr(harm, stamps.admit(harm.jobId(), harm.stamp()), () -> harms.obey(harm));
    }
  }

  private static void refuseOr(
      CoordinatorToAgent command, Optional<String> refusal, Runnable action) {
    if (refusal.isPresent()) {
      LOG.warn("refused a {}: {}", command.getClass().getSimpleName(), refusal.get());
    } else {
      action.run();
    }
  }

  private Child spawn(RankSpawner spawner, OptionalInt threads) throws IOException {
    Child child =
        spawner.spawn(
            threads, DeviceDeal.next(config.devices(), children.devices()), this::onMessage);
    children.add(child);
    // Starting several takes a while on a loaded machine; the client must not seem dead meanwhile.
    aeron.conductorAgentInvoker().invoke();
    child.process().exited().thenAccept(code -> submit(() -> onExit(child, code)));
    return child;
  }

  private void tellRanks(TellRanks command) {
    for (Child child : children.ranksOf(command.jobId())) {
      if (command.ranks().isEmpty() || command.ranks().contains(child.join().get().rank())) {
        child.tell(command.command());
      }
    }
  }

  private void endRanks(EndRanks command) {
    long killAt = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(command.graceMillis());
    for (Child child : children.ranksOf(command.jobId())) {
      if (command.ranks().isEmpty() || command.ranks().contains(child.join().get().rank())) {
        child.requestEnd(killAt, command.reason());
        if (command.graceMillis() > 0) {
          child.tell(new AgentToRank.StopAfterStep(command.stamp(), command.reason()));
          // One that has left its formation waits for nothing but this.
          child.tell(new AgentToRank.Release());
        }
      }
    }
  }

  private void onMessage(Child child, Message message) {
    if (message instanceof RankReport.Hello hello) {
      if (!child.greet(hello)) {
        LOG.warn("dropped {}: it is not from process {}", hello, child.process().pid());
      } else if (child.isIdle()) {
        starter.tellSpares();
      }
    } else if (message instanceof RankReport.Joined joined) {
      child.speaksAs(joined.generation());
    } else if (message instanceof RankReport report && child.speaker().isPresent()) {
      Join join = child.speaker().get();
      out.accept(
          new FromRank(
              config.agentId(), join.jobId(), join.stamp().generation(), join.rank(), report));
      if (report instanceof RankReport.Failed) {
        child.release();
      }
    } else {
      LOG.warn(
          "dropped a {} from process {}",
          message.getClass().getSimpleName(),
          child.process().pid());
    }
  }

  private void onExit(Child child, int code) {
    children.remove(child);
    if (!driverLost) {
      child.channel().drain();
      child.channel().close();
    }
    child.process().closeInput();
    String killed = child.killReason();
    String how = RankExits.describe(code) + (killed.isEmpty() ? "" : ", by its agent: " + killed);
    List<String> lastLines = child.process().log().lastLines();
    if (child.join().isPresent()) {
      Join join = child.join().get();
      formations.leave(child, join);
      if (driverLost) {
        return; // That this agent is lost says it once: to begin with it anew were a second
        // failure.
      }
      RankExit exit =
          new RankExit(child.process().pid(), code, child.isEndExpected(), how, lastLines);
      out.accept(
          new RankExited(
              config.agentId(), join.jobId(), join.stamp().generation(), join.rank(), exit));
    } else if (!closing) {
      LOG.error(
          "process {} ended before it was needed: {}; its last lines:\n{}",
          child.process().pid(),
          how,
          String.join("\n", lastLines));
    }
  }

  /**
   * Ends all processes: the idle ones are released, the others' standard input is closed, and what
   * is still there a while later is killed. Returns when all are gone, after at most 5 s.
   */
  @Override
  public void close() {
    harms.close();
    submit(this::endAll);
    try {
      if (!allGone.await(CLOSE_SECONDS, TimeUnit.SECONDS)) {
        LOG.error("some rank processes have outlived being killed");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    runner.close();
  }

  private void endAll() {
    closing = true;
    starter.close();
    probes.close();
    long now = System.nanoTime();
    for (Child child : children.all()) {
      boolean loading = !child.hasSaidHello();
      if (driverLost) {
        continue; // All were killed then, and no channel takes anything.
      }
      if (child.isIdle() && !loading) {
        child.tell(new AgentToRank.Release());
      } else {
        child.process().closeInput();
      }
      child.requestEnd(loading ? now : now + GRACE_NANOS, "the agent is shutting down");
    }
  }

  private void onDriverLost() {
    driverLost = true;
    LOG.error(
        "the media driver is gone, or this process stood still for too long: this agent's ranks"
            + " cannot go on");
    children.all().forEach(c -> c.kill("the agent's media driver is gone"));
    lost.complete(null);
  }

  /**
   * Completes once no rank can be started any more, for the way to them is gone: this process was
   * itself stopped for longer than its media driver waits, or its driver has died.
   */
  CompletionStage<Void> lost() {
    return lost.minimalCompletionStage();
  }

  /** The supervisor's thread: tasks, channels, deadlines, over and over. */
  private final class Duty implements Agent {
    @Override
    public int doWork() {
      int work = tasks.drain(Runnable::run, TASKS_PER_DUTY);
      if (!driverLost && aeron.isClosed()) {
        onDriverLost();
      }
      if (!driverLost) {
        work += aeron.conductorAgentInvoker().invoke();
        for (Child child : children.all()) {
          work += child.channel().duty();
        }
      }
      long now = System.nanoTime();
      children.all().forEach(c -> c.checkDeadlines(now));
      if (closing && children.isEmpty()) {
        allGone.countDown();
      }
      return work;
    }

    @Override
    public void onClose() {
      new ArrayList<>(children.all()).forEach(c -> c.process().kill());
      aeron.close();
    }

    @Override
    public String roleName() {
      return "agent-supervisor";
    }
  }
}

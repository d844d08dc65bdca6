package dev.trireme.worker.agent;

import dev.trireme.api.job.ParallelSpec;
import dev.trireme.protocol.AgentToCoordinator;
import dev.trireme.protocol.AgentToCoordinator.FromRank;
import dev.trireme.protocol.AgentToCoordinator.RankExit;
import dev.trireme.protocol.AgentToCoordinator.RankExited;
import dev.trireme.protocol.AgentToCoordinator.RankStarted;
import dev.trireme.protocol.AgentToCoordinator.RanksRefused;
import dev.trireme.protocol.AgentToCoordinator.RegisterAgent;
import dev.trireme.protocol.AgentToCoordinator.SparesReady;
import dev.trireme.protocol.AgentToRank;
import dev.trireme.protocol.AgentToRank.Join;
import dev.trireme.protocol.AgentToRank.Transport;
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
 * The agent's one thread of decisions: it starts processes, makes ranks of them, relays between
 * them and the coordinator, notices their ends, and ends them.
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

  /** What processes have to end by themselves when the next formation does without them. */
  private static final long REPLACED_NANOS = TimeUnit.SECONDS.toNanos(2);

  private static final long CLOSE_SECONDS = 5;

  private final AgentConfig config;
  private final Consumer<AgentToCoordinator> out;
  private final StampGuard stamps = new StampGuard();
  private final ManyToOneConcurrentArrayQueue<Runnable> tasks =
      new ManyToOneConcurrentArrayQueue<>(MAX_TASKS);
  private final Aeron aeron;
  private final RankSpawner spawner;
  private final AgentRunner runner;
  private final Children children = new Children();
  private final Formations formations;
  private final Probes probes;
  private final HarmOrders harms;
  private final CountDownLatch allGone = new CountDownLatch(1);
  private Optional<PrepareRanks> sparesWantedBy = Optional.empty();
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
    spawner =
        new RankSpawner(
            config.rankCommand(), aeron, aeronDirectory, streams, directory.noLibraries());
    formations =
        new Formations(
            directory,
            aeronDirectory,
            streams,
            new AgentToRank.Network(config.agentId(), config.address()));
    probes = new Probes(config, Path.of(aeronDirectory), said -> submit(() -> out.accept(said)));
    harms = new HarmOrders(config.agentId(), children, out, this::submit);
    runner = new AgentRunner(Channel.idle(), e -> LOG.error("the agent", e), null, new Duty());
    for (int i = 0; i < config.warm(); i++) {
      submit(this::startWarm);
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
    } else if (command instanceof StartRanks start) {
      refuseOr(start, stamps.admit(start.jobId(), start.stamp()), () -> startRanks(start));
    } else if (command instanceof TellRanks tell) {
      refuseOr(tell, stamps.admit(tell.jobId(), tell.stamp()), () -> tellRanks(tell));
    } else if (command instanceof EndRanks end) {
      refuseOr(end, stamps.admit(end.jobId(), end.stamp()), () -> endRanks(end));
    } else if (command instanceof PrepareRanks prepare) {
      refuseOr(prepare, stamps.admit(prepare.jobId(), prepare.stamp()), () -> prepare(prepare));
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

  private void startWarm() {
    try {
      spawn(config.rankThreads());
    } catch (IOException | RuntimeException e) {
      LOG.error("cannot start a rank's process: {}", e.toString());
    }
  }

  private Child spawn(OptionalInt threads) throws IOException {
    Child child =
        spawner.spawn(
            threads, DeviceDeal.next(config.devices(), children.devices()), this::onMessage);
    children.add(child);
    // Starting several takes a while on a loaded machine; the client must not seem dead meanwhile.
    aeron.conductorAgentInvoker().invoke();
    child.process().exited().thenAccept(code -> submit(() -> onExit(child, code)));
    return child;
  }

  /** Starts idle processes until there are as many as are wanted and fit. */
  private void prepare(PrepareRanks command) {
    sparesWantedBy = Optional.of(command);
    int idle = children.idle();
    long free = config.slots() - children.taken() - idle;
    for (int i = idle; i < command.count() && free > 0 && !closing; i++, free--) {
      startWarm();
    }
    tellSpares();
  }

  private void tellSpares() {
    sparesWantedBy.ifPresent(
        wanted -> {
          int ready = children.ready();
          if (ready > 0) {
            int count = Math.min(ready, wanted.count());
            out.accept(new SparesReady(config.agentId(), wanted.jobId(), count));
          }
        });
  }

  private void startRanks(StartRanks command) {
    // Who survives has read its files, and goes on without them.
    List<String> lacking =
        children.needsProcess(command) ? config.check().lacking(command) : List.of();
    if (!lacking.isEmpty()) {
      refuse(command, String.join(", ", lacking));
      return;
    }
    endReplaced(command);
    for (int local = 0; local < command.ranks().size(); local++) {
      int rank = command.ranks().get(local);
      if (children.find(command.jobId(), command.stamp(), rank).isPresent()) {
        continue; // The command was sent twice.
      }
      try {
        startRank(command, rank, local);
      } catch (IOException | RuntimeException e) {
        String why = "could not be started: " + e.getMessage();
        LOG.error("rank {} of job {} {}", rank, command.jobId(), why);
        exited(command.jobId(), command.stamp().generation(), rank, notStarted(why));
      }
    }
  }

  /**
   * Whoever of the job was here before is of no use either, but for those that were to go on: they
   * hold state, and wait for the coordinator to decide about them.
   */
  private void refuse(StartRanks command, String why) {
    LOG.error("job {} cannot have new ranks here, for it lacks {}", command.jobId(), why);
    for (Child child : children.endedBy(command)) {
      child.requestEnd(System.nanoTime() + REPLACED_NANOS, "its files are gone: " + why);
      child.tell(new AgentToRank.Release());
    }
    out.accept(
        new RanksRefused(
            config.agentId(), command.jobId(), command.stamp().generation(), "lacks " + why));
  }

  /** What an older formation of the job has here and the new one does not take over. */
  private void endReplaced(StartRanks command) {
    sparesWantedBy = Optional.empty();
    String why = "generation " + command.stamp().generation() + " does without it";
    for (Child child : children.endedBy(command)) {
      child.requestEnd(System.nanoTime() + REPLACED_NANOS, why);
      child.tell(new AgentToRank.Release());
    }
  }

  private static RankExit notStarted(String why) {
    return new RankExit(-1, -1, false, why, List.of());
  }

  private void startRank(StartRanks command, int rank, int local) throws IOException {
    Optional<Child> survivor = children.survivor(command, rank);
    if (survivor.isEmpty() && command.survivors().stream().anyMatch(s -> s.rank() == rank)) {
      // A new process in its place would be taken for one that holds the state.
      throw new IOException("the process that was to become it is gone");
    }
    if (closing || survivor.isEmpty() && children.taken() >= config.slots()) {
      throw new IOException(
          closing
              ? "agent " + config.agentId() + " is shutting down"
              : "all " + config.slots() + " slots of agent " + config.agentId() + " are taken");
    }
    Optional<Child> there = survivor.or(children::warmest);
    Child child = there.isPresent() ? there.get() : spawn(threads(command));
    Transport transport = formations.enter(child, command);
    // Only now: it may have been the last to hold what the old formation shared.
    child.join().ifPresent(old -> formations.leave(child, old));
    Path log = Path.of(command.runDirectory(), "logs", "rank-" + rank + ".log");
    try {
      if (child.join().filter(old -> old.rank() == rank).isEmpty()) {
        child.process().log().assign(log);
      }
    } catch (IOException e) {
      LOG.error("rank {} has no log: cannot write {} ({})", rank, log, e.toString());
    }
    child.become(
        new Join(
            command.stamp(),
            command.jobId(),
            command.job(),
            command.resolvedSpec(),
            command.runDirectory(),
            rank,
            local,
            command.ranks().size(),
            command.worldSize(),
            transport,
            command.source(),
            command.backing(),
            command.generations()));
    harms.onJoin(child, child.join().orElseThrow());
    out.accept(
        new RankStarted(
            config.agentId(),
            command.jobId(),
            command.stamp().generation(),
            rank,
            child.process().pid()));
  }

  private OptionalInt threads(StartRanks command) {
    int share = Math.max(1, config.cores() / command.ranks().size());
    ParallelSpec parallel = command.job().parallel();
    return OptionalInt.of(parallel.threads().or(parallel::cores).orElse(share));
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
        tellSpares();
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
      RankExit exit =
          new RankExit(child.process().pid(), code, child.isEndExpected(), how, lastLines);
      exited(join.jobId(), join.stamp().generation(), join.rank(), exit);
    } else if (!closing) {
      LOG.error(
          "process {} ended before it was needed: {}; its last lines:\n{}",
          child.process().pid(),
          how,
          String.join("\n", lastLines));
    }
  }

  private void exited(String jobId, long generation, int rank, RankExit exit) {
    out.accept(new RankExited(config.agentId(), jobId, generation, rank, exit));
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
    probes.close();
    long now = System.nanoTime();
    for (Child child : children.all()) {
      boolean loading = !child.hasSaidHello();
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
    LOG.error("the media driver is gone: this agent's ranks cannot go on");
    children.all().forEach(c -> c.kill("the agent's media driver is gone"));
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

package dev.trireme.worker.agent;

import dev.trireme.protocol.AgentToCoordinator;
import dev.trireme.protocol.AgentToCoordinator.HarmAnswered;
import dev.trireme.protocol.AgentToRank.Join;
import dev.trireme.protocol.AgentToRank.LackRoom;
import dev.trireme.protocol.CoordinatorToAgent.HarmRank;
import dev.trireme.worker.harm.Harms;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Harms an agent's ranks when the coordinator orders it.
 *
 * <p>Threading: the supervisor's thread.
 */
final class HarmOrders implements AutoCloseable {
  private final String agentId;
  private final Children children;
  private final Consumer<AgentToCoordinator> out;
  private final Consumer<Runnable> supervisor;
  private final Harms harms = new Harms();

  /**
   * @param out takes answers, on the supervisor's thread
   * @param supervisor runs something on that thread; called from any
   */
  HarmOrders(
      String agentId,
      Children children,
      Consumer<AgentToCoordinator> out,
      Consumer<Runnable> supervisor) {
    this.agentId = agentId;
    this.children = children;
    this.out = out;
    this.supervisor = supervisor;
  }

  void obey(HarmRank command) {
    Optional<Child> victim = children.find(command.jobId(), command.stamp(), command.rank());
    Optional<ProcessHandle> process =
        victim.flatMap(c -> ProcessHandle.of(c.process().pid())).filter(ProcessHandle::isAlive);
    if (process.isEmpty()) {
      answer(command, -1, "", "agent " + agentId + " has no such rank now");
      return;
    }
    Join join = victim.get().join().orElseThrow();
    Path run = Path.of(join.runDirectory());
    String checkpoints = join.job().checkpoint().place(run);
    harms.begin(
        new Harms.Order(
            command.kind(),
            process.get(),
            command.jobId(),
            checkpoints,
            run,
            Duration.ofMillis(command.lastingMillis()),
            command.trial()),
        new Told(command, process.get().pid()));
  }

  /** A process that becomes a rank meanwhile shares its job's fate. */
  void onJoin(Child child, Join join) {
    harms
        .lackingRoom(join.jobId())
        .ifPresent(millis -> child.tell(new LackRoom(join.stamp(), millis)));
  }

  private void answer(HarmRank command, long pid, String how, String refusal) {
    out.accept(new HarmAnswered(agentId, command.jobId(), command.order(), pid, how, refusal));
  }

  /** Brings what is heard back to the supervisor's thread. */
  private final class Told implements Harms.Answer {
    private final HarmRank command;
    private final long pid;

    Told(HarmRank command, long pid) {
      this.command = command;
      this.pid = pid;
    }

    @Override
    public void done(String how) {
      supervisor.accept(() -> answer(command, pid, how, ""));
    }

    @Override
    public void refused(String why) {
      supervisor.accept(() -> answer(command, pid, "", why));
    }

    @Override
    public void lackRoom(Duration lasting) {
      supervisor.accept(
          () ->
              children
                  .ranksOf(command.jobId())
                  .forEach(c -> c.tell(new LackRoom(command.stamp(), lasting.toMillis()))));
    }
  }

  @Override
  public void close() {
    harms.close();
  }
}

package dev.trireme.launcher.rank;

import dev.trireme.protocol.AgentToRank.Join;
import dev.trireme.worker.channel.ExitCode;
import dev.trireme.worker.rank.AgentLink;
import java.time.Duration;
import java.util.Optional;

/** The main method of a rank's process. Only an agent starts it. */
public final class RankMain {
  /** A process started before any job asks for it does not wait for ever. */
  private static final Duration JOIN_DEADLINE = Duration.ofHours(1);

  private RankMain() {}

  /** Connects with the agent, becomes the rank that it is told to become, and ends. */
  public static void main(String[] arguments) throws InterruptedException {
    EngineLoader engine = EngineLoader.start();
    int code = 0;
    try (AgentLink link = AgentLink.connect(arguments, System.in)) {
      Optional<Join> join = link.awaitJoin(JOIN_DEADLINE);
      if (join.isPresent()) {
        code =
            ServerRun.isServer(join.get())
                ? new ServerRun(join.get(), link).run()
                : new RankRun(join.get(), link, engine).run();
      }
    } catch (IllegalArgumentException e) {
      System.err.println("trireme rank: " + e.getMessage());
      code = ExitCode.BAD_BOOTSTRAP;
    }
    System.exit(code);
  }
}

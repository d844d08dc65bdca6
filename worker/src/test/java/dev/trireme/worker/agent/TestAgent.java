package dev.trireme.worker.agent;

import dev.trireme.protocol.RankReport;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;

/** An agent with two ranks in a process of its own, made to be killed. */
public final class TestAgent {
  private static final String PIDS = "pids:";

  private TestAgent() {}

  public static void main(String[] args) {
    try {
      run(args);
    } catch (Throwable e) {
      // The agent's threads would keep this process, and whoever reads from it, for ever.
      Runtime.getRuntime().halt(1);
    }
  }

  private static void run(String[] args) throws Exception {
    TestCoordinator coordinator = new TestCoordinator();
    AgentNode.start(AgentFixture.config(Path.of(args[0]), 2, 1, "work"), coordinator);
    coordinator.startRanks(Path.of(args[1]), 0, 1);
    long first = coordinator.awaitStarted(0).pid();
    long second = coordinator.awaitStarted(1).pid();
    coordinator.awaitReport(0, RankReport.Ready.class);
    coordinator.awaitReport(1, RankReport.Ready.class);
    System.out.println(PIDS + first + "," + second);
    new CountDownLatch(1).await();
  }

  static List<Long> readPids(InputStream output) throws IOException {
    BufferedReader reader =
        new BufferedReader(new InputStreamReader(output, StandardCharsets.UTF_8));
    for (String line = reader.readLine(); line != null; line = reader.readLine()) {
      if (line.startsWith(PIDS)) {
        return Arrays.stream(line.substring(PIDS.length()).split(",")).map(Long::valueOf).toList();
      }
    }
    throw new AssertionError("the agent ended before it had said its ranks' pids");
  }
}

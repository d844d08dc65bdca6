package dev.trireme.coordinator.akka;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.coordinator.CoordinatorConfig;
import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.CoordinatorNode;
import dev.trireme.coordinator.JobService;
import dev.trireme.coordinator.JobStatus;
import dev.trireme.coordinator.JobSubmission;
import dev.trireme.coordinator.Jobs;
import dev.trireme.protocol.JobState;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Three coordinators in one JVM, over TCP. */
class FailoverTest {
  private static final long DEADLINE_SECONDS = 90;

  @TempDir Path directory;

  private final List<CoordinatorNode> nodes = new ArrayList<>();

  @AfterEach
  void close() {
    nodes.forEach(CoordinatorNode::close);
  }

  @Test
  void shouldHandTheJobsToTheNextCoordinator() throws Exception {
    List<String> addresses = freeAddresses();
    for (int i = 0; i < 3; i++) {
      nodes.add(CoordinatorNode.start(config(i, addresses)));
    }
    CoordinatorNode first = awaitActive();
    assertThat(nodes.stream().filter(n -> n.active().isPresent())).hasSize(1);
    String id =
        first
            .jobs()
            .submit(new JobSubmission(Jobs.spec(2, 2), "name: small\n", directory.resolve("run")));
    long term = first.jobs().cluster().term();

    first.close();
    nodes.remove(first);
    CoordinatorNode second = awaitActive();
    JobService jobs = second.active().orElseThrow();
    assertThat(jobs.status(id)).map(JobStatus::state).contains(JobState.QUEUED);
    assertThat(jobs.cluster().term()).isGreaterThan(term);
    String[] hostAndPort = second.address().split(":");
    try (FakeAgent agent = new FakeAgent("a", 2, String.join(":", hostAndPort))) {
      agent.awaitAccepted();
      await("a running job", () -> jobs.status(id).orElseThrow().state() == JobState.RUNNING);
    }
  }

  private CoordinatorConfig config(int i, List<String> addresses) {
    String[] hostAndPort = addresses.get(i).split(":");
    return new CoordinatorConfig(
        "c" + i,
        hostAndPort[0],
        Integer.parseInt(hostAndPort[1]),
        directory.resolve("state-" + i),
        CoordinatorConfig.Timing.DEFAULT,
        Optional.empty(),
        addresses);
  }

  private static List<String> freeAddresses() throws Exception {
    List<ServerSocket> sockets = new ArrayList<>();
    List<String> addresses = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      ServerSocket socket = new ServerSocket(0);
      sockets.add(socket);
      addresses.add("127.0.0.1:" + socket.getLocalPort());
    }
    for (ServerSocket socket : sockets) {
      socket.close();
    }
    return addresses;
  }

  private CoordinatorNode awaitActive() throws Exception {
    await("an active coordinator", () -> nodes.stream().anyMatch(n -> n.active().isPresent()));
    return nodes.stream().filter(n -> n.active().isPresent()).findFirst().orElseThrow();
  }

  private static void await(String what, Condition condition) throws Exception {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(DEADLINE_SECONDS);
    while (!holds(condition)) {
      assertThat(System.nanoTime()).as("no " + what + " in time").isLessThan(deadline);
      LockSupport.parkNanos(50_000_000);
    }
  }

  private static boolean holds(Condition condition) throws Exception {
    try {
      return condition.holds();
    } catch (CoordinatorException e) {
      return false; // The one that was asked is about to hand over.
    }
  }

  private interface Condition {
    boolean holds() throws Exception;
  }
}

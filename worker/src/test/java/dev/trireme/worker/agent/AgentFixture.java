package dev.trireme.worker.agent;

import dev.trireme.worker.rank.TestRank;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** How tests start agents whose ranks are {@link TestRank}s. */
final class AgentFixture {
  private AgentFixture() {}

  static AgentConfig config(Path sharedMemory, int slots, int warm, String mode) {
    return new AgentConfig(
        "agent-a",
        "localhost",
        slots,
        2,
        Optional.of(sharedMemory),
        rankCommand(mode),
        warm,
        OptionalInt.empty());
  }

  static RankCommand rankCommand(String mode) {
    return new RankCommand(
        Path.of(System.getProperty("java.home"), "bin", "java"),
        List.of(
            "-XX:+IgnoreUnrecognizedVMOptions",
            "--sun-misc-unsafe-memory-access=allow",
            "--add-exports=java.base/jdk.internal.misc=ALL-UNNAMED",
            "-XX:TieredStopAtLevel=1",
            "-Xmx64m"),
        System.getProperty("java.class.path"),
        TestRank.class.getName(),
        Map.of("TEST_RANK", mode));
  }

  static void awaitGone(long pid) throws Exception {
    Optional<ProcessHandle> process = ProcessHandle.of(pid);
    if (process.isPresent()) {
      process.get().onExit().get(Duration.ofSeconds(10).toSeconds(), TimeUnit.SECONDS);
    }
  }

  static List<Path> list(Path directory) throws IOException {
    try (Stream<Path> found = Files.list(directory)) {
      return found.toList();
    }
  }
}

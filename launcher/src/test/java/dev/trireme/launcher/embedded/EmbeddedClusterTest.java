package dev.trireme.launcher.embedded;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.worker.agent.AgentConfig;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class EmbeddedClusterTest {
  @TempDir Path directory;

  /** Nobody else on this machine can speak to what commands the ranks. */
  @Test
  @EnabledOnOs(OS.LINUX)
  void shouldListenOnNoPort() throws Exception {
    List<String> before = listening();
    AgentConfig agent =
        new AgentConfig(
            "a",
            "localhost",
            1,
            1,
            Optional.of(directory),
            RankProcesses.command(
                System.getProperty("java.class.path"),
                ManagementFactory.getRuntimeMXBean().getInputArguments()),
            0,
            OptionalInt.empty());
    try (EmbeddedCluster cluster = EmbeddedCluster.start(agent, directory.resolve("state"))) {
      assertThat(cluster.jobs().list()).isEmpty();
      assertThat(listening()).isEqualTo(before);
    }
  }

  /** This process's sockets that listen, as lines of the kernel's tables. */
  private static List<String> listening() throws IOException {
    Set<String> own;
    try (Stream<Path> files = Files.list(Path.of("/proc/self/fd"))) {
      own =
          files
              .map(EmbeddedClusterTest::target)
              .filter(name -> name.startsWith("socket:["))
              .map(name -> name.substring(8, name.length() - 1))
              .collect(Collectors.toSet());
    }
    List<String> lines = new ArrayList<>();
    for (String table : List.of("tcp", "tcp6", "udp", "udp6")) {
      Path file = Path.of("/proc/self/net", table);
      for (String line : Files.exists(file) ? Files.readAllLines(file) : List.<String>of()) {
        String[] fields = line.trim().split("\\s+");
        boolean open = table.startsWith("udp") || fields[3].equals("0A");
        if (open && own.contains(fields[9])) {
          lines.add(table + " " + fields[1]);
        }
      }
    }
    return lines;
  }

  private static String target(Path file) {
    try {
      return Files.readSymbolicLink(file).toString();
    } catch (IOException e) {
      return ""; // closed meanwhile
    }
  }
}

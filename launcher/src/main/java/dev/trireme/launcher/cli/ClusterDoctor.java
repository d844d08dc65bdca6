package dev.trireme.launcher.cli;

import com.fasterxml.jackson.databind.JsonNode;
import dev.trireme.launcher.cli.cluster.Asking;
import dev.trireme.launcher.cli.cluster.ClusterOptions;
import dev.trireme.launcher.device.Doctor;
import java.time.Duration;
import java.util.Locale;

/**
 * {@code trireme doctor --cluster}: what the hosts of a cluster have, and the ways between them.
 */
final class ClusterDoctor {
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  private final Console console;
  private final boolean json;

  ClusterDoctor(Console console, boolean json) {
    this.console = console;
    this.json = json;
  }

  int run(ClusterOptions cluster) {
    return Asking.run(
        console,
        () -> {
          JsonNode probe = cluster.client(PATIENCE).probe();
          if (json) {
            console.out().println(probe.toPrettyString());
          } else {
            print(probe);
          }
          return probe.path("findings").isEmpty() ? ExitCode.DONE : ExitCode.FAILED;
        });
  }

  private void print(JsonNode probe) {
    Table hosts = new Table("lllrlr").row("AGENT", "HOST", "JAVA", "CORES", "AERON", "SHARED");
    Table ways =
        new Table("llrrrrr")
            .row("FROM", "TO", "ROUND TRIP us", "UDP MB/s", "LOST %", "TCP MB/s", "CLOCK ms");
    for (JsonNode host : probe.path("hosts")) {
      String agent = host.path("agent").asText();
      hosts.row(
          agent,
          host.path("host").asText(),
          host.path("java").asText("-"),
          host.path("cores").asText("-"),
          host.path("aeron").asText("-"),
          host.has("sharedMemoryBytes")
              ? Doctor.bytes(host.path("sharedMemoryBytes").asLong())
              : "-");
      for (JsonNode way : host.path("ways")) {
        boolean reached = way.path("reached").asBoolean();
        ways.row(
            agent,
            way.path("to").asText(),
            reached ? number("%.0f", way.path("roundTripMicros").asDouble()) : "-",
            reached ? number("%.0f", way.path("bytesPerSecond").asDouble() / 1e6) : "-",
            reached ? number("%.1f", 100 * way.path("lost").asDouble()) : "-",
            way.path("tcpReached").asBoolean()
                ? number("%.0f", way.path("tcpBytesPerSecond").asDouble() / 1e6)
                : "-",
            reached ? number("%+.1f", way.path("clockAheadMicros").asDouble() / 1e3) : "-");
      }
    }
    console.out().println(hosts);
    console.out().println();
    boolean alone = probe.path("hosts").size() == 1;
    console.out().println(alone ? "one host alone: there is no way to measure" : ways);
    for (JsonNode finding : probe.path("findings")) {
      console.out().println(finding.asText());
    }
  }

  private static String number(String format, double value) {
    return String.format(Locale.ROOT, format, value);
  }
}

package dev.trireme.coordinator;

import dev.trireme.protocol.Probe;
import dev.trireme.protocol.Probe.Way;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;

/**
 * What the hosts of a cluster have found out about themselves and the ways between them.
 *
 * @param hosts by their agents' names
 */
public record ClusterProbe(List<Host> hosts) {
  private static final long LEAST_SHARED = 256L << 20;
  private static final long MOST_SKEW_MICROS = 1_000_000;
  private static final double MOST_LOST = 0.2;

  public ClusterProbe {
    hosts = List.copyOf(hosts);
  }

  /**
   * One of them.
   *
   * @param name of the host
   * @param has what it has; empty when it has not answered
   * @param ways to each other host; empty when it has not told
   * @param failure why it could not take part; empty when it did
   */
  public record Host(
      String agentId, String name, Optional<Probe.Host> has, List<Way> ways, String failure) {
    public Host {
      ways = List.copyOf(ways);
    }
  }

  /** What has to be mended, a sentence each, with the hosts' names; empty when all is well. */
  public List<String> findings() {
    List<String> findings = new ArrayList<>();
    TreeSet<String> java = new TreeSet<>();
    TreeSet<String> aeron = new TreeSet<>();
    for (Host host : hosts) {
      if (!host.failure().isEmpty()) {
        findings.add(host.name() + ": " + host.failure());
      }
      host.has()
          .ifPresent(
              has -> {
                java.add(has.java());
                aeron.add(has.aeron());
                if (has.sharedMemory() >= 0 && has.sharedMemory() < LEAST_SHARED) {
                  findings.add(
                      host.name()
                          + ": "
                          + (has.sharedMemory() >> 20)
                          + " MiB free where ranks share memory, expected "
                          + (LEAST_SHARED >> 20)
                          + " or more: make /dev/shm larger");
                }
              });
      host.ways().forEach(way -> judge(host, way).ifPresent(findings::add));
    }
    differ("Java", java, findings);
    differ("Aeron", aeron, findings);
    return findings;
  }

  private Optional<String> judge(Host from, Way way) {
    String pair = from.name() + " to " + nameOf(way.to()) + ": ";
    if (!way.failure().isEmpty()) {
      return Optional.of(pair + way.failure());
    }
    if (!way.tcpFailure().isEmpty()) {
      return Optional.of(pair + way.tcpFailure());
    }
    // Told once a pair, by the one whose clock is behind.
    if (way.clockAheadMicros() > MOST_SKEW_MICROS) {
      return Optional.of(
          pair
              + "clocks differ by "
              + way.clockAheadMicros() / 1000
              + " ms: have a time service set them, or times in logs do not fit together");
    }
    if (way.lost() > MOST_LOST) {
      return Optional.of(
          pair
              + Math.round(100 * way.lost())
              + " % of the datagrams were lost: enlarge net.core.rmem_max, or look at the network");
    }
    return Optional.empty();
  }

  private String nameOf(String agentId) {
    return hosts.stream()
        .filter(h -> h.agentId().equals(agentId))
        .map(Host::name)
        .findFirst()
        .orElse(agentId);
  }

  private static void differ(String what, TreeSet<String> versions, List<String> findings) {
    if (versions.size() > 1) {
      findings.add("hosts run different versions of " + what + ": " + String.join(", ", versions));
    }
  }
}

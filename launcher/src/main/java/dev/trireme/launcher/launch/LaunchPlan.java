package dev.trireme.launcher.launch;

import java.time.Duration;
import java.util.List;

/**
 * How a cluster is launched.
 *
 * @param hosts at least one
 * @param client the ssh client and its options, as words
 * @param home where Trireme is on the hosts
 * @param bind this machine's address, by which the hosts reach the coordinator
 * @param port of the coordinator; 0 for any free one
 * @param patience how long to wait until all agents have joined
 */
record LaunchPlan(
    List<LaunchHost> hosts,
    List<String> client,
    String home,
    String bind,
    int port,
    Duration patience) {
  LaunchPlan {
    hosts = List.copyOf(hosts);
    client = List.copyOf(client);
  }
}

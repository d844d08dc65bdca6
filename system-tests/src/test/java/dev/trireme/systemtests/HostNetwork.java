package dev.trireme.systemtests;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;

/**
 * Hosts on one machine: a network namespace each, with one address and its own name, joined by veth
 * pairs to a bridge in a namespace of its own. They share files and memory, which is enough like a
 * rack with a shared file system, for agents share nothing through memory.
 */
final class HostNetwork implements AutoCloseable {
  private static final int COUNT = 3;
  private static final long COMMAND_SECONDS = 20;

  private final String prefix;
  private final List<String> made = new ArrayList<>();

  /** Makes {@value #COUNT} hosts, numbered from 1. */
  HostNetwork() throws Exception {
    prefix = "tr" + Integer.toHexString(ThreadLocalRandom.current().nextInt(0x1000, 0xffff)) + "-";
    try {
      String hub = namespace("hub");
      ip("-n", hub, "link", "add", "hub", "type", "bridge");
      ip("-n", hub, "link", "set", "hub", "up");
      for (int host = 1; host <= COUNT; host++) {
        String name = namespace(String.valueOf(host));
        String plug = "plug" + host;
        ip(
            "link", "add", "eth0", "netns", name, "type", "veth", "peer", "name", plug, "netns",
            hub);
        ip("-n", name, "link", "set", "lo", "up");
        ip("-n", name, "addr", "add", address(host) + "/24", "dev", "eth0");
        ip("-n", name, "link", "set", "eth0", "up");
        ip("-n", hub, "link", "set", plug, "master", "hub");
        ip("-n", hub, "link", "set", plug, "up");
      }
    } catch (Exception | Error e) {
      close();
      throw e;
    }
  }

  /** Why there can be none here; empty when there can. */
  static String whyNot() {
    try {
      String name = "tr-probe-" + ProcessHandle.current().pid();
      run(List.of("ip", "netns", "add", name));
      run(List.of("ip", "netns", "del", name));
      return "";
    } catch (IOException | InterruptedException | AssertionError e) {
      return "needs root and network namespaces ('ip netns'): " + e.getMessage();
    }
  }

  private String namespace(String name) throws Exception {
    ip("netns", "add", prefix + name);
    made.add(prefix + name);
    return prefix + name;
  }

  static String address(int host) {
    return "10.77.0." + host;
  }

  /**
   * What to put before a command so that it runs on a host.
   *
   * @param first shell commands to run before it there, whose mounts nobody else sees
   */
  List<String> on(int host, String first) {
    return List.of(
        "ip",
        "netns",
        "exec",
        prefix + host,
        "unshare",
        "--uts",
        "sh",
        "-c",
        "hostname host" + host + " && " + first + " exec \"$@\"",
        "sh");
  }

  /** Cuts a host off from the others, or joins it again. */
  void link(int host, boolean up) throws Exception {
    ip("-n", prefix + "hub", "link", "set", "plug" + host, up ? "up" : "down");
  }

  private static void ip(String... arguments) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of("ip"));
    command.addAll(List.of(arguments));
    run(command);
  }

  private static void run(List<String> command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (!process.waitFor(COMMAND_SECONDS, TimeUnit.SECONDS) || process.exitValue() != 0) {
      process.destroyForcibly();
      throw new AssertionError(String.join(" ", command) + ": " + said.strip());
    }
  }

  @Override
  public void close() {
    for (String name : made) {
      try {
        ip("netns", "del", name);
      } catch (IOException | AssertionError e) {
        System.err.println("left behind: " + name + ": " + e.getMessage());
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
    made.clear();
  }
}

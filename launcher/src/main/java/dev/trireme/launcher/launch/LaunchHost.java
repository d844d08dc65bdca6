package dev.trireme.launcher.launch;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;

/**
 * A host to start an agent on.
 *
 * @param destination as ssh takes it: a host, {@code user@host}, or a name from its configuration
 * @param slots ranks it may hold at once; as many as its cores when empty
 */
public record LaunchHost(String destination, OptionalInt slots) {
  private static final int MOST = 256;

  /**
   * Reads {@code a:4,user@b:2,c}.
   *
   * @throws IllegalArgumentException when it is no such list; the message says what is wrong
   */
  public static List<LaunchHost> parse(String text) {
    List<LaunchHost> hosts = new ArrayList<>();
    Set<String> names = new HashSet<>();
    for (String part : text.split(",", -1)) {
      LaunchHost host = one(part.strip());
      if (!names.add(host.destination)) {
        throw new IllegalArgumentException(
            "expected each host once, found '" + host.destination + "' again; add its slots up");
      }
      hosts.add(host);
    }
    if (hosts.size() > MOST) {
      throw new IllegalArgumentException(
          "expected at most " + MOST + " hosts, found " + hosts.size());
    }
    return List.copyOf(hosts);
  }

  private static LaunchHost one(String part) {
    int colon = part.lastIndexOf(':');
    String destination = colon < 0 ? part : part.substring(0, colon);
    String slots = colon < 0 ? "" : part.substring(colon + 1);
    // A leading dash would be an option of ssh's.
    if (!destination.matches("[A-Za-z0-9_][A-Za-z0-9@._-]*")) {
      throw new IllegalArgumentException(
          "expected a host as ssh takes it, found '" + destination + "'");
    }
    if (colon < 0) {
      return new LaunchHost(destination, OptionalInt.empty());
    }
    if (!slots.matches("[1-9][0-9]{0,3}")) {
      throw new IllegalArgumentException(
          "expected HOST:SLOTS with 1 to 9999 slots, found '" + part + "'");
    }
    return new LaunchHost(destination, OptionalInt.of(Integer.parseInt(slots)));
  }
}

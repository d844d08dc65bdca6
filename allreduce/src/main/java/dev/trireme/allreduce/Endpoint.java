package dev.trireme.allreduce;

import java.net.InetSocketAddress;
import java.util.Objects;

/**
 * Where a rank listens: what every rank of a formation must know of every other before they join.
 * {@link AeronProcessGroup#open} gives a rank its own; whoever forms the group carries it to the
 * others, as {@link #text}.
 *
 * @param host the token of its host
 * @param address and port, as {@code 10.0.0.7:41234}
 * @param mtu the largest datagram that its interface takes whole, in bytes
 * @param tcpPort where it takes bytes, at the same address; 0 if it takes them over UDP
 */
public record Endpoint(String host, String address, int mtu, int tcpPort) {
  /** Checks what others would trip over. */
  public Endpoint {
    Objects.requireNonNull(host, "host");
    Objects.requireNonNull(address, "address");
    if (host.contains("|")
        || !address.contains(":")
        || address.contains("|")
        || mtu < 256
        || tcpPort < 0
        || tcpPort > 65535) {
      throw new IllegalArgumentException(
          "expected host, address:port, an mtu of 256 or more and a TCP port or 0, found '"
              + host
              + "', '"
              + address
              + "', "
              + mtu
              + " and "
              + tcpPort);
    }
  }

  /** One line of text that {@link #parse} understands. */
  public String text() {
    return host + "|" + address + "|" + mtu + "|" + tcpPort;
  }

  /** Where it takes bytes over TCP. */
  public InetSocketAddress tcpAddress() {
    String name = address.substring(0, address.lastIndexOf(':')).replaceAll("[\\[\\]]", "");
    return new InetSocketAddress(name, tcpPort);
  }

  /**
   * The endpoint in {@link #text}'s form.
   *
   * @throws IllegalArgumentException when it is none
   */
  public static Endpoint parse(String text) {
    String[] parts = text.split("\\|", -1);
    try {
      if (parts.length == 4) {
        return new Endpoint(
            parts[0], parts[1], Integer.parseInt(parts[2]), Integer.parseInt(parts[3]));
      }
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(notOne(text), e);
    }
    throw new IllegalArgumentException(notOne(text));
  }

  private static String notOne(String text) {
    return "expected an endpoint as host|address:port|mtu|tcpPort, found '" + text + "'";
  }
}

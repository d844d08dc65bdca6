package dev.trireme.allreduce;

import java.util.Objects;

/**
 * Where a rank listens: what every rank of a formation must know of every other before they join.
 * {@link AeronProcessGroup#open} gives a rank its own; whoever forms the group carries it to the
 * others, as {@link #text}.
 *
 * @param host the token of its host
 * @param address and port, as {@code 10.0.0.7:41234}
 * @param mtu the largest datagram that its interface takes whole, in bytes
 */
public record Endpoint(String host, String address, int mtu) {
  /** Checks what others would trip over. */
  public Endpoint {
    Objects.requireNonNull(host, "host");
    Objects.requireNonNull(address, "address");
    if (host.contains("|") || !address.contains(":") || address.contains("|") || mtu < 256) {
      throw new IllegalArgumentException(
          "expected host, address:port and an mtu of 256 or more, found '"
              + host
              + "', '"
              + address
              + "' and "
              + mtu);
    }
  }

  /** One line of text that {@link #parse} understands. */
  public String text() {
    return host + "|" + address + "|" + mtu;
  }

  /**
   * The endpoint in {@link #text}'s form.
   *
   * @throws IllegalArgumentException when it is none
   */
  public static Endpoint parse(String text) {
    String[] parts = text.split("\\|", -1);
    try {
      if (parts.length == 3) {
        return new Endpoint(parts[0], parts[1], Integer.parseInt(parts[2]));
      }
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(notOne(text), e);
    }
    throw new IllegalArgumentException(notOne(text));
  }

  private static String notOne(String text) {
    return "expected an endpoint as host|address:port|mtu, found '" + text + "'";
  }
}

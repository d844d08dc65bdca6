package dev.trireme.allreduce;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Objects;

/**
 * How a rank is found by ranks of other hosts.
 *
 * @param host a token of the host: ranks with equal tokens share memory and a media driver, all
 *     others speak over the network. Whoever forms the group decides; the address says nothing,
 *     since one machine may hold several hosts
 * @param address of this host's network interface, as others reach it: a name or a literal. The
 *     port is chosen by the system
 * @param carrier of bytes between hosts, the same for all ranks
 */
public record NetworkConfig(String host, String address, Carrier carrier) {
  /** Checks that there is something in both. */
  public NetworkConfig {
    Objects.requireNonNull(carrier, "carrier");
    Objects.requireNonNull(host, "host");
    Objects.requireNonNull(address, "address");
    if (host.isBlank() || host.contains("|") || address.isBlank()) {
      throw new IllegalArgumentException(
          "expected a host token without '|' and an address, found '"
              + host
              + "' and '"
              + address
              + "'");
    }
  }

  /** With bytes over TCP. */
  public NetworkConfig(String host, String address) {
    this(host, address, Carrier.TCP);
  }

  /**
   * The address, resolved.
   *
   * @throws IllegalStateException when no such host is known
   */
  public InetAddress resolved() {
    try {
      return InetAddress.getByName(address);
    } catch (UnknownHostException e) {
      throw new IllegalStateException(
          "the address '" + address + "' of host " + host + " cannot be resolved: " + e, e);
    }
  }
}

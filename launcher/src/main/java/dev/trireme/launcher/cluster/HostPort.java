package dev.trireme.launcher.cluster;

import java.io.IOException;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;

/**
 * An address as {@code host:port}.
 *
 * @param host a name or an address; of IPv6 without its brackets
 * @param port 0 to 65535
 */
public record HostPort(String host, int port) {
  /**
   * Reads one.
   *
   * @throws IllegalArgumentException when it is none
   */
  public static HostPort of(String text) {
    int colon = text.lastIndexOf(':');
    String port = text.substring(colon + 1);
    if (colon < 1 || !port.matches("[0-9]{1,5}") || Integer.parseInt(port) > 0xffff) {
      throw new IllegalArgumentException("expected HOST:PORT, found '" + text + "'");
    }
    String host = text.substring(0, colon);
    boolean brackets = host.startsWith("[") && host.endsWith("]");
    return new HostPort(
        brackets ? host.substring(1, host.length() - 1) : host, Integer.parseInt(port));
  }

  static HostPort of(InetSocketAddress address) {
    return new HostPort(address.getAddress().getHostAddress(), address.getPort());
  }

  /** For a server to listen on. */
  InetSocketAddress toSocket() {
    return new InetSocketAddress(host, port);
  }

  /**
   * The address of this machine from which it is reached, as the routing table has it; nothing is
   * sent.
   *
   * @throws IOException when there is no route or no such host
   */
  public String routeFromHere() throws IOException {
    InetAddress target = InetAddress.getByName(host);
    try (DatagramSocket socket = new DatagramSocket()) {
      socket.connect(target, port == 0 ? 1 : port);
      InetAddress local = socket.getLocalAddress();
      if (local.isAnyLocalAddress()) {
        throw new IOException("no route to " + host);
      }
      return local.getHostAddress();
    }
  }

  @Override
  public String toString() {
    return (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + port;
  }
}

package dev.trireme.launcher.cluster;

import java.io.IOException;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URISyntaxException;

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
    if (host.chars().anyMatch(Character::isWhitespace)) {
      throw new IllegalArgumentException("expected HOST:PORT without blanks, found '" + text + "'");
    }
    boolean brackets = host.startsWith("[") && host.endsWith("]");
    return new HostPort(
        brackets ? host.substring(1, host.length() - 1) : host, Integer.parseInt(port));
  }

  /**
   * Reads one that is to be asked over HTTP: its host must be one that a URL can name, which not
   * every name is that a resolver takes.
   *
   * @throws IllegalArgumentException when it is none
   */
  public static HostPort ofUrl(String text) {
    HostPort address = of(text);
    if (!isUrls(address)) {
      throw new IllegalArgumentException(
          "expected HOST:PORT with a host of letters, digits, '.' and '-', found '"
              + text
              + "'; its address does as well");
    }
    return address;
  }

  private static boolean isUrls(HostPort address) {
    try {
      URI url = new URI("http://" + address);
      return address.toString().equals(url.getHost() + ":" + url.getPort());
    } catch (URISyntaxException e) {
      return false;
    }
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

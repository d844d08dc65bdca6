package dev.trireme.protocol;

/** What hosts find out about themselves and the ways between them, on the coordinator's request. */
public final class Probe {
  /** Hosts that are probed at once. */
  public static final int MAX_HOSTS = 32;

  /** How long the coordinator waits for hosts to open their ports. */
  public static final int OPENING_SECONDS = 5;

  /** How long it waits then for what they measure. */
  public static final int RUNNING_SECONDS = 5;

  /** More of that for each host. */
  public static final int EACH_SECONDS = 2;

  /** Most seconds that a probe takes; its ports are open for so long, and who asks waits longer. */
  public static final int LONGEST_SECONDS =
      OPENING_SECONDS + RUNNING_SECONDS + EACH_SECONDS * MAX_HOSTS;

  private Probe() {}

  /**
   * A host that listens for probes.
   *
   * @param address and port, of UDP and of TCP, as {@code 10.0.0.7:41234}
   */
  public record Target(String agentId, String address) {}

  /**
   * What a host has.
   *
   * @param java its version
   * @param aeron its version
   * @param sharedMemory bytes free where ranks share memory; -1 when unknown
   * @param cores of the host
   */
  public record Host(String java, String aeron, long sharedMemory, int cores) {}

  /**
   * The way from one host to another.
   *
   * @param to the agent there
   * @param roundTripMicros of a small datagram, the median; NaN when none came back
   * @param bytesPerSecond that arrived there of datagrams as ranks send them; NaN when unknown
   * @param clockAheadMicros of the other host's clock, half a round trip more or less
   * @param lost share of the datagrams that did not arrive, 0 to 1
   * @param failure for people; empty when it answered
   * @param tcpBytesPerSecond that arrived there over a TCP connection; NaN when unknown
   * @param tcpFailure why there was no such connection, for people; empty when there was one
   */
  public record Way(
      String to,
      double roundTripMicros,
      double bytesPerSecond,
      long clockAheadMicros,
      double lost,
      String failure,
      double tcpBytesPerSecond,
      String tcpFailure) {
    /** One on which no datagram came back; of TCP nothing is known. */
    public static Way failed(String to, String failure) {
      return new Way(to, Double.NaN, Double.NaN, 0, 1, failure, Double.NaN, "");
    }

    /** The same, with what a connection came to. */
    public Way withTcp(double bytesPerSecond, String why) {
      return new Way(
          to,
          roundTripMicros,
          this.bytesPerSecond,
          clockAheadMicros,
          lost,
          failure,
          bytesPerSecond,
          why);
    }
  }
}

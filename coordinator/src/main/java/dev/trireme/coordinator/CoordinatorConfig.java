package dev.trireme.coordinator;

import dev.trireme.protocol.TlsFiles;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * What a coordinator must know to run.
 *
 * @param name of this coordinator, for people: letters, digits, '.', '_' and '-', at most 64
 * @param host to listen on and to be reached at; loopback unless there is {@code tls}
 * @param port to listen on; 0 takes any free one
 * @param stateDirectory where jobs are kept across restarts, this coordinator's alone; made if
 *     absent
 * @param timing how long it waits for what
 * @param tls what the members of the cluster prove themselves with
 * @param coordinators where all coordinators of the cluster listen, this one among them, as {@code
 *     host:port}, in the same order with each; one, three or five, or none where this is the only
 *     one
 */
public record CoordinatorConfig(
    String name,
    String host,
    int port,
    Path stateDirectory,
    Timing timing,
    Optional<TlsFiles> tls,
    List<String> coordinators) {
  public CoordinatorConfig {
    coordinators = List.copyOf(coordinators);
    if (!coordinators.isEmpty() && !coordinators.contains(host + ":" + port)) {
      throw new IllegalArgumentException(
          "expected this coordinator, %s:%d, among all coordinators, found %s"
              .formatted(host, port, coordinators));
    }
    if (coordinators.size() > 5 || coordinators.size() % 2 == 0 && !coordinators.isEmpty()) {
      throw new IllegalArgumentException(
          "expected one, three or five coordinators, found " + coordinators.size());
    }
    Objects.requireNonNull(tls, "tls");
    Objects.requireNonNull(stateDirectory, "stateDirectory");
    Objects.requireNonNull(timing, "timing");
    Objects.requireNonNull(host, "host");
    if (!name.matches("[A-Za-z0-9._-]{1,64}")) {
      throw new IllegalArgumentException(
          "a coordinator's name is 1 to 64 letters, digits, '.', '_' or '-', found '" + name + "'");
    }
    if (port < 0 || port > 0xffff) {
      throw new IllegalArgumentException("expected a port from 0 to 65535, found " + port);
    }
  }

  /** On loopback, without credentials. */
  public CoordinatorConfig(String name, String host, int port, Path stateDirectory, Timing timing) {
    this(name, host, port, stateDirectory, timing, Optional.empty(), List.of());
  }

  /** A coordinator on any free port of the loopback interface, with the usual timing. */
  public static CoordinatorConfig loopback(String name, Path stateDirectory) {
    return new CoordinatorConfig(name, "127.0.0.1", 0, stateDirectory, Timing.DEFAULT);
  }

  /**
   * How long a coordinator waits for what.
   *
   * @param start from ordering a formation until all its ranks are ready, else the job fails
   * @param evidence from a rank's complaint about another until the accused's own end must have
   *     been seen, so that the first who complains is not taken for the culprit
   * @param finish from the first rank that has finished until the last, else the job fails; while a
   *     checkpoint is known to be written, longer by what that may take, and anew once it is there
   * @param cancelGrace from asking a cancelled job's ranks to stop until they are ended
   * @param exit from letting finished ranks go until they are killed
   * @param endGrace from ending the ranks of a failed job until they are killed
   * @param kill from a kill until the processes must be gone, else the job ends without them
   * @param lease how long ranks go on without word of a coordinator, longer than the longest
   *     failover; zero for as long as they want
   * @param margin after a lease until the ranks of a host out of reach may be replaced
   */
  public record Timing(
      Duration start,
      Duration evidence,
      Duration finish,
      Duration cancelGrace,
      Duration exit,
      Duration endGrace,
      Duration kill,
      Duration lease,
      Duration margin) {
    private static final Duration FINISH = Duration.ofMinutes(6);

    /** The usual ones. */
    public static final Timing DEFAULT =
        new Timing(
            Duration.ofMinutes(10),
            Duration.ofSeconds(2),
            FINISH,
            Duration.ofSeconds(10),
            Duration.ofSeconds(10),
            Duration.ofSeconds(1),
            Duration.ofSeconds(4),
            Duration.ofSeconds(60),
            Duration.ofSeconds(20));

    /** With other leases. */
    public Timing withLease(Duration lease, Duration margin) {
      return new Timing(start, evidence, finish, cancelGrace, exit, endGrace, kill, lease, margin);
    }

    /** After which nothing of a host out of reach goes on. */
    public Duration leaseAndMargin() {
      return lease.plus(margin);
    }
  }
}

package dev.trireme.allreduce.transport;

import dev.trireme.allreduce.AbortSwitch;
import dev.trireme.allreduce.GroupConfig;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.CollectiveException.Cause;
import io.aeron.CommonContext;
import io.aeron.exceptions.AeronException;
import io.aeron.exceptions.DriverTimeoutException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;

/**
 * How the ranks of a formation find each other. Each says HELLO to every peer again and again, and
 * says in it whether it has heard that peer. A rank is done with a peer that has said that it heard
 * this rank: the peer's subscription is then known to receive, and whatever is sent from then on
 * arrives. (Being "connected" is not enough for Aeron: a subscriber of an earlier formation on the
 * same stream also makes a publication connected.)
 */
final class Meeting {
  private static final long REPEAT_NANOS = TimeUnit.MILLISECONDS.toNanos(20);
  private static final long LIFE_CHECK_NANOS = TimeUnit.MILLISECONDS.toNanos(50);
  private static final long DRIVER_NAP_NANOS = TimeUnit.MILLISECONDS.toNanos(10);
  private static final long NAP_NANOS = TimeUnit.MICROSECONDS.toNanos(200);

  private final GroupConfig config;
  private final AeronTransport transport;
  private final AbortSwitch abort;
  private final PeerProcess[] processes;
  private final long[] pid;
  private final boolean[] heard;
  private final boolean[] heardMe;
  private final boolean[] greeted;
  private Optional<CollectiveException> heardFailure = Optional.empty();
  private long lifeCheckNanos = System.nanoTime();

  Meeting(GroupConfig config, AeronTransport transport, AbortSwitch abort) {
    this.config = config;
    this.transport = transport;
    this.abort = abort;
    this.processes = new PeerProcess[config.worldSize()];
    this.pid = new long[config.worldSize()];
    this.heard = new boolean[config.worldSize()];
    this.heardMe = new boolean[config.worldSize()];
    this.greeted = new boolean[config.worldSize()];
  }

  /** Blocks until every peer is there; fills in their processes. */
  void hold(PeerProcess[] found) {
    long start = System.nanoTime();
    long said = start - REPEAT_NANOS;
    while (!complete()) {
      long now = System.nanoTime();
      if (now - said >= REPEAT_NANOS) {
        greet();
        said = now;
      }
      if (poll()) {
        greet();
      } else {
        LockSupport.parkNanos(NAP_NANOS);
      }
      giveUpIfDue(now - start);
    }
    for (int peer = 0; peer < pid.length; peer++) {
      found[peer] = processes[peer];
    }
  }

  /**
   * Listens to those it is not done with, one signal at a time: what a peer says after its last
   * HELLO is meant for the process group and must stay in the log until the group listens. Of the
   * others it takes only that they give up.
   */
  private boolean poll() {
    transport.tend();
    int signals = 0;
    for (int peer = 0; peer < pid.length; peer++) {
      if (peer != config.rank() && done(peer)) {
        transport.peekOne(peer, this::onSignal);
      } else if (peer != config.rank()) {
        signals += transport.pollOne(peer, this::onSignal);
      }
    }
    return signals > 0;
  }

  private boolean done(int peer) {
    return heardMe[peer] && greeted[peer];
  }

  private boolean complete(int peer) {
    return done(peer) && transport.missing(peer).isEmpty();
  }

  private void onSignal(
      int from, SignalKind kind, long operation, long first, long second, String text) {
    if (kind == SignalKind.HELLO) {
      if (pid[from] != first && transport.hosts().together(from, config.rank())) {
        // A number of another host says nothing here.
        processes[from] = new PeerProcess(first);
      }
      pid[from] = first;
      heard[from] = true;
      heardMe[from] |= second == 1;
    } else if (kind == SignalKind.FAILED && heardFailure.isEmpty()) {
      heardFailure =
          Optional.of(
              new CollectiveException(
                  Cause.values()[Math.floorMod(first, Cause.values().length)],
                  (int) second,
                  "rank " + from + " gave the group up: " + text));
    }
  }

  /** Tells the peers, so that they need not wait for their deadline. */
  void sayFailed(CollectiveException why) {
    for (int peer = 0; peer < pid.length; peer++) {
      if (peer != config.rank()) {
        transport.send(
            peer,
            SignalKind.FAILED,
            0,
            why.reason().ordinal(),
            why.suspectRank(),
            why.getMessage());
      }
    }
  }

  /** A peer that has not been told yet that it was heard would wait for ever. */
  private void greet() {
    for (int peer = 0; peer < pid.length; peer++) {
      if (peer != config.rank()) {
        boolean sent =
            transport.send(
                peer, SignalKind.HELLO, 0, ProcessHandle.current().pid(), heard[peer] ? 1 : 0, "");
        greeted[peer] |= sent && heard[peer];
      }
    }
  }

  private boolean complete() {
    for (int peer = 0; peer < pid.length; peer++) {
      if (peer != config.rank() && !complete(peer)) {
        return false;
      }
    }
    return true;
  }

  private void giveUpIfDue(long waitedNanos) {
    if (transport.broken().isPresent()) {
      throw new CollectiveException(
          Cause.PEER_LOST, -1, prefix() + "gave up: " + transport.broken().get());
    }
    if (abort.reason().isPresent()) {
      throw aborted(config, abort);
    }
    if (heardFailure.isPresent()) {
      throw heardFailure.get();
    }
    requireAlive();
    if (Thread.interrupted()) {
      throw new CollectiveException(Cause.ABORTED, -1, prefix() + "was interrupted");
    }
    if (waitedNanos < config.timeout().toNanos()) {
      return;
    }
    List<Integer> missing = new ArrayList<>();
    for (int peer = 0; peer < pid.length; peer++) {
      if (peer != config.rank() && !complete(peer)) {
        missing.add(peer);
      }
    }
    throw new CollectiveException(
        Cause.DEADLINE,
        missing.get(0),
        prefix()
            + "waited "
            + config.timeout().toMillis()
            + " ms; not there: "
            + missing.stream().map(this::absent).collect(Collectors.joining(", ")));
  }

  /** Looks after all that were heard, also those it is done with: they are needed yet. */
  private void requireAlive() {
    long now = System.nanoTime();
    if (now - lifeCheckNanos < LIFE_CHECK_NANOS) {
      return;
    }
    lifeCheckNanos = now;
    for (int peer = 0; peer < pid.length; peer++) {
      Optional<String> lost = processes[peer] == null ? Optional.empty() : processes[peer].lost();
      if (lost.isPresent()) {
        throw new CollectiveException(
            Cause.PEER_LOST, peer, prefix() + "lost rank " + peer + ": " + lost.get());
      }
    }
  }

  private String absent(int peer) {
    return "rank "
        + peer
        + (heard[peer]
            ? " (it was heard, but "
                + (done(peer) ? transport.missing(peer).orElse("") : "did not answer")
                + Optional.ofNullable(processes[peer])
                    .flatMap(PeerProcess::condition)
                    .map(c -> "; " + c)
                    .orElse("")
                + ")"
            : " (never heard of)");
  }

  private String prefix() {
    return prefix(config);
  }

  private static String prefix(GroupConfig config) {
    return "generation "
        + config.generation()
        + ": rank "
        + config.rank()
        + ", joining "
        + (config.worldSize() - 1)
        + " peers, ";
  }

  /**
   * Blocks until the media driver gives signs of life. Aeron would do so itself, but heeds no
   * interrupt meanwhile.
   */
  static void awaitDriver(GroupConfig config, AbortSwitch abort, long millis) {
    long start = System.nanoTime();
    while (!isDriverActive(config, millis)) {
      if (abort.reason().isPresent()) {
        throw aborted(config, abort);
      }
      if (Thread.interrupted()) {
        throw interrupted(config);
      }
      if (System.nanoTime() - start > TimeUnit.MILLISECONDS.toNanos(millis)) {
        throw noDriver(
            config, new DriverTimeoutException("no sign of life within " + millis + " ms"));
      }
      LockSupport.parkNanos(DRIVER_NAP_NANOS);
    }
  }

  private static boolean isDriverActive(GroupConfig config, long millis) {
    try {
      return CommonContext.isDriverActive(config.aeronDirectory().toFile(), millis, text -> {});
    } catch (AeronException | IllegalStateException e) {
      // Its file is there and not complete, or has just been deleted.
      return false;
    }
  }

  static CollectiveException aborted(GroupConfig config, AbortSwitch abort) {
    return new CollectiveException(
        Cause.ABORTED,
        -1,
        prefix(config) + "was aborted: " + abort.reason().orElse("for no reason given"));
  }

  static CollectiveException interrupted(GroupConfig config) {
    return new CollectiveException(Cause.ABORTED, -1, prefix(config) + "was interrupted");
  }

  static CollectiveException noDriver(GroupConfig config, AeronException cause) {
    CollectiveException e =
        new CollectiveException(
            Cause.PEER_LOST,
            -1,
            "generation "
                + config.generation()
                + ": rank "
                + config.rank()
                + " cannot reach the media driver at "
                + config.aeronDirectory()
                + ": "
                + cause.getMessage());
    e.initCause(cause);
    return e;
  }
}

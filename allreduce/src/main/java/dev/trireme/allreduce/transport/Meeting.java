package dev.trireme.allreduce.transport;

import dev.trireme.allreduce.GroupConfig;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.CollectiveException.Cause;
import io.aeron.exceptions.AeronException;
import java.util.ArrayList;
import java.util.List;
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
  private static final long NAP_NANOS = TimeUnit.MICROSECONDS.toNanos(200);

  private final GroupConfig config;
  private final AeronTransport transport;
  private final long[] pid;
  private final boolean[] heard;
  private final boolean[] heardMe;
  private final boolean[] greeted;

  Meeting(GroupConfig config, AeronTransport transport) {
    this.config = config;
    this.transport = transport;
    this.pid = new long[config.worldSize()];
    this.heard = new boolean[config.worldSize()];
    this.heardMe = new boolean[config.worldSize()];
    this.greeted = new boolean[config.worldSize()];
  }

  /** Blocks until every peer is there; fills in their processes. */
  void hold(PeerProcess[] processes) {
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
      processes[peer] = peer == config.rank() ? null : new PeerProcess(pid[peer]);
    }
  }

  /**
   * Listens to those it is not done with, one signal at a time: what a peer says after its last
   * HELLO is meant for the process group and must stay in the log until the group listens.
   */
  private boolean poll() {
    int signals = 0;
    for (int peer = 0; peer < pid.length; peer++) {
      if (peer != config.rank() && !done(peer)) {
        signals += transport.pollOne(peer, this::onSignal);
      }
    }
    return signals > 0;
  }

  private boolean done(int peer) {
    return heardMe[peer] && greeted[peer];
  }

  private void onSignal(
      int from, SignalKind kind, long operation, long first, long second, String text) {
    if (kind == SignalKind.HELLO) {
      pid[from] = first;
      heard[from] = true;
      heardMe[from] |= second == 1;
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
      if (peer != config.rank() && !done(peer)) {
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
    if (Thread.interrupted()) {
      throw new CollectiveException(Cause.ABORTED, -1, prefix() + "was interrupted");
    }
    if (waitedNanos < config.timeout().toNanos()) {
      return;
    }
    List<Integer> missing = new ArrayList<>();
    for (int peer = 0; peer < pid.length; peer++) {
      if (peer != config.rank() && !done(peer)) {
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

  private String absent(int peer) {
    return "rank "
        + peer
        + (heard[peer] ? " (it was heard, but did not answer)" : " (never heard of)");
  }

  private String prefix() {
    return "generation "
        + config.generation()
        + ": rank "
        + config.rank()
        + ", joining "
        + (config.worldSize() - 1)
        + " peers, ";
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

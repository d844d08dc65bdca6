package dev.trireme.allreduce.group;

import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.CollectiveException.Cause;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/**
 * What a person is told when a collective cannot complete. Pure functions of what this rank knows.
 */
final class Verdict {
  /** A peer that lives and is not stopped is heard of several times in this time. */
  private static final long SILENT_NANOS = TimeUnit.SECONDS.toNanos(1);

  private Verdict() {}

  /**
   * The peers that {@code operation} waits for. While one has not started it, nobody has begun it,
   * and those who have done nothing in it yet are not to blame for that.
   */
  static List<Peer> awaited(Operation operation, Peers peers) {
    boolean begun = peers.haveStarted(operation.number());
    List<Peer> awaited = new ArrayList<>();
    for (Peer peer : peers.others()) {
      boolean starting = !peer.hasStarted(operation.number());
      if (starting || begun && peer.rank() == operation.awaited()) {
        awaited.add(peer);
      }
    }
    return awaited;
  }

  /**
   * The rank under suspicion: nobody when all are held up alike; else one that the host has
   * stopped; else the one that has been silent for longest if that is longer than a living rank
   * ever is, for then those awaited may themselves be waiting for it; else the first of those
   * awaited; -1 when there is none.
   */
  static int suspect(Operation operation, Peers peers, long now) {
    if (peers.ailment().isPresent()) {
      return -1;
    }
    for (Peer peer : peers.others()) {
      if (!peer.left() && peers.condition(peer.rank()).isPresent()) {
        return peer.rank();
      }
    }
    Peer silent = null;
    for (Peer peer : peers.others()) {
      if (silent == null || peer.silentNanos(now) > silent.silentNanos(now)) {
        silent = peer;
      }
    }
    if (silent != null && silent.silentNanos(now) > SILENT_NANOS) {
      return silent.rank();
    }
    List<Peer> awaited = awaited(operation, peers);
    return awaited.isEmpty() ? -1 : awaited.get(0).rank();
  }

  /**
   * An operation that cannot complete.
   *
   * @param why in words, as {@code its deadline of 60000 ms has passed}
   */
  static CollectiveException of(
      Cause cause,
      int suspect,
      String why,
      Operation operation,
      long generation,
      Peers peers,
      long now) {
    String waited =
        awaited(operation, peers).stream()
            .map(p -> seen(p, peers, now))
            .collect(Collectors.joining("; "));
    String blamed =
        suspect >= 0 && awaited(operation, peers).stream().noneMatch(p -> p.rank() == suspect)
            ? "; " + seen(peers.get(suspect), peers, now)
            : "";
    return new CollectiveException(
        cause,
        suspect,
        "generation "
            + generation
            + ": rank "
            + peers.rank()
            + " gave up "
            + operation
            + ", "
            + operation.done()
            + ": "
            + why
            + (waited.isEmpty() ? "" : "; waited for: " + waited)
            + blamed
            + peers.ailment().map(ailment -> "; " + ailment).orElse(""));
  }

  private static String seen(Peer peer, Peers peers, long now) {
    return peer.lastSeen(now)
        + peers.condition(peer.rank()).map(condition -> "; " + condition).orElse("");
  }
}

package dev.trireme.allreduce.group;

import dev.trireme.allreduce.transport.SignalKind;
import dev.trireme.allreduce.transport.Transport;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.CollectiveException.Cause;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * What there is to do while nothing arrives: tells the peers that this rank lives, and decides
 * whether the oldest operation can still complete.
 *
 * <p>Threading: whoever holds the sequencer.
 */
final class Watch {
  private static final long HEARTBEAT_NANOS = TimeUnit.MILLISECONDS.toNanos(200);
  private static final long LIFE_CHECK_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

  /**
   * Living ranks beat five times a second from a thread of their own. One that has not for so long
   * is frozen: stopped, or its machine is.
   */
  private static final long SILENCE_NANOS = TimeUnit.SECONDS.toNanos(8);

  /** Who has not looked for so long may have been frozen itself and knows nothing of the others. */
  private static final long BLINK_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final Transport transport;
  private final Peers peers;
  private final long generation;
  private final long timeoutNanos;
  private long heartbeatNanos;
  private long lifeCheckNanos;
  private long lookedNanos;
  private long watchingSinceNanos;

  Watch(Transport transport, Peers peers, long generation, Duration timeout) {
    this.transport = transport;
    this.peers = peers;
    this.generation = generation;
    this.timeoutNanos = timeout.toNanos();
  }

  /**
   * Sends a heartbeat when one is due.
   *
   * @param completed operations of this rank
   * @param inFlight operations that it has started besides
   */
  void beat(long completed, long inFlight, long now) {
    if (now - lookedNanos > BLINK_NANOS) {
      watchingSinceNanos = now;
    }
    lookedNanos = now;
    if (now - heartbeatNanos >= HEARTBEAT_NANOS) {
      heartbeatNanos = now;
      for (Peer peer : peers.others()) {
        transport.send(peer.rank(), SignalKind.HEARTBEAT, completed, inFlight, 0, "");
      }
    }
  }

  /** Why {@code head} cannot complete; empty while it may. */
  Optional<CollectiveException> check(Operation head, long now) {
    Optional<String> broken = transport.broken();
    if (broken.isPresent()) {
      return Optional.of(verdict(Cause.PEER_LOST, -1, broken.get(), head, now));
    }
    if (now - head.dueSinceNanos() > timeoutNanos) {
      return Optional.of(
          verdict(
              Cause.DEADLINE,
              Verdict.suspect(head, peers, now),
              "its deadline of " + timeoutNanos / 1_000_000 + " ms has passed",
              head,
              now));
    }
    if (now - lifeCheckNanos < LIFE_CHECK_NANOS) {
      return Optional.empty();
    }
    lifeCheckNanos = now;
    return lost(head, now);
  }

  /** A peer that left after it had done its part is not missed; one that died always is. */
  private Optional<CollectiveException> lost(Operation head, long now) {
    for (Peer peer : peers.others()) {
      boolean awaited = Verdict.awaited(head, peers).contains(peer);
      Optional<String> why =
          peer.left()
              ? Optional.of("it has left the group").filter(text -> awaited)
              : transport.lost(peer.rank()).or(() -> frozen(peer, head, now));
      if (why.isPresent()) {
        return Optional.of(
            verdict(
                Cause.PEER_LOST,
                peer.rank(),
                "rank " + peer.rank() + " is lost: " + why.get(),
                head,
                now));
      }
    }
    return Optional.empty();
  }

  /** To make and clear shared memory may take long, and nothing is said meanwhile. */
  private Optional<String> frozen(Peer peer, Operation head, long now) {
    long silent = Math.min(peer.silentNanos(now), now - watchingSinceNanos);
    return silent > SILENCE_NANOS && head.signature().kind() != Signature.Kind.ALLOCATE
        ? Optional.of("it has given no sign of life for " + silent / 1_000_000 + " ms")
        : Optional.empty();
  }

  CollectiveException verdict(Cause cause, int suspect, String why, Operation head, long now) {
    return Verdict.of(cause, suspect, why, head, generation, peers, now);
  }
}

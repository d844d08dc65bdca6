package dev.trireme.allreduce.group;

import dev.trireme.allreduce.transport.SignalKind;
import dev.trireme.allreduce.transport.Transport;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.CollectiveException.Cause;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * What there is to do while nothing arrives: tells the peers that this rank lives, and decides
 * whether what is in flight can still complete.
 *
 * <p>Threading: whoever holds the sequencer.
 */
final class Watch {
  private static final long HEARTBEAT_NANOS = TimeUnit.MILLISECONDS.toNanos(200);

  /** A rank that has not looked for so long was itself stopped, or its host was. */
  private static final long ABSENT_NANOS = TimeUnit.SECONDS.toNanos(1);

  /** What it then leaves its peers to be heard of, before it blames one. */
  private static final long GRACE_NANOS = TimeUnit.MILLISECONDS.toNanos(600);

  private static final long LIFE_CHECK_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

  /**
   * Living ranks beat five times a second from a thread of their own. One that has not for so long
   * is frozen: stopped, or its machine is.
   */
  private static final long SILENCE_NANOS = TimeUnit.SECONDS.toNanos(8);

  private final Transport transport;
  private final Peers peers;
  private final Parcels parcels;
  private final long generation;
  private final long timeoutNanos;
  private volatile long patienceNanos;
  private long heartbeatNanos;
  private long lifeCheckNanos;
  private long lookedNanos = System.nanoTime();
  private long absentNanos;
  private long graceUntilNanos = lookedNanos;

  Watch(Transport transport, Peers peers, Parcels parcels, long generation, Duration timeout) {
    this.transport = transport;
    this.peers = peers;
    this.parcels = parcels;
    this.generation = generation;
    this.timeoutNanos = timeout.toNanos();
  }

  /**
   * Sends a heartbeat when one is due, and notices when this rank itself was stopped.
   *
   * @param completed operations of this rank
   * @param inFlight operations that it has started besides
   */
  void beat(long completed, long inFlight, long now) {
    if (now - lookedNanos > ABSENT_NANOS) {
      absentNanos = now - lookedNanos;
      graceUntilNanos = now + GRACE_NANOS;
    }
    lookedNanos = now;
    if (now - heartbeatNanos >= HEARTBEAT_NANOS) {
      heartbeatNanos = now;
      for (Peer peer : peers.others()) {
        transport.send(peer.rank(), SignalKind.HEARTBEAT, completed, inFlight, 0, "");
      }
    }
  }

  /** See {@link dev.trireme.api.collective.ProcessGroup#patience}; any thread. */
  void patience(Duration least) {
    patienceNanos = least.toNanos();
  }

  /** Why {@code head} is given up, whoever lives; empty while it is not. */
  Optional<CollectiveException> check(Operation head, long now) {
    Optional<String> broken = transport.broken();
    if (broken.isPresent()) {
      return Optional.of(verdict(Cause.PEER_LOST, -1, broken.get(), head, now));
    }
    long deadlineNanos = Math.max(timeoutNanos, patienceNanos);
    if (now - head.dueSinceNanos() > deadlineNanos && now - graceUntilNanos >= 0) {
      return Optional.of(
          verdict(
              Cause.DEADLINE,
              Verdict.suspect(head, peers, now),
              "its deadline of " + deadlineNanos / 1_000_000 + " ms has passed" + absence(head),
              head,
              now));
    }
    return Optional.empty();
  }

  /** Whether it is time to ask for {@link #lost} again; if so, it is not until some time later. */
  boolean isLookDue(long now) {
    if (now - lifeCheckNanos < LIFE_CHECK_NANOS) {
      return false;
    }
    lifeCheckNanos = now;
    return true;
  }

  private String absence(Operation head) {
    // Grace ends the absence that it follows; an earlier one does not excuse this operation.
    return absentNanos > 0 && graceUntilNanos - head.dueSinceNanos() > absentNanos
        ? " (this rank itself had been stopped for " + absentNanos / 1_000_000 + " ms)"
        : "";
  }

  /**
   * Why one of these cannot complete; empty while all may. A peer that left after it had done its
   * part is not missed, but it is if any awaits it; one that died always is.
   *
   * @param pending not empty; that a peer died is said of the first
   */
  Optional<CollectiveException> lost(List<Operation> pending, long now) {
    Operation head = pending.get(0);
    for (Peer peer : peers.others()) {
      Optional<CollectiveException> lost =
          peer.left()
              ? awaiting(peer, pending).map(each -> lost(peer, "it has left the group", each, now))
              : transport
                  .lost(peer.rank())
                  .or(() -> frozen(peer, head, now))
                  .map(why -> lost(peer, why, head, now));
      if (lost.isPresent()) {
        return lost;
      }
    }
    return Optional.empty();
  }

  /** The first that awaits a peer of which nothing more will come. */
  private Optional<Operation> awaiting(Peer peer, List<Operation> pending) {
    return parcels.emptied(peer.rank())
        ? pending.stream().filter(each -> Verdict.awaited(each, peers).contains(peer)).findFirst()
        : Optional.empty();
  }

  private CollectiveException lost(Peer peer, String why, Operation operation, long now) {
    String text = "rank " + peer.rank() + " is lost: " + why;
    return verdict(Cause.PEER_LOST, peer.rank(), text, operation, now);
  }

  /** To make and clear shared memory may take long, and nothing is said meanwhile. */
  private Optional<String> frozen(Peer peer, Operation head, long now) {
    // Who was stopped itself knows nothing of the others' silence before.
    long silent = Math.min(peer.silentNanos(now), now - (graceUntilNanos - GRACE_NANOS));
    return silent > SILENCE_NANOS && head.signature().kind() != Signature.Kind.ALLOCATE
        ? Optional.of("it has given no sign of life for " + silent / 1_000_000 + " ms")
        : Optional.empty();
  }

  CollectiveException verdict(Cause cause, int suspect, String why, Operation head, long now) {
    return Verdict.of(cause, suspect, why, head, generation, peers, now);
  }
}

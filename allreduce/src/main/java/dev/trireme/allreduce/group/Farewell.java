package dev.trireme.allreduce.group;

import dev.trireme.allreduce.transport.SignalKind;
import dev.trireme.allreduce.transport.Transport;
import dev.trireme.api.collective.CollectiveException;
import java.util.BitSet;

/**
 * What a rank that has given its group up tells its peers. One whose log is full is told later, for
 * a peer that is never told waits for its deadline and then blames the wrong rank.
 *
 * <p>Threading: whoever holds the sequencer.
 */
final class Farewell {
  private final Transport transport;
  private final long completed;
  private final CollectiveException why;
  private final BitSet untold = new BitSet();

  /**
   * @param completed operations of this rank
   */
  Farewell(Transport transport, long completed, CollectiveException why) {
    this.transport = transport;
    this.completed = completed;
    this.why = why;
    untold.set(0, transport.worldSize());
    untold.clear(transport.rank());
  }

  /** Tells those who have not been told. */
  void say() {
    for (int peer = untold.nextSetBit(0); peer >= 0; peer = untold.nextSetBit(peer + 1)) {
      if (said(peer)) {
        untold.clear(peer);
      }
    }
  }

  private boolean said(int peer) {
    try {
      return transport.send(
          peer,
          SignalKind.FAILED,
          completed,
          why.reason().ordinal(),
          why.suspectRank(),
          why.getMessage());
    } catch (RuntimeException e) {
      // The way to that peer is broken, which may be why this rank gave up.
      return true;
    }
  }
}

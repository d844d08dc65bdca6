package dev.trireme.allreduce.group;

import dev.trireme.allreduce.transport.SignalKind;
import dev.trireme.allreduce.transport.Transport;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The other ranks, and what has been heard of them.
 *
 * <p>Threading: whoever holds the sequencer.
 */
final class Peers {
  private final Transport transport;
  private final Peer[] peers;

  Peers(Transport transport, long now) {
    this.transport = transport;
    this.peers = new Peer[transport.worldSize()];
    for (int rank = 0; rank < peers.length; rank++) {
      peers[rank] = rank == transport.rank() ? null : new Peer(rank, now);
    }
  }

  int rank() {
    return transport.rank();
  }

  int worldSize() {
    return peers.length;
  }

  Peer get(int rank) {
    return peers[rank];
  }

  /** All but this rank, in order of rank. */
  List<Peer> others() {
    List<Peer> others = new ArrayList<>();
    for (Peer peer : peers) {
      if (peer != null) {
        others.add(peer);
      }
    }
    return others;
  }

  /** Whether every peer has started this operation. */
  boolean haveStarted(long operation) {
    for (Peer peer : peers) {
      if (peer != null && !peer.hasStarted(operation)) {
        return false;
      }
    }
    return true;
  }

  /** What the host knows of a peer that may explain its silence. */
  Optional<String> condition(int rank) {
    return transport.condition(rank);
  }

  /** What holds up every peer alike. */
  Optional<String> ailment() {
    return transport.ailment();
  }

  /** Tells a peer that this rank has reached a stage; false when that must be tried again. */
  boolean tell(int peer, long operation, long stage) {
    return transport.send(peer, SignalKind.STAGE, operation, stage, 0, "");
  }
}

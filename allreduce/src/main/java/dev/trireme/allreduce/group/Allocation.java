package dev.trireme.allreduce.group;

import dev.trireme.api.tensor.DType;

/**
 * Memory that all ranks of the group can address. Each rank makes its part and announces it; opens
 * its peers' parts and tells them; and once all have told it, takes the name of its own part away,
 * so that no death afterwards leaves anything behind.
 */
final class Allocation extends Operation {
  private final SharedGroup group;
  private final long bytes;
  private long own;
  private int told;

  Allocation(SharedGroup group, DType dtype, long count) {
    super(group.sequencer(), Signature.plain(Signature.Kind.ALLOCATE, dtype, count));
    this.group = group;
    this.bytes = Math.multiplyExact(count, (long) dtype.bytes());
  }

  /** Where this rank's part begins; valid once done. */
  long address() {
    return own;
  }

  @Override
  void prepare() {
    own = group.memory().create(bytes);
  }

  @Override
  long place() {
    return 0;
  }

  @Override
  void begin() {
    group.memory().open(bytes, own);
  }

  @Override
  Outcome advance() {
    for (; told < group.worldSize(); told++) {
      if (told != group.rank() && !group.peers().tell(told, number(), 1)) {
        return Outcome.WAITING;
      }
    }
    if (awaited() >= 0) {
      return Outcome.WAITING;
    }
    group.memory().seal();
    return Outcome.DONE;
  }

  @Override
  String done() {
    return "0 of " + bytes + " bytes done";
  }

  @Override
  int awaited() {
    for (Peer peer : group.peers().others()) {
      if (!peer.hasReached(number(), 1)) {
        return peer.rank();
      }
    }
    return -1;
  }
}

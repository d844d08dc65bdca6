package dev.trireme.allreduce.group;

import dev.trireme.api.tensor.DType;

/**
 * Done once every rank has announced it, which a rank does when its earlier operations are done.
 */
final class Barrier extends Operation {
  Barrier(Sequencer sequencer) {
    super(sequencer, Signature.plain(Signature.Kind.BARRIER, DType.UINT8, 0));
  }

  @Override
  long place() {
    return 0;
  }

  @Override
  void begin() {}

  @Override
  Outcome advance() {
    return Outcome.DONE;
  }

  @Override
  String done() {
    return "0 of 0 bytes done";
  }

  @Override
  int awaited() {
    return -1;
  }
}

package dev.trireme.allreduce.group;

import dev.trireme.api.tensor.TensorBuffer;

/**
 * One side of a message between two ranks; {@link Messages} moves it on. It stands outside the
 * order of the collectives and has no number among them.
 */
final class Message extends Operation {
  private final boolean sending;
  private final int peer;
  private final int tag;
  private long key;
  private long bytes;
  private boolean wanted;

  Message(Sequencer sequencer, TensorBuffer buffer, boolean sending, int peer, int tag) {
    super(
        sequencer, Signature.plain(Signature.Kind.MESSAGE, buffer.dtype(), buffer.count()), buffer);
    this.sending = sending;
    this.peer = peer;
    this.tag = tag;
  }

  boolean sending() {
    return sending;
  }

  int peer() {
    return peer;
  }

  int tag() {
    return tag;
  }

  /** The number that the sender gave it, counted for each receiver. */
  long key() {
    return key;
  }

  void key(long given) {
    key = given;
  }

  /** Bytes done. */
  long bytes() {
    return bytes;
  }

  void add(long more) {
    bytes += more;
  }

  /** Whether the receiver has asked for the bytes. */
  boolean wanted() {
    return wanted;
  }

  void want() {
    wanted = true;
  }

  @Override
  long place() {
    return 0;
  }

  @Override
  void begin() {}

  @Override
  Outcome advance() {
    throw new IllegalStateException("a message is moved by Messages");
  }

  @Override
  String done() {
    return bytes + " of " + buffer().byteCount() + " bytes done";
  }

  @Override
  int awaited() {
    return peer;
  }

  @Override
  public String toString() {
    return (sending ? "send to rank " : "receive from rank ")
        + peer
        + " with tag "
        + tag
        + " of "
        + buffer().count()
        + " "
        + buffer().dtype();
  }
}

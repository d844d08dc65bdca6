package dev.trireme.allreduce.group;

import dev.trireme.allreduce.transport.Transport;

/**
 * Gives what arrives to whom it is for: the operation that runs, or a message.
 *
 * <p>Threading: whoever holds the sequencer.
 */
final class Intake implements Transport.Receiver {
  private final Line line;
  private final Messages messages;

  Intake(Line line, Messages messages) {
    this.line = line;
    this.messages = messages;
  }

  @Override
  public boolean take(int from, int phase, long operation, long offset, long address, int bytes) {
    return phase == Messages.PHASE
        ? messages.take(from, operation, offset, address, bytes)
        : line.take(from, phase, operation, offset, address, bytes);
  }

  @Override
  public long place(int from, int phase, long operation, long offset, int bytes) {
    return phase == Messages.PHASE
        ? messages.place(from, operation, offset, bytes)
        : line.place(from, phase, operation, offset, bytes);
  }
}

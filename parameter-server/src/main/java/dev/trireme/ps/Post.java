package dev.trireme.ps;

import dev.trireme.api.tensor.TensorBuffer;
import java.util.Optional;

/**
 * Sends messages to other ranks. What goes from one rank to another arrives in order and once, or
 * the group breaks.
 */
@FunctionalInterface
interface Post {
  /**
   * Sends; returns at once.
   *
   * @param to a rank of the group
   * @param payload of {@code frame.bytes()} bytes, none of which are sent as nothing; not to be
   *     changed until the receiver has answered in the way of the protocol
   */
  void send(int to, Frame frame, Optional<TensorBuffer> payload);

  /** Takes what arrives. */
  interface Receiver {
    /** Where the payload of this message is to be put. */
    TensorBuffer target(int from, Frame frame);

    /** Takes the message, whose payload, if any, stands in {@link #target}. */
    void handle(int from, Frame frame);
  }
}

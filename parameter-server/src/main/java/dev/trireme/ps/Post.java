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
   *     changed until the receiver has answered in the way of the protocol, or {@code sent} has run
   * @param sent run on the thread of the post once the payload is not read any more
   */
  void send(int to, Frame frame, Optional<TensorBuffer> payload, Runnable sent);

  /** Sends, where nobody has to know when that is done. */
  default void send(int to, Frame frame, Optional<TensorBuffer> payload) {
    send(to, frame, payload, () -> {});
  }

  /** Takes what arrives. */
  interface Receiver {
    /** Where the payload of this message is to be put. */
    TensorBuffer target(int from, Frame frame);

    /** Takes the message, whose payload, if any, stands in {@link #target}. */
    void handle(int from, Frame frame);
  }
}

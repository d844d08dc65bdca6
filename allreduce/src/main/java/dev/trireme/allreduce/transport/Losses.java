package dev.trireme.allreduce.transport;

import io.aeron.driver.ext.LossGenerator;
import java.util.Objects;

/**
 * Which datagrams a rank loses on purpose; for tests.
 *
 * @param sent asked of each that this rank would send
 * @param received asked of each that has arrived
 */
public record Losses(LossGenerator sent, LossGenerator received) {
  /** What everybody but a test wants. */
  public static final Losses NONE =
      new Losses((address, buffer, length) -> false, (address, buffer, length) -> false);

  public Losses {
    Objects.requireNonNull(sent, "sent");
    Objects.requireNonNull(received, "received");
  }
}

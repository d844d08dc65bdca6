package dev.trireme.allreduce.nccl;

import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.CollectiveException.Cause;
import java.time.Duration;

/** What a person is told when a collective over NCCL cannot complete. */
final class Verdicts {
  private Verdicts() {}

  /** As {@code generation 7: rank 1 (cuda:0)}. */
  static String who(NcclConfig config) {
    return "generation "
        + config.generation()
        + ": rank "
        + config.rank()
        + " ("
        + config.device()
        + ")";
  }

  /** A rank that has waited for the others long enough. */
  static CollectiveException alone(NcclConfig config, Duration within) {
    return of(
        config,
        Cause.DEADLINE,
        "gave up meeting the other ranks: the deadline of "
            + within.toMillis()
            + " ms has passed and not all "
            + config.worldSize()
            + " ranks have come, or their networks do not reach each other"
            + " (NCCL_SOCKET_IFNAME, NCCL_DEBUG=INFO)");
  }

  /** A group that cannot go on. */
  static CollectiveException of(NcclConfig config, Cause cause, String why) {
    return new CollectiveException(cause, -1, who(config) + " " + why);
  }

  /**
   * This rank itself cannot go on.
   *
   * @param joined while it meets the others, what it lacks may be what the dead still hold
   */
  static CollectiveException ownFault(NcclConfig config, boolean joined, String why) {
    Cause cause = joined ? Cause.OWN_FAULT : Cause.UNUSABLE;
    return new CollectiveException(cause, config.rank(), who(config) + " " + why);
  }

  /** An operation that cannot complete. NCCL does not say how far it has come. */
  static CollectiveException of(
      NcclConfig config, NcclOperation operation, Cause cause, String why) {
    return new CollectiveException(
        cause,
        -1,
        who(config)
            + " gave up "
            + operation
            + ", 0 of "
            + operation.call().bytes()
            + " bytes known to be done: "
            + why);
  }
}

package dev.trireme.launcher.rank;

import dev.trireme.allreduce.nccl.NcclUnavailableException;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.CollectiveException.Cause;
import dev.trireme.api.job.ParallelSpec.BackendKind;
import dev.trireme.protocol.AgentToRank.Join;
import dev.trireme.protocol.StateSource;
import java.util.Optional;

/**
 * Decides whose matter it is where NCCL cannot be used in this process: the job's, which then goes
 * on over Aeron or ends, or this rank's alone.
 *
 * <p>What one process lacks is its own failure once the job has trained, for others hold the state,
 * and another host may have what this one lacks: a device that does not answer, whatever carries
 * the gradients; and the rest of what NCCL needs where the job trains over nothing else, so that
 * NCCL has served it before. A job that may do without NCCL may have done so from the start, and
 * all its ranks lack the same.
 *
 * @param rank of this process
 * @param trained whether the job has trained before this formation
 * @param held whether another rank holds its state: else all may be new, on hosts that all lack it
 * @param wanted whether it trains over nothing else
 */
record NcclRefusal(int rank, boolean trained, boolean held, boolean wanted) {
  static NcclRefusal of(Join join) {
    return new NcclRefusal(
        join.rank(),
        join.source().kind() != StateSource.Kind.JOB,
        join.source().kind() == StateSource.Kind.RANK,
        join.job().parallel().backend() == BackendKind.NCCL);
  }

  /**
   * With what this rank leaves the formation where it is not the job's matter; empty where it is.
   * It accuses nobody where NCCL's words may be of something else, a peer's death, say, that has
   * yet to be heard of.
   */
  Optional<CollectiveException> own(NcclUnavailableException refused) {
    boolean lacks =
        switch (refused.reason()) {
          case DEVICE -> true;
          case LIBRARY, INTERFACE -> wanted && held;
          case SHARED_DEVICE, OTHER -> false;
        };
    boolean unclear =
        switch (refused.reason()) {
          case DEVICE, LIBRARY, INTERFACE -> false;
          case SHARED_DEVICE, OTHER -> wanted;
        };
    if (!trained || !lacks && !unclear) {
      return Optional.empty();
    }
    CollectiveException why =
        lacks
            ? new CollectiveException(Cause.OWN_FAULT, rank, refused.getMessage())
            : new CollectiveException(Cause.UNUSABLE, -1, refused.getMessage());
    why.initCause(refused);
    return Optional.of(why);
  }
}

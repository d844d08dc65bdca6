package dev.trireme.allreduce.nccl;

import dev.trireme.allreduce.GroupChecks;
import dev.trireme.allreduce.inprocess.RankGroups;
import java.time.Duration;

/**
 * With buffers of the host. Messages go through the companion, whose verdicts name the rank that is
 * waited for; NCCL's own name none.
 */
class NcclGroupTest extends GroupChecks {
  @Override
  protected RankGroups form(int worldSize, Duration timeout) {
    return NcclGroups.create(worldSize, timeout);
  }
}

package dev.trireme.allreduce;

import dev.trireme.allreduce.inprocess.InProcessGroups;
import dev.trireme.allreduce.inprocess.RankGroups;
import dev.trireme.allreduce.plan.Hosts;
import java.time.Duration;
import java.util.Optional;
import java.util.stream.IntStream;

/** Every rank on a host of its own, as far as the group knows. */
class GroupBetweenHostsTest extends GroupChecks {
  @Override
  protected RankGroups form(int worldSize, Duration timeout) {
    return InProcessGroups.create(
        Hosts.named(IntStream.range(0, worldSize).mapToObj(i -> "host-" + i).toList()),
        timeout,
        Optional.empty());
  }
}

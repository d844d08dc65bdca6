package dev.trireme.allreduce.inprocess;

import dev.trireme.api.collective.ProcessGroup;
import java.util.List;

/** The process groups of all ranks of a formation in one JVM, of whatever kind. */
public interface RankGroups extends AutoCloseable {
  /** The group of one rank. */
  ProcessGroup group(int rank);

  /**
   * Runs the task once a rank, all at the same time.
   *
   * @return the results in order of rank
   * @throws RuntimeException the first failure in order of rank
   */
  <T> List<T> onEveryRank(InProcessGroups.RankTask<T> task);

  @Override
  void close();
}

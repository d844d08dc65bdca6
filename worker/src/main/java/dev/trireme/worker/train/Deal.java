package dev.trireme.worker.train;

import dev.trireme.api.data.Batch;
import dev.trireme.api.data.Share;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.train.BatchPart;
import dev.trireme.api.train.ShardTree;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Which items a rank trains on, in which parts, and with which seeds: pure functions of the job.
 *
 * <p>A job that is deterministic whatever its number of ranks has one part a logical shard, and
 * what a shard draws at random depends on (seed, step, shard). Any other job has one part a rank,
 * or as many of equal size as keep each within {@code train.microBatch}, and draws by (seed, step,
 * rank).
 *
 * @param job resolved and validated
 */
record Deal(JobSpec job) {
  /** See {@link dev.trireme.api.train.TrainingContext#share}. */
  Share share(int rank, int worldSize) {
    return tree().map(t -> t.share(rank, worldSize)).orElseGet(() -> Share.equal(rank, worldSize));
  }

  private Optional<ShardTree> tree() {
    return job.train().elastic() ? Optional.of(ShardTree.of(job)) : Optional.empty();
  }

  /** See {@link dev.trireme.api.train.TrainingContext#parts}. */
  List<BatchPart> parts(long step, Batch batch, int rank, int worldSize) {
    return job.train().elastic()
        ? shards(step, batch, share(rank, worldSize))
        : microBatches(step, batch, rank);
  }

  private List<BatchPart> shards(long step, Batch batch, Share share) {
    List<BatchPart> parts = new ArrayList<>();
    int begin = share.begin(batch.globalSize());
    for (int i = 0; i < share.count(); i++) {
      int shard = share.first() + i;
      Batch items =
          batch.slice(
              share.begin(batch.globalSize(), shard) - begin,
              share.begin(batch.globalSize(), shard + 1) - begin);
      parts.add(new BatchPart(i, share.count(), items, seed(step, shard)));
    }
    return parts;
  }

  private List<BatchPart> microBatches(long step, Batch batch, int rank) {
    int most = job.train().microBatch().orElse(Integer.MAX_VALUE);
    if (batch.size() <= most) {
      return List.of(new BatchPart(0, 1, batch, seed(step, rank)));
    }
    int count = (batch.size() - 1) / most + 1;
    List<BatchPart> parts = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      Share piece = Share.equal(i, count);
      Batch items = batch.slice(piece.begin(batch.size()), piece.end(batch.size()));
      parts.add(new BatchPart(i, count, items, mix(seed(step, rank) + i)));
    }
    return parts;
  }

  /** A mix of (job's seed, step, place) in the manner of SplitMix64 (Steele, Lea, Flood, 2014). */
  long seed(long step, int place) {
    return mix(mix(mix(job.train().seed()) + step) + place);
  }

  private static long mix(long z) {
    z += 0x9e3779b97f4a7c15L;
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }
}

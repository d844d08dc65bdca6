package dev.trireme.data;

import dev.trireme.api.data.BatchStream;
import dev.trireme.api.data.Cursor;
import dev.trireme.api.data.DataSource;
import dev.trireme.api.data.DatasetInfo;
import dev.trireme.api.data.Share;
import dev.trireme.api.data.Shares;
import dev.trireme.api.job.DataSpec;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** The sets of one job on one rank, and the streams opened over them. */
final class JobData implements DataSource {
  private final DataSpec spec;
  private final long seed;
  private final ItemSet training;
  private final Optional<ItemSet> evaluation;
  private final FeatureTable table;
  private final Set<PrefetchedBatchStream> streams = new HashSet<>();
  private boolean closed;

  /** Owns both sets from now on. */
  JobData(DataSpec spec, long seed, ItemSet training, Optional<ItemSet> evaluation) {
    this.spec = spec;
    this.seed = seed;
    this.training = training;
    this.evaluation = evaluation;
    this.table = new FeatureTable(spec.normalize());
  }

  @Override
  public DatasetInfo training() {
    return training.info();
  }

  @Override
  public Optional<DatasetInfo> evaluation() {
    return evaluation.map(ItemSet::info);
  }

  @Override
  public BatchStream train(Cursor cursor, Share share) {
    return open(
        "trireme-read-train-" + share.first(),
        new BatchPlan.Training(sampler(), cursor, share),
        training);
  }

  @Override
  public BatchStream train(Cursor cursor, Shares shares) {
    DistributedSampler sampler = sampler();
    int whole = sampler.largestPart(Share.equal(0, 1));
    return open(
        "trireme-read-train", new BatchPlan.Training(sampler, cursor, shares, whole), training);
  }

  private DistributedSampler sampler() {
    return new DistributedSampler((int) training.info().items(), spec.batchSize(), seed);
  }

  @Override
  public BatchStream evaluate(int rank, int worldSize) {
    ItemSet set =
        evaluation.orElseThrow(
            () -> new IllegalStateException("the job has no evaluation set; name one: data.eval"));
    return open(
        "trireme-read-eval-" + rank,
        new BatchPlan.Evaluation(set.info(), spec.evalBatchSize(), rank, worldSize),
        set);
  }

  private synchronized BatchStream open(String name, BatchPlan plan, ItemSet set) {
    if (closed) {
      throw new IllegalStateException("the job's data is closed");
    }
    PrefetchedBatchStream stream =
        new PrefetchedBatchStream(name, plan, set, table, spec.prefetch(), this::forget);
    streams.add(stream);
    return stream;
  }

  private synchronized void forget(PrefetchedBatchStream stream) {
    streams.remove(stream);
  }

  /** Closes the streams that are still open, then frees the sets. */
  @Override
  public void close() {
    List<PrefetchedBatchStream> open;
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
      open = new ArrayList<>(streams);
    }
    open.forEach(PrefetchedBatchStream::close);
    synchronized (this) {
      // A stream that is still here has a reader that did not end: it has warned of the leak.
      if (streams.isEmpty()) {
        training.close();
        evaluation.ifPresent(ItemSet::close);
      }
    }
  }
}

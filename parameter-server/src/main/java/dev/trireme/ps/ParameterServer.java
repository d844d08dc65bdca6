package dev.trireme.ps;

import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.ParameterServerSpec;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.api.train.Progress;
import dev.trireme.ps.plan.Shard;
import dev.trireme.ps.plan.ShardPlan;
import dev.trireme.ps.shard.ShardCopy;
import dev.trireme.ps.shard.Staleness;
import dev.trireme.ps.shard.Wire;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.LongConsumer;
import java.util.stream.IntStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A server's process: one formation after the other, with the shards that it holds kept in between.
 *
 * <p>Threading: one thread, and its {@link Crew}. Errors: after a {@link
 * dev.trireme.api.collective.CollectiveException} the shards are whole as they are, and {@link
 * #serve} may be called with the group of the next formation.
 */
public final class ParameterServer implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ParameterServer.class);
  private static final Duration SLICE = Duration.ofHours(1);

  private final int workers;
  private final ParameterServerSpec spec;
  private final JobSpec job;
  private final Staleness staleness = new Staleness();
  private final Crew crew = Crew.ofHost();
  private Optional<ShardStore> store = Optional.empty();
  private int cutFor;

  /** Where the shards that it holds began; see {@link Batches}. */
  private Progress anchor = Progress.START;

  /**
   * @param job with {@code parallel.sync: parameter-server}
   */
  public ParameterServer(JobSpec job) {
    this.job = job;
    this.workers = job.parallel().workers().max();
    this.spec = job.parallel().parameterServer().orElseThrow();
  }

  /** How old what workers read was, through all formations. */
  public Staleness staleness() {
    return staleness;
  }

  /**
   * Takes part in a formation until every worker has said that it will send no more.
   *
   * <p>Blocking: as long as the formation lasts.
   *
   * @param group of all workers and servers; the workers are its first ranks
   * @param ready told the step after which the formation goes on, before the first message
   * @throws dev.trireme.api.collective.CollectiveException when the formation has broken
   */
  public void serve(ProcessGroup group, LongConsumer ready) {
    int server = group.rank() - workers;
    Gathering gathering = Gathering.ofServer(group, workers, job, store.isPresent() ? cutFor : 0);
    cutFor = gathering.cutFor();
    ShardStore shards = store(gathering.plan());
    Gathering.Outcome outcome = gathering.meet(shards, anchor, spec.backups());
    anchor = outcome.anchor();
    List<Integer> toCopy = List.of();
    long step;
    if (outcome.fresh()) {
      try {
        step = begin(group, gathering, outcome, shards, server);
      } catch (RuntimeException e) {
        // What has half a state must not look as if it had one.
        shards.close();
        throw e;
      }
    } else {
      step = outcome.resume().stream().mapToLong(s -> s).min().orElseThrow();
      toCopy = gathering.toCopy(outcome);
      LOG.info(
          "generation {}: {} shards go on after step {}, {} backups are made anew",
          group.generation(),
          outcome.directory().primariesOf(server).size(),
          step,
          toCopy.size());
    }
    shards.follow(outcome.directory(), server);
    ready.accept(step);
    GroupPost post = gathering.post();
    try (ShardServer shardServer =
        new ShardServer(
            server,
            shards,
            outcome.directory(),
            post,
            spec.backups() > 0,
            gathering.slab(),
            staleness,
            gradients(group, gathering, outcome),
            crew)) {
      List<Integer> peers =
          IntStream.range(0, group.worldSize()).filter(r -> r != group.rank()).boxed().toList();
      post.listen(peers, shardServer);
      shardServer.begin(toCopy, outcome.directory().handOvers(group.worldSize() - workers));
      while (!post.await(shardServer::isDeserted, SLICE)) {
        LOG.info("{} have passed in this formation", SLICE);
      }
      shardServer.takeLeave();
      Frame bye = Frame.about(Frame.Kind.BYE, 0, 0, 0);
      peers.forEach(peer -> post.send(peer, bye, Optional.empty()));
      post.await(post::isOver, SLICE);
      group.barrier().await();
      LOG.info("{} shards were handed over to servers with fewer", shardServer.handedOver());
    }
    LOG.info("staleness of what was read, in steps and reads: {}", staleness);
  }

  /** Where each worker shows its gradients, where steps go as {@link WholeSteps}. */
  private Optional<List<TensorBuffer>> gradients(
      ProcessGroup group, Gathering gathering, Gathering.Outcome outcome) {
    if (!gathering.wholeSteps(outcome)) {
      return Optional.empty();
    }
    List<TensorBuffer> all =
        IntStream.range(0, workers)
            .mapToObj(worker -> group.shownBy(worker, gathering.slab()))
            .flatMap(Optional::stream)
            .toList();
    return all.size() == workers ? Optional.of(all) : Optional.empty();
  }

  private ShardStore store(ShardPlan plan) {
    if (store.filter(s -> s.plan().equals(plan)).isEmpty()) {
      store.ifPresent(ShardStore::close);
      store =
          Optional.of(
              new ShardStore(
                  plan,
                  job.train().optimizer(),
                  spec.consistency(),
                  Wire.of(job.parallel().compression()),
                  workers,
                  job.data().batchSize()));
    }
    return store.get();
  }

  /** Rank 0 gives its state to all: values and slots, one slab after the other. */
  private static long begin(
      ProcessGroup group,
      Gathering gathering,
      Gathering.Outcome outcome,
      ShardStore shards,
      int server) {
    long[] counts = Beginning.counts(group, 0, 0, 0);
    for (Shard shard : gathering.plan().shards()) {
      if (outcome.directory().holds(server, shard.index())) {
        shards.make(shard.index(), counts[0]).updates(counts[1]);
      }
    }
    for (int slab = 0; slab <= counts[2]; slab++) {
      group.broadcast(gathering.slab(), 0).await();
      for (Shard shard : gathering.plan().shards()) {
        int which = slab;
        if (outcome.directory().holds(server, shard.index())) {
          ShardCopy copy = shards.copy(shard.index()).orElseThrow();
          TensorBuffer to = which == 0 ? copy.values() : copy.slots().get(which - 1);
          TensorBuffer from = gathering.slab().slice(shard.from(), shard.count());
          NativeMemory.copy(from.address(), to.address(), from.byteCount());
        }
      }
      group.barrier().await();
    }
    return counts[0];
  }

  /** Frees the shards. */
  @Override
  public void close() {
    crew.close();
    store.ifPresent(ShardStore::close);
    store = Optional.empty();
  }
}

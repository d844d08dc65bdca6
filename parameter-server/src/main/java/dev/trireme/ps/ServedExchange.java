package dev.trireme.ps;

import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.Work;
import dev.trireme.api.data.Batch;
import dev.trireme.api.data.Cursor;
import dev.trireme.api.engine.Loss;
import dev.trireme.api.engine.Replica;
import dev.trireme.api.job.ConsistencySpec;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.ParameterServerSpec;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.api.train.GradientExchange;
import dev.trireme.api.train.LearningRate;
import dev.trireme.api.train.Progress;
import dev.trireme.api.train.StepParts;
import dev.trireme.api.train.StepSignals;
import dev.trireme.api.train.StepTotals;
import dev.trireme.api.train.WireBytes;
import dev.trireme.ps.plan.ShardPlan;
import dev.trireme.ps.shard.Portions;
import dev.trireme.ps.shard.Wire;
import dev.trireme.ps.shard.Wishes;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;

/**
 * A worker's end of the parameter server. A shard is pushed as soon as its last gradient is there
 * ({@link Outgoing}). {@link #await} waits until all pushes are acknowledged, commits the step, and
 * pulls the new parameters ({@link Pulls}), which {@link #takeParameters} (as the replica's
 * optimizer) puts into the model. Of tables (see {@link Replica#tables}) only the rows that a batch
 * names are pushed, and only those that the next one names are pulled.
 *
 * <p>Under ssp and asp, and with {@code drop}, a step's totals are this worker's own, and wishes to
 * stop or to save are made one step for all by the servers.
 *
 * <p>Threading and blocking: as {@link GradientExchange}; the deadline is {@code
 * parallel.timeoutSeconds}. Errors: a step that failed cannot be repeated in this formation.
 */
public final class ServedExchange implements GradientExchange {
  private final ProcessGroup workers;
  private final ProcessGroup all;
  private final Replica replica;
  private final JobSpec job;
  private final ParameterServerSpec spec;
  private final LearningRate learningRate;
  private final ServedFigures figures;
  private final ServedState state;
  private final Joining joining;
  private final ShardPlan plan;
  private final Outgoing outgoing;
  private final Incoming incoming;
  private final Pulls pulls;
  private final Signals signals;
  private final GroupPost post;
  private ShardClient client;

  /** Read by who reads batches ahead, too. */
  private volatile Batches batches;

  private Optional<TensorBuffer> shown = Optional.empty();
  private Work sumsWork = Work.completed();
  private Rows named = Rows.NONE;
  private Map<String, Double> totalFigures = Map.of();
  private long countedBytes;
  private final Dealt dealt;
  private boolean resting;
  private Loss lastLoss = Loss.NONE;
  private long forwardAt;
  private long tailNanos;
  private int wished;
  private long pushedBytes;
  private final StepParts at = new StepParts();
  private long awaited = 1;

  /**
   * A collective call of workers and servers.
   *
   * @param workers of the workers alone; rank {@code r} there is rank {@code r} of {@code all}
   * @param all of the workers and, behind them, the servers; its deadline is not used for messages
   * @param job with {@code parallel.sync: parameter-server}
   * @param items in the training set
   * @param figures of this process
   */
  public ServedExchange(
      ProcessGroup workers,
      ProcessGroup all,
      Replica replica,
      JobSpec job,
      LearningRate learningRate,
      long items,
      ServedFigures figures) {
    this.workers = workers;
    this.all = all;
    this.replica = replica;
    this.job = job;
    this.spec = job.parallel().parameterServer().orElseThrow();
    this.learningRate = learningRate;
    this.batches = new Batches(items, job.data().batchSize(), Progress.START);
    this.figures = figures;
    this.state = new ServedState(replica, job.train().optimizer());
    Gathering gathering =
        Gathering.ofWorker(all, workers.worldSize(), job, state.sizes(spec.sparse()));
    int size = job.data().batchSize();
    this.joining =
        new Joining(workers, all, spec, gathering, state, figures, items, size, this::meet);
    this.plan = gathering.plan();
    Wire wire = Wire.of(job.parallel().compression());
    this.outgoing = new Outgoing(plan, replica.parameters(), gathering.slab(), wire);
    this.incoming = Incoming.of(plan, state.slotCount());
    this.pulls = new Pulls(replica, plan, incoming, state, figures.mark(), lockstep(), this::await);
    this.signals = signals();
    this.post = gathering.post();
    this.dealt = new Dealt(workers.rank(), workers.worldSize(), this::askPortions);
  }

  private Signals signals() {
    try {
      return new Signals(workers, replica.statistics());
    } catch (RuntimeException | Error e) {
      outgoing.close();
      incoming.close();
      throw e;
    }
  }

  /** Whether workers meet after a step, to save or to evaluate, or at the end. */
  private boolean meet(Batches steps, long step) {
    return job.checkpoint().everySteps().filter(n -> step % n == 0).isPresent()
        || steps.after(step).position() == 0
        || step == job.train().totalSteps(steps.items(), steps.size());
  }

  private boolean lockstep() {
    return spec.consistency().isLockstep();
  }

  /** Whether a push is applied when it comes, so that workers do not wait for each other. */
  private boolean byThemselves() {
    return !(spec.consistency() instanceof ConsistencySpec.Bsp);
  }

  @Override
  public long held(long step) {
    return figures.mark().of(step).ordinal();
  }

  @Override
  public boolean together() {
    return joining.together();
  }

  @Override
  public void receiving() {
    figures.mark().clear();
  }

  @Override
  public Progress formed(Progress progress, boolean survived, long held) {
    Joining.Joined joined =
        joining.join(progress, survived, StateMark.Part.of(held), outgoing.reduced());
    batches = joined.batches();
    client =
        new ShardClient(
            workers.rank(),
            workers.worldSize(),
            plan,
            joined.directory(),
            post,
            outgoing,
            incoming);
    post.listen(IntStream.range(workers.worldSize(), all.worldSize()).boxed().toList(), client);
    shown = joined.shown();
    Progress resume = joined.resume();
    pulls.over(client);
    pulls.ask(resume.step());
    if (!joined.exact()) {
      pulls.take();
    }
    awaited = resume.step();
    return resume;
  }

  /** The step that trains on the batch that begins here. */
  long stepAt(Cursor cursor) {
    return batches.stepAt(cursor);
  }

  /** The batch after this one will be this: its rows are pulled with the step's other values. */
  void preparing(Batch batch) {
    pulls.preparing(batch);
  }

  /** Whether this worker has no part in the step of a batch, see {@link Portions}. */
  boolean rests(Batch batch) {
    return batch.size() == 0 && dealt.rests(batches.stepAt(batch.from()));
  }

  /** Whether that is so of the step that goes on, or has just ended. */
  boolean isResting() {
    return resting;
  }

  /** Forward of this batch, or of a part of one, comes next. */
  void forwarding(Batch batch) {
    resting = rests(batch);
    if (at.isFirst()) {
      forwardAt = System.nanoTime();
    }
    if (!resting) {
      named = pulls.named(batch);
      pulls.require(named);
    }
  }

  /** The replica is about to read the rows that this batch names. */
  void evaluating(Batch batch) {
    pulls.require(pulls.named(batch));
  }

  @Override
  public void part(int index, int count) {
    at.part(index, count);
    signals.part(index);
  }

  @Override
  public void begin(long step, StepSignals local) {
    if (!at.isFirst()) {
      outgoing.requireAllHandedOver();
    }
    at.begin(step);
    pushedBytes = 0;
    if (resting) {
      wish(local);
      return;
    }
    outgoing.begin(step, named, at.isFirst(), at.isLast());
    signals.add(at.index(), local);
    if (at.isLast() && !lockstep()) {
      wish(local);
    }
    if (at.isLast() && lockstep()) {
      workers.label("signals");
      sumsWork = signals.start();
    }
  }

  /** To stop or to save takes all workers after the same step: the servers say which. */
  private void wish(StepSignals local) {
    int kinds = (local.stop() ? Wishes.STOP : 0) | (local.checkpoint() ? Wishes.SAVE : 0);
    if ((kinds & ~wished) != 0) {
      client.wish(kinds & ~wished);
      wished |= kinds;
    }
  }

  @Override
  public void ready(int parameter, TensorBuffer gradient) {
    at.requireBegun();
    outgoing.take(parameter, gradient, this::push);
    if (at.isLast()) {
      post.poll();
    }
  }

  private void push(int shard) {
    if (shown.isPresent()) {
      return;
    }
    long nanos = System.nanoTime() - forwardAt + tailNanos;
    long until = dealt.until(at.step());
    pushedBytes +=
        client.push(
            shard,
            at.step(),
            until,
            learningRate.at(at.step()),
            signals.items(),
            byThemselves() ? nanos : lockstep() ? 0 : batches.itemsOf(at.step()));
    if (byThemselves() && !plan.shards().get(shard).isTable()) {
      client.pullBehindPush(shard, until);
    }
  }

  @Override
  public StepTotals await() {
    at.requireLast();
    if (resting) {
      return rested();
    }
    outgoing.requireAllHandedOver();
    return shown.isPresent() ? awaitWhole(shown.get()) : awaitShards();
  }

  private StepTotals awaitWhole(TensorBuffer values) {
    client.step(at.step(), learningRate.at(at.step()), signals.items());
    await(client::isStepped);
    incoming.shown(values);
    sumsWork.await();
    pushedBytes = outgoing.plainBytes();
    ended(2 * outgoing.plainBytes());
    return signals.totals();
  }

  private StepTotals awaitShards() {
    long behindBackward = System.nanoTime();
    await(client::isPushed);
    tailNanos = System.nanoTime() - behindBackward;
    if (lockstep()) {
      sumsWork.await();
    }
    pulls.afterStep(at.step(), byThemselves());
    if (spec.consistency() instanceof ConsistencySpec.Asp) {
      // Under ssp it may have waited for others.
      tailNanos = System.nanoTime() - behindBackward;
    }
    ended(0);
    if (lockstep()) {
      return signals.totals();
    }
    return alone(signals.local().loss());
  }

  /**
   * @param readInPlace bytes that no message carried
   */
  private void ended(long readInPlace) {
    figures.read(client.behind());
    figures.step(post.bytes() - countedBytes + readInPlace, 2 * outgoing.plainBytes());
    countedBytes = post.bytes();
    awaited = at.step();
    at.end();
  }

  /**
   * A step in which this worker has no part. With its push before it has read what it begins its
   * next one with, unless that was in another formation.
   */
  private StepTotals rested() {
    awaited = at.step();
    if (client.askedAfter() < awaited) {
      pulls.all(awaited);
    }
    at.end();
    return alone(lastLoss);
  }

  private StepTotals alone(Loss loss) {
    lastLoss = loss;
    int due = Wishes.kindsAfter(client.wishTold(), awaited);
    wished &= ~due;
    return new StepTotals(loss, (due & Wishes.STOP) != 0, (due & Wishes.SAVE) != 0);
  }

  private void await(BooleanSupplier condition) {
    double seconds = job.parallel().timeoutSeconds();
    if (!post.await(condition, Duration.ofNanos((long) (seconds * 1e9)))) {
      CollectiveException late = client.late(at.step(), seconds);
      all.abort("worker " + workers.rank() + " has given up waiting: " + late.getMessage());
      throw late;
    }
  }

  /** Puts the parameters that were pulled last, after the step, into the replica. */
  void takeParameters() {
    pulls.take();
    figures.mark().set(awaited, lockstep() ? StateMark.Part.VALUES : StateMark.Part.NONE);
  }

  /** The rate that the pushes of the step that was awaited last carried. */
  double lastRate() {
    return learningRate.at(awaited);
  }

  @Override
  public void saving(Progress progress) {
    if (!lockstep()) {
      meetAndPull(progress);
    } else {
      pulls.rest(progress.step());
    }
    pulls.slots(progress.step());
    if (!lockstep()) {
      // Nobody goes on before everybody has read the same.
      workers.barrier().await();
    }
  }

  private void meetAndPull(Progress progress) {
    workers.barrier().await();
    pulls.all(progress.step());
    signals.average();
  }

  @Override
  public void finishing(Progress progress) {
    client.leave();
    if (!lockstep()) {
      meetAndPull(progress);
    } else {
      pulls.rest(progress.step());
    }
    // Servers may leave now: whatever they hold of the job the workers hold, too.
    pulls.slots(progress.step());
    figures.step(post.bytes() - countedBytes, 0);
    countedBytes = post.bytes();
    totalFigures = figures.total(workers);
    workers.barrier().await();
    client.bye(all.worldSize() - workers.worldSize());
    await(post::isOver);
    all.barrier().await();
  }

  /** The sums of all workers' figures, after {@link #finishing}. */
  public Map<String, Double> figures() {
    return totalFigures;
  }

  /** Stands where the slab does; see {@link #await}: what is there is this worker's own. */
  @Override
  public List<TensorBuffer> reduced() {
    return outgoing.reduced();
  }

  /** Whether workers get parts of batches by their speed: where they do not wait for each other. */
  public boolean dealsPortions() {
    return byThemselves();
  }

  /** What is dealt to this worker; asking blocks for an answer of a server. */
  Dealt dealt() {
    return dealt;
  }

  /** The step that was awaited last, or after which the formation went on; at least 1. */
  long lastStep() {
    return Math.max(1, awaited);
  }

  private int[] askPortions(long window, long step) {
    client.askPortions(window, step);
    await(() -> client.portions().isPresent());
    return client.portions().orElseThrow();
  }

  /** What this worker sent in its last step, mostly gradients; see also {@link #figures}. */
  @Override
  public WireBytes wireBytes() {
    return new WireBytes(pushedBytes, outgoing.plainBytes());
  }

  @Override
  public void close() {
    if (client != null) {
      client.close();
    }
    outgoing.close();
    incoming.close();
  }
}

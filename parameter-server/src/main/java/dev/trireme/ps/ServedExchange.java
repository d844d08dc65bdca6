package dev.trireme.ps;

import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.Work;
import dev.trireme.api.data.Cursor;
import dev.trireme.api.engine.Replica;
import dev.trireme.api.job.ConsistencySpec;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.ParameterServerSpec;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.api.train.GradientExchange;
import dev.trireme.api.train.LearningRate;
import dev.trireme.api.train.Progress;
import dev.trireme.api.train.StepSignals;
import dev.trireme.api.train.StepTotals;
import dev.trireme.api.train.WireBytes;
import dev.trireme.ps.plan.Shard;
import dev.trireme.ps.plan.ShardPlan;
import dev.trireme.ps.shard.Updater;
import java.nio.FloatBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;

/**
 * A worker's end of the parameter server. Each gradient is copied once, from backward's hook into
 * the slab; a shard is pushed as soon as its last gradient is there. {@link #await} waits until all
 * pushes are acknowledged, commits the step, and pulls the new parameters, which {@link
 * #takeParameters} (as the replica's optimizer) puts into the model.
 *
 * <p>Under ssp and asp a step's totals are this worker's own.
 *
 * <p>Threading and blocking: as {@link GradientExchange}; the deadline is {@code
 * parallel.timeoutSeconds}. Errors: a step that failed cannot be repeated in this formation.
 */
public final class ServedExchange implements GradientExchange {
  private static final long NO_STEP = -1;
  private static final int CHUNK = 1024;

  private final ProcessGroup workers;
  private final ProcessGroup all;
  private final Replica replica;
  private final JobSpec job;
  private final ParameterServerSpec spec;
  private final LearningRate learningRate;
  private final long items;
  private final Gathering gathering;
  private final ShardPlan plan;
  private final List<TensorBuffer> reduced;
  private final NativeMemory.Block pulled;
  private final TensorBuffer values;
  private final List<TensorBuffer> slots = new ArrayList<>();
  private final Signals signals;
  private final GroupPost post;
  private final int[] missing;
  private final BitSet handedOver = new BitSet();
  private final float[] sum = new float[CHUNK];
  private final float[] more = new float[CHUNK];
  private ShardClient client;
  private Work sumsWork = Work.completed();
  private long step = NO_STEP;
  private long awaited = 1;
  private int part;
  private int partCount = 1;

  /**
   * A collective call of workers and servers.
   *
   * @param workers of the workers alone; rank {@code r} there is rank {@code r} of {@code all}
   * @param all of the workers and, behind them, the servers; its deadline is not used for messages
   * @param job with {@code parallel.sync: parameter-server}
   * @param items in the training set
   */
  public ServedExchange(
      ProcessGroup workers,
      ProcessGroup all,
      Replica replica,
      JobSpec job,
      LearningRate learningRate,
      long items) {
    this.workers = workers;
    this.all = all;
    this.replica = replica;
    this.job = job;
    this.spec = job.parallel().parameterServer().orElseThrow();
    this.learningRate = learningRate;
    this.items = items;
    replica.parameters().forEach(p -> requireFloat(p.tensor()));
    this.gathering =
        Gathering.ofWorker(
            all,
            workers.worldSize(),
            spec.consistency(),
            replica.parameters().stream().map(p -> p.tensor().data().count()).toList());
    this.plan = gathering.plan();
    this.reduced =
        IntStream.range(0, plan.parameters()).mapToObj(p -> slice(gathering.slab(), p)).toList();
    int slotCount = Updater.of(job.train().optimizer()).slotNames().size();
    this.pulled = NativeMemory.allocate(4 * plan.elements() * (1 + slotCount), 64);
    this.values = pulledPart(0);
    for (int slot = 0; slot < slotCount; slot++) {
      slots.add(pulledPart(1 + slot));
    }
    this.signals = new Signals(workers, replica.statistics());
    this.missing = new int[plan.shards().size()];
    this.post = new GroupPost(all, plan.shards().size(), workers.worldSize(), plan.largest());
  }

  private static void requireFloat(NamedTensor parameter) {
    if (parameter.dtype() != DType.FLOAT32 || parameter.data().device().kind() != Device.Kind.CPU) {
      throw new IllegalArgumentException(
          "parameter "
              + parameter.name()
              + " is "
              + parameter.dtype()
              + " on "
              + parameter.data().device()
              + ": a parameter server holds FLOAT32 on the CPU alone");
    }
  }

  private TensorBuffer pulledPart(int index) {
    return TensorBuffer.cpu(
        pulled.address() + 4 * plan.elements() * index, DType.FLOAT32, plan.elements());
  }

  private TensorBuffer slice(TensorBuffer slab, int parameter) {
    long from = plan.offsets().get(parameter);
    return slab.slice(from, plan.offsets().get(parameter + 1) - from);
  }

  private boolean synchronous() {
    return spec.consistency() instanceof ConsistencySpec.Bsp bsp && bsp.drop() == 0;
  }

  @Override
  public Progress formed(Progress progress) {
    Gathering.Outcome outcome = gathering.meet(progress.step(), spec.backups());
    Progress resume = progress;
    if (outcome.fresh()) {
      begin(progress);
    } else {
      long after = outcome.resume().get(workers.rank());
      resume = after == progress.step() ? progress : new Progress(after, cursorAfter(after));
    }
    client =
        new ShardClient(
            workers.rank(),
            workers.worldSize(),
            plan,
            outcome.directory(),
            post,
            gathering.slab(),
            values,
            slots);
    post.listen(IntStream.range(workers.worldSize(), all.worldSize()).boxed().toList(), client);
    client.pull(resume.step());
    await(client::isPulled);
    takeParameters();
    return resume;
  }

  /** Where the batch after this step begins: a step is a whole global batch, whoever takes it. */
  private Cursor cursorAfter(long steps) {
    long batch = job.data().batchSize();
    long perEpoch = (items + batch - 1) / batch;
    return new Cursor(Math.toIntExact(steps / perEpoch), steps % perEpoch * batch);
  }

  private void begin(Progress progress) {
    Beginning.counts(all, progress.step(), updates(), slots.size());
    for (int slab = 0; slab <= slots.size(); slab++) {
      for (int parameter = 0; parameter < plan.parameters() && all.rank() == 0; parameter++) {
        NamedTensor own = replica.parameters().get(parameter).tensor();
        TensorBuffer from = slab == 0 ? own.data() : slot(own.name(), slab - 1).data();
        copy(from, slice(gathering.slab(), parameter));
      }
      all.broadcast(gathering.slab(), 0).await();
      all.barrier().await();
    }
  }

  private NamedTensor slot(String parameter, int slot) {
    return optimizerState(
        parameter + "." + Updater.of(job.train().optimizer()).slotNames().get(slot));
  }

  private NamedTensor optimizerState(String name) {
    return replica.optimizerState().stream()
        .filter(t -> t.name().equals(name))
        .findFirst()
        .orElseThrow(() -> new IllegalStateException("the optimizer has no state '" + name + "'"));
  }

  private long updates() {
    return NativeMemory.view(optimizerState("step").data().address(), 8).getLong(0);
  }

  private static void copy(TensorBuffer from, TensorBuffer to) {
    NativeMemory.copy(from.address(), to.address(), from.byteCount());
  }

  @Override
  public void part(int index, int count) {
    boolean next = index == 0 ? step == NO_STEP : index == part + 1 && count == partCount;
    if (!next || index >= count) {
      throw new IllegalStateException(
          "part "
              + (index + 1)
              + " of "
              + count
              + " follows part "
              + (part + 1)
              + " of "
              + partCount
              + ": expected each part of a step once, in order");
    }
    part = index;
    partCount = count;
    signals.part(index);
  }

  @Override
  public void begin(long step, StepSignals local) {
    if (this.step != (part == 0 ? NO_STEP : step)) {
      throw new IllegalStateException(
          "step " + step + " begins, but step " + this.step + " has not been awaited");
    }
    if (part > 0) {
      requireAllHandedOver();
    }
    this.step = step;
    handedOver.clear();
    signals.add(part, local);
    if (part == partCount - 1) {
      Arrays.fill(missing, 0);
      for (int parameter = 0; parameter < plan.parameters(); parameter++) {
        int[] range = plan.shardsOf(parameter);
        for (int shard = range[0]; shard < range[1]; shard++) {
          missing[shard]++;
        }
      }
      if (synchronous()) {
        workers.label("signals");
        sumsWork = signals.start();
      }
    }
  }

  @Override
  public void ready(int parameter, TensorBuffer gradient) {
    TensorBuffer slot = reduced.get(parameter);
    if (step == NO_STEP || handedOver.get(parameter) || gradient.count() != slot.count()) {
      throw new IllegalArgumentException(
          "step "
              + step
              + ", gradient of parameter "
              + parameter
              + ": expected "
              + slot.count()
              + " elements once a step, found "
              + gradient.count());
    }
    handedOver.set(parameter);
    if (part == 0) {
      copy(gradient, slot);
    } else {
      add(gradient, slot);
    }
    if (part < partCount - 1) {
      return;
    }
    int[] range = plan.shardsOf(parameter);
    for (int shard = range[0]; shard < range[1]; shard++) {
      if (--missing[shard] == 0) {
        client.push(shard, step, learningRate.at(step), signals.items(), globalItems());
      }
    }
    post.poll();
  }

  /** Items of the whole batch, where a sum may lack some; 0 where it never does. */
  private long globalItems() {
    if (!(spec.consistency() instanceof ConsistencySpec.Bsp) || synchronous()) {
      return 0;
    }
    long from = cursorAfter(step - 1).position();
    return Math.min(job.data().batchSize(), items - from);
  }

  private void add(TensorBuffer gradient, TensorBuffer to) {
    FloatBuffer source = floats(gradient);
    FloatBuffer target = floats(to);
    int count = source.capacity();
    for (int at = 0; at < count; at += CHUNK) {
      int length = Math.min(CHUNK, count - at);
      source.get(at, more, 0, length);
      target.get(at, sum, 0, length);
      for (int i = 0; i < length; i++) {
        sum[i] += more[i];
      }
      target.put(at, sum, 0, length);
    }
  }

  private static FloatBuffer floats(TensorBuffer buffer) {
    return NativeMemory.view(buffer.address(), Math.toIntExact(buffer.byteCount())).asFloatBuffer();
  }

  private void requireAllHandedOver() {
    int first = handedOver.nextClearBit(0);
    if (first < plan.parameters()) {
      throw new IllegalStateException(
          "step "
              + step
              + ": backward has ended without a gradient of "
              + replica.parameters().get(first).tensor().name());
    }
  }

  @Override
  public StepTotals await() {
    if (step == NO_STEP || part < partCount - 1) {
      throw new IllegalStateException("no step has begun, or not all of its parts have");
    }
    requireAllHandedOver();
    await(client::isPushed);
    if (synchronous()) {
      sumsWork.await();
    }
    client.pull(step);
    await(client::isPulled);
    awaited = step;
    step = NO_STEP;
    part = 0;
    partCount = 1;
    if (synchronous()) {
      return signals.totals();
    }
    StepTotals own = signals.local();
    // To save takes all workers after the same step, which a wish of one of them is not.
    return new StepTotals(own.loss(), own.stop(), false);
  }

  private void await(BooleanSupplier condition) {
    double seconds = job.parallel().timeoutSeconds();
    if (!post.await(condition, Duration.ofNanos((long) (seconds * 1e9)))) {
      String what = client.toString();
      int suspect = client.awaited();
      all.abort("worker " + workers.rank() + " has given up waiting for " + what);
      throw new CollectiveException(
          CollectiveException.Cause.DEADLINE,
          suspect,
          "step "
              + step
              + ": no "
              + what
              + " within "
              + seconds
              + " s; rank "
              + suspect
              + ", a server, was waited for");
    }
  }

  /** Puts the parameters that were pulled last into the replica. */
  void takeParameters() {
    for (int parameter = 0; parameter < plan.parameters(); parameter++) {
      copy(slice(values, parameter), replica.parameters().get(parameter).tensor().data());
    }
  }

  /**
   * @throws IllegalArgumentException when it is not the rate that the pushes of the step carried
   */
  void requireRate(double rate) {
    long ofStep = awaited;
    if (rate != learningRate.at(ofStep)) {
      throw new IllegalArgumentException(
          "expected the job's learning rate of step "
              + ofStep
              + ", "
              + learningRate.at(ofStep)
              + ", for it went to the servers with the gradients; found "
              + rate);
    }
  }

  @Override
  public void saving(Progress progress) {
    if (!synchronous()) {
      meetAndPull(progress);
    }
    client.pullSlots();
    await(client::isSlotsPulled);
    for (int slot = 0; slot < slots.size(); slot++) {
      for (int parameter = 0; parameter < plan.parameters(); parameter++) {
        String name = replica.parameters().get(parameter).tensor().name();
        copy(slice(slots.get(slot), parameter), slot(name, slot).data());
      }
    }
    NativeMemory.view(optimizerState("step").data().address(), 8).putLong(0, client.updates());
    if (!synchronous()) {
      // Nobody goes on before everybody has read the same.
      workers.barrier().await();
    }
  }

  private void meetAndPull(Progress progress) {
    workers.barrier().await();
    client.pull(progress.step());
    await(client::isPulled);
    takeParameters();
    signals.average();
  }

  @Override
  public void finishing(Progress progress) {
    client.leave();
    if (!synchronous()) {
      meetAndPull(progress);
    }
    workers.barrier().await();
    client.bye(all.worldSize() - workers.worldSize());
    await(post::isOver);
    all.barrier().await();
  }

  /** Stands where the slab does; see {@link #await}: what is there is this worker's own. */
  @Override
  public List<TensorBuffer> reduced() {
    return reduced;
  }

  /** All gradients go to the servers, once each. */
  @Override
  public WireBytes wireBytes() {
    long pushed = 4 * plan.shards().stream().mapToLong(Shard::count).sum();
    return new WireBytes(pushed, pushed);
  }

  @Override
  public void close() {
    post.close();
    pulled.close();
  }
}

package dev.trireme.allreduce.exchange;

import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.Work;
import dev.trireme.api.engine.Parameter;
import dev.trireme.api.job.CompressionSpec;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.DeviceMemory;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.api.train.GradientExchange;
import dev.trireme.api.train.StepParts;
import dev.trireme.api.train.StepSignals;
import dev.trireme.api.train.StepTotals;
import dev.trireme.api.train.WireBytes;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Sums gradients over the ranks in buckets. Each gradient is copied once, from backward's hook into
 * its slot of a bucket, which lies in memory that the peers reduce in place and that the optimizer
 * reads. A bucket's all-reduce is started when its last gradient is there and all buckets before it
 * have been started, so that all ranks start them in the same order whatever the order of their
 * gradients. The step's signals and statistics go ahead of the buckets, see {@link StepSums}.
 *
 * <p>Threading and blocking: as {@link GradientExchange}. Errors: a step that failed cannot be
 * repeated; make another exchange in another process group.
 */
public final class BucketedExchange implements GradientExchange {
  private final ProcessGroup group;
  private final List<Parameter> parameters;
  private final BucketLayout layout;
  private final List<BucketTransfer> transfers;
  private final List<TensorBuffer> reduced;
  private final StepSums sums;
  private final PartSums parts;
  private final Work[] works;
  private final Work[] seconds;
  private final int[] missing;
  private final List<String> labels;
  private final BitSet handedOver = new BitSet();
  private Work sumsWork;
  private int startedBuckets;
  private final StepParts at = new StepParts();

  /**
   * A collective call: every rank makes it with the same parameters, statistics and sizes.
   *
   * @param group outlives this exchange and owns the memory of the buckets
   * @param parameters in order of index, of float32 or float64
   * @param statistics of float32 or float64, averaged over the ranks in each step; often empty
   * @param firstBucketBytes size at which the first bucket is closed, at least 1
   * @param bucketBytes size at which the others are closed, at least 1
   * @throws CollectiveException when the peers do not follow
   * @throws IllegalStateException when the host has no room for the buckets
   * @throws IllegalArgumentException when a parameter's dtype cannot be reduced
   */
  public BucketedExchange(
      ProcessGroup group,
      List<Parameter> parameters,
      List<NamedTensor> statistics,
      long firstBucketBytes,
      long bucketBytes) {
    this(group, parameters, statistics, firstBucketBytes, bucketBytes, new CompressionSpec.None());
  }

  /**
   * The same with compression of float32 gradients, see {@link CompressionSpec}. A single rank
   * compresses nothing.
   */
  public BucketedExchange(
      ProcessGroup group,
      List<Parameter> parameters,
      List<NamedTensor> statistics,
      long firstBucketBytes,
      long bucketBytes,
      CompressionSpec compression) {
    this(
        group,
        parameters,
        statistics,
        firstBucketBytes,
        bucketBytes,
        compression,
        DeviceMemory.HOST);
  }

  /**
   * The same for parameters and statistics on a device, all on the same one: buckets are there too,
   * and gradients are summed where the group reaches that device, else through the host. Hooks may
   * then run on the thread of the device's backward. Several parts of a batch are added up on the
   * device where it has an adder; else on the host, each gradient of each part waiting for the
   * device.
   *
   * @param memory that reaches the parameters' device
   * @throws IllegalArgumentException also when gradients of a device would be compressed
   */
  public BucketedExchange(
      ProcessGroup group,
      List<Parameter> parameters,
      List<NamedTensor> statistics,
      long firstBucketBytes,
      long bucketBytes,
      CompressionSpec compression,
      DeviceMemory memory) {
    this.group = group;
    this.parameters = List.copyOf(parameters);
    Device device = deviceOf(this.parameters);
    List<BucketLayout.Need> needs = new ArrayList<>();
    for (Parameter parameter : parameters) {
      requireFloatingPoint(parameter);
      needs.add(
          new BucketLayout.Need(parameter.tensor().dtype(), parameter.tensor().data().count()));
    }
    this.layout = BucketLayout.of(needs, firstBucketBytes, bucketBytes);
    this.sums = new StepSums(group, statistics, memory);
    this.transfers =
        made(new BucketTransfers(group, parameters, layout, compression, memory, device));
    this.reduced =
        layout.slots().stream()
            .map(slot -> transfers.get(slot.bucket()).reduced().slice(slot.from(), slot.count()))
            .toList();
    long largest = reduced.stream().mapToLong(TensorBuffer::byteCount).max().orElse(0);
    this.parts = new PartSums(reduced, () -> PartMemory.of(group, memory, device, largest));
    this.works = new Work[transfers.size()];
    this.seconds = new Work[transfers.size()];
    this.missing = new int[transfers.size()];
    this.labels =
        IntStream.rangeClosed(1, transfers.size())
            .mapToObj(bucket -> "bucket " + bucket + " of " + transfers.size())
            .toList();
  }

  private static Device deviceOf(List<Parameter> parameters) {
    List<Device> devices =
        parameters.stream().map(each -> each.tensor().data().device()).distinct().toList();
    if (devices.size() > 1) {
      throw new IllegalArgumentException(
          "expected all parameters on one device, found some on each of " + devices);
    }
    return devices.isEmpty() ? Device.CPU : devices.get(0);
  }

  private static void requireFloatingPoint(Parameter parameter) {
    DType dtype = parameter.tensor().dtype();
    if (dtype == DType.INT32 || dtype == DType.INT64 || dtype == DType.UINT8) {
      throw new IllegalArgumentException(
          "parameter "
              + parameter.tensor().name()
              + " is "
              + dtype
              + ": expected a floating-point dtype, for only such parameters have gradients");
    }
  }

  @Override
  public void part(int index, int count) {
    at.part(index, count);
    sums.part(index, count);
  }

  @Override
  public void begin(long step, StepSignals signals) {
    if (!at.isFirst() && handedOver.cardinality() < parameters.size()) {
      throw missingGradient();
    }
    at.begin(step);
    startedBuckets = 0;
    handedOver.clear();
    if (!at.isLast()) {
      sums.add(signals);
      return;
    }
    for (int bucket = 0; bucket < missing.length; bucket++) {
      missing[bucket] = layout.buckets().get(bucket).parameters();
    }
    group.label("signals");
    sumsWork = sums.start(signals);
  }

  @Override
  public void ready(int parameter, TensorBuffer gradient) {
    at.requireBegun();
    TensorBuffer slot = reduced.get(parameter);
    if (gradient.dtype() != slot.dtype()
        || gradient.count() != slot.count()
        || handedOver.get(parameter)) {
      throw new IllegalArgumentException(
          "step "
              + at.step()
              + ", gradient of "
              + parameters.get(parameter).tensor().name()
              + ": expected "
              + slot.count()
              + " "
              + slot.dtype()
              + " once, found "
              + gradient.count()
              + " "
              + gradient.dtype()
              + (handedOver.get(parameter) ? " again" : ""));
    }
    handedOver.set(parameter);
    if (!at.isLast()) {
      parts.add(at.index(), parameter, gradient);
      return;
    }
    BucketLayout.Slot place = layout.slots().get(parameter);
    TensorBuffer sum = at.isFirst() ? gradient : parts.sum(at.index(), parameter, gradient);
    transfers.get(place.bucket()).take(place.from(), sum);
    missing[place.bucket()]--;
    while (startedBuckets < missing.length && missing[startedBuckets] == 0) {
      group.label(labels.get(startedBuckets));
      works[startedBuckets] = transfers.get(startedBuckets).start(at.step());
      startedBuckets++;
    }
  }

  @Override
  public StepTotals await() {
    at.requireLast();
    if (startedBuckets < missing.length) {
      throw missingGradient();
    }
    awaitOne(sumsWork, "signals");
    for (int bucket = 0; bucket < works.length; bucket++) {
      awaitOne(works[bucket], labels.get(bucket));
      group.label(labels.get(bucket));
      seconds[bucket] = transfers.get(bucket).proceed().orElse(null);
    }
    for (int bucket = 0; bucket < works.length; bucket++) {
      if (seconds[bucket] != null) {
        awaitOne(seconds[bucket], labels.get(bucket));
      }
      transfers.get(bucket).finish();
    }
    group.label("");
    placed("confirmation", group::confirm);
    forget();
    return sums.finish();
  }

  private IllegalStateException missingGradient() {
    return new IllegalStateException(
        "step "
            + at.step()
            + ": backward has ended without a gradient of "
            + parameters.get(handedOver.nextClearBit(0)).tensor().name());
  }

  @Override
  public List<TensorBuffer> reduced() {
    return reduced;
  }

  @Override
  public WireBytes wireBytes() {
    long plain =
        layout.buckets().stream()
            .mapToLong(b -> WireBytes.ofAllReduce(b.count() * b.dtype().bytes(), group.worldSize()))
            .sum();
    return new WireBytes(transfers.stream().mapToLong(BucketTransfer::sentBytes).sum(), plain);
  }

  private List<BucketTransfer> made(BucketTransfers wanted) {
    try {
      return wanted.make();
    } catch (RuntimeException | Error e) {
      sums.close();
      throw e;
    }
  }

  /** Forgets the step and frees what parts and compression hold; the rest belongs to the group. */
  @Override
  public void close() {
    forget();
    parts.close();
    sums.close();
    transfers.forEach(BucketTransfer::close);
  }

  private void forget() {
    Arrays.fill(works, null);
    Arrays.fill(seconds, null);
    at.end();
  }

  private void awaitOne(Work work, String what) {
    placed(what, work::await);
  }

  private void placed(String what, Runnable wait) {
    try {
      wait.run();
    } catch (CollectiveException e) {
      CollectiveException placed =
          new CollectiveException(
              e.reason(),
              e.suspectRank(),
              "step " + at.step() + ", " + what + ": " + e.getMessage());
      placed.initCause(e);
      throw placed;
    }
  }
}

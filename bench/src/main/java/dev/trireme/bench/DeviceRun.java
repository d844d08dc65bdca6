package dev.trireme.bench;

import dev.trireme.api.data.Batch;
import dev.trireme.api.data.BatchStream;
import dev.trireme.api.data.Cursor;
import dev.trireme.api.data.DataSource;
import dev.trireme.api.engine.GradientSink;
import dev.trireme.api.engine.Parameter;
import dev.trireme.api.engine.Replica;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.api.train.LearningRate;
import dev.trireme.data.Datasets;
import dev.trireme.engine.TorchEngine;
import dev.trireme.launcher.config.JobReader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.DeviceOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.DeviceType;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** One model trained for some steps on one device in one precision, alone. */
final class DeviceRun {
  /** What a first step loads and chooses is not counted. */
  private static final int WARM_UP = 10;

  /**
   * What came out.
   *
   * @param losses of each step, mean over the batch
   * @param samplesPerSecond after the warm-up; NaN for fewer steps
   * @param firstStepMillis of wall time
   * @param peakBytes of the device's memory for tensors; -1 where there is no figure
   * @param nativeBytes at the end
   */
  record Outcome(
      String name,
      double[] losses,
      double samplesPerSecond,
      double firstStepMillis,
      long peakBytes,
      long nativeBytes) {
    String line() {
      return String.format(
          Locale.ROOT,
          "%-13s steps %d  samples/s %.0f  first step %.0f ms  last loss %.5f  peak %s  native %d"
              + " MiB",
          name,
          losses.length,
          samplesPerSecond,
          firstStepMillis,
          losses[losses.length - 1],
          peakBytes < 0 ? "-" : (peakBytes >> 20) + " MiB",
          nativeBytes >> 20);
    }
  }

  private DeviceRun() {}

  static Outcome of(
      TorchEngine engine,
      Path file,
      List<String> settings,
      String device,
      String precision,
      int steps) {
    JobSpec job = JobReader.read(file, settings).spec();
    boolean cuda = device.equals("cuda");
    try (DataSource data = Datasets.open(job.data(), job.train().seed());
        Replica replica = engine.replica(job, data.training(), DeviceRun.class.getClassLoader());
        Sums sums = new Sums(replica);
        BatchStream batches = data.train(Cursor.START, 0, 1)) {
      replica.bindGradients(sums.buffers);
      if (cuda) {
        torch.resetPeakStats((byte) 0);
      }
      LearningRate rate = rate(job, data);
      double[] losses = new double[steps];
      long begun = System.nanoTime();
      double first = Double.NaN;
      long warm = begun;
      long samples = 0;
      Batch batch = next(batches, replica);
      for (int step = 0; step < steps; step++) {
        losses[step] = replica.forward(batch, step).lossSum() / batch.size();
        replica.backward(sums);
        samples += step < WARM_UP ? 0 : batch.size();
        batch = next(batches, replica);
        replica.optimize(rate.at(step + 1));
        if (step == 0) {
          wait(cuda);
          first = (System.nanoTime() - begun) / 1e6;
        }
        if (step == WARM_UP - 1) {
          wait(cuda);
          warm = System.nanoTime();
        }
      }
      wait(cuda);
      double seconds = (System.nanoTime() - warm) / 1e9;
      return new Outcome(
          device + " " + precision,
          losses,
          samples == 0 ? Double.NaN : samples / seconds,
          first,
          cuda ? peak() : -1,
          replica.nativeBytes());
    }
  }

  /** The job's own course: without its warm-up some models diverge, on each device in its way. */
  private static LearningRate rate(JobSpec job, DataSource data) {
    return new LearningRate(
        job.train().optimizer().lr(),
        job.train().schedule(),
        job.train().warmupSteps(),
        job.train().totalSteps(data.training().items(), job.data().batchSize()));
  }

  private static Batch next(BatchStream batches, Replica replica) {
    Batch batch = batches.next();
    replica.prepare(batch);
    return batch;
  }

  private static void wait(boolean cuda) {
    if (cuda) {
      torch.cuda_synchronize();
    }
  }

  private static long peak() {
    try {
      return torch.getDeviceStats((byte) 0).allocated_bytes().peak();
    } catch (RuntimeException | LinkageError e) {
      System.out.println("no figures of the device's allocator: " + e);
      return -1;
    }
  }

  /** Stands in for the exchange of one rank: each gradient is copied once, on its device. */
  private static final class Sums implements GradientSink, AutoCloseable {
    private final List<Tensor> tensors = new ArrayList<>();
    private final List<TensorBuffer> buffers = new ArrayList<>();

    Sums(Replica replica) {
      for (Parameter parameter : replica.parameters()) {
        TensorBuffer values = parameter.tensor().data();
        Tensor sum =
            torch.zeros(new long[] {values.count()}, options(values.device())).retainReference();
        tensors.add(sum);
        buffers.add(
            new TensorBuffer(
                sum.data_ptr().address(), values.dtype(), values.count(), values.device()));
      }
    }

    private static TensorOptions options(Device device) {
      TensorOptions options = new TensorOptions(ScalarType.Float);
      return device.kind() == Device.Kind.CPU
          ? options
          : options.device(
              new DeviceOptional(
                  new org.bytedeco.pytorch.Device(DeviceType.CUDA, (byte) device.index())));
    }

    @Override
    @SuppressWarnings("try") // a scope does its work by being open
    public void ready(int parameter, TensorBuffer gradient) {
      try (PointerScope scope = new PointerScope()) {
        Tensor from =
            torch.from_blob(
                new Address(gradient.address()),
                new long[] {gradient.count()},
                options(gradient.device()));
        tensors.get(parameter).copy_(from, true);
      }
    }

    @Override
    public void close() {
      tensors.forEach(Tensor::releaseReference);
    }
  }

  private static final class Address extends Pointer {
    Address(long address) {
      super((Pointer) null);
      this.address = address;
    }
  }
}

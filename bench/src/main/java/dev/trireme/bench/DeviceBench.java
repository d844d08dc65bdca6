package dev.trireme.bench;

import dev.trireme.engine.CudaDevices;
import dev.trireme.engine.TorchEngine;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * One job's model trained on the CPU and on a CUDA device, in each precision: loss by loss, how far
 * the devices are apart, samples a second, and the most memory of the device. One replica in this
 * process, no ranks and no exchange.
 *
 * <p>Arguments: {@code JOB.yaml [STEPS [CPU_STEPS [key=value]...]]}; 200 and 20 steps unless told
 * otherwise. Dropout draws other numbers on each device, so a job to compare has none. Exit code 0
 * when the losses of the first 20 steps agree within 1e-3 in float32, 1 when they do not, 3 when
 * there is no device (the CPU's figures are printed all the same).
 */
public final class DeviceBench {
  private static final int COMPARED = 20;
  private static final double BOUND = 1e-3;
  private static final int NO_DEVICE = 3;

  private final Path job;
  private final List<String> overrides;
  private final PrintStream out;

  private DeviceBench(Path job, List<String> overrides, PrintStream out) {
    this.job = job;
    this.overrides = overrides;
    this.out = out;
  }

  public static void main(String[] args) {
    int steps = args.length > 1 ? Integer.parseInt(args[1]) : 200;
    int cpuSteps = args.length > 2 ? Integer.parseInt(args[2]) : COMPARED;
    List<String> overrides = args.length > 3 ? List.of(args).subList(3, args.length) : List.of();
    DeviceBench bench = new DeviceBench(Path.of(args[0]), overrides, System.out);
    int code = bench.run(steps, cpuSteps);
    System.out.flush();
    // libtorch's threads for devices would keep the process.
    Runtime.getRuntime().halt(code);
  }

  private int run(int steps, int cpuSteps) {
    TorchEngine engine = TorchEngine.load(Runtime.getRuntime().availableProcessors());
    CudaDevices devices = engine.cudaDevices();
    out.printf(
        "devices %d%s%n", devices.count(), devices.available() ? "" : ": " + devices.reason());
    DeviceRun.Outcome cpu = measured(engine, "cpu", "float32", cpuSteps).orElseThrow();
    Optional<DeviceRun.Outcome> coarse = measured(engine, "cpu", "bf16", cpuSteps);
    coarse.ifPresent(bf16 -> compare(cpu, bf16));
    if (!devices.available()) {
      return NO_DEVICE;
    }
    Optional<DeviceRun.Outcome> cuda = measured(engine, "cuda", "float32", steps);
    Optional<DeviceRun.Outcome> again = measured(engine, "cuda", "float32", steps);
    boolean close = cuda.isPresent() && compare(cpu, cuda.get()) <= BOUND;
    if (cuda.isPresent() && again.isPresent()) {
      out.printf("two runs on cuda: the same bits: %b%n", same(cuda.get(), again.get()));
    }
    for (String precision : List.of("bf16", "fp16")) {
      measured(engine, "cuda", precision, steps).ifPresent(mixed -> compare(cpu, mixed));
    }
    out.printf("float32 agrees within %.0e over %d steps: %b%n", BOUND, COMPARED, close);
    return close ? 0 : 1;
  }

  /** One run; a run that fails is told of and does not end the others. */
  private Optional<DeviceRun.Outcome> measured(
      TorchEngine engine, String device, String precision, int steps) {
    List<String> settings = new ArrayList<>(overrides);
    settings.add("parallel.device=" + device);
    settings.add("train.precision=" + precision);
    try {
      DeviceRun.Outcome outcome = DeviceRun.of(engine, job, settings, device, precision, steps);
      out.println(outcome.line());
      return Optional.of(outcome);
    } catch (RuntimeException e) {
      out.printf("%s %s FAILED: %s%n", device, precision, e);
      e.printStackTrace(out);
      return Optional.empty();
    }
  }

  /** Prints both curves and returns the largest distance of the first steps. */
  private double compare(DeviceRun.Outcome one, DeviceRun.Outcome other) {
    int count = Math.min(COMPARED, Math.min(one.losses().length, other.losses().length));
    double largest = 0;
    out.printf("step  %s  %s%n", one.name(), other.name());
    for (int i = 0; i < count; i++) {
      double distance = Math.abs(one.losses()[i] - other.losses()[i]);
      largest = Double.isNaN(distance) ? Double.POSITIVE_INFINITY : Math.max(largest, distance);
      out.printf(Locale.ROOT, "%4d  %.7f  %.7f%n", i + 1, one.losses()[i], other.losses()[i]);
    }
    out.printf(
        Locale.ROOT, "largest distance of %s to %s: %.3e%n", other.name(), one.name(), largest);
    return largest;
  }

  private static boolean same(DeviceRun.Outcome one, DeviceRun.Outcome other) {
    return Arrays.equals(one.losses(), other.losses());
  }
}

package dev.trireme.bench;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Random;
import java.util.stream.LongStream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.openblas.presets.openblas_nolapack;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.SGD;
import org.bytedeco.pytorch.SGDOptions;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * The training loop of {@code configs/bench} written on libtorch alone, on one thread: what one
 * rank's loop is compared with. The images lie ready as normalised floats, and a batch is gathered
 * from them by its indices, as in the peer's script.
 *
 * <p>Usage: {@code BareLoop mlp|cnn DATA [STEPS]}, one epoch where STEPS is missing or 0. Prints
 * one line, {@code bare model=M samples_per_s=N accuracy=A}; the rate leaves out the first ten
 * steps, as Trireme's and the peer's do.
 */
public final class BareLoop {
  private static final int BATCH = 128;
  private static final int EVALUATION_BATCH = 500;
  private static final int STEPS_LEFT_OUT = 10;
  private static final double LEARNING_RATE = 0.01;

  private final BenchModel model;
  private final Mnist train;
  private final SGD optimizer;

  private BareLoop(BenchModel model, Mnist train) {
    this.model = model;
    this.train = train;
    this.optimizer = new SGD(model.parameters(), new SGDOptions(LEARNING_RATE));
  }

  /** Arguments as said above. */
  public static void main(String[] arguments) throws IOException {
    if (arguments.length < 2 || arguments.length > 3) {
      System.err.println("usage: BareLoop mlp|cnn DATA [STEPS]");
      System.exit(2);
    }
    torch.set_num_threads(1);
    openblas_nolapack.blas_set_num_threads(1);
    torch.manual_seed(1);
    Path data = Path.of(arguments[1]);
    BareLoop loop = new BareLoop(BenchModel.named(arguments[0]), Mnist.read(data, "train"));
    int limit = arguments.length == 3 ? Integer.parseInt(arguments[2]) : 0;
    double rate = loop.epoch(limit > 0 ? limit : loop.train.size() / BATCH);
    double accuracy = loop.accuracy(Mnist.read(data, "t10k"));
    System.out.printf(
        Locale.ROOT,
        "bare model=%s samples_per_s=%.0f accuracy=%.4f%n",
        arguments[0],
        rate,
        accuracy);
  }

  /** Trains and returns the samples a second. */
  private double epoch(int steps) {
    long[] order = shuffled(train.size());
    int leftOut = Math.min(STEPS_LEFT_OUT, steps - 1);
    long began = System.nanoTime();
    for (int step = 0; step < steps; step++) {
      if (step == leftOut) {
        began = System.nanoTime();
      }
      step(order, step * BATCH);
    }
    return (steps - leftOut) * (double) BATCH * 1e9 / (System.nanoTime() - began);
  }

  @SuppressWarnings("try") // a scope works by being open
  private void step(long[] order, int first) {
    try (PointerScope scope = new PointerScope()) {
      Tensor items =
          torch.tensor(LongStream.range(first, first + BATCH).map(i -> order[(int) i]).toArray());
      optimizer.zero_grad();
      Tensor loss =
          torch.cross_entropy(
              model.forward(train.images().index_select(0, items)),
              train.labels().index_select(0, items));
      loss.backward();
      optimizer.step();
    }
  }

  @SuppressWarnings("try")
  private double accuracy(Mnist test) {
    long hits = 0;
    for (long first = 0; first < test.size(); first += EVALUATION_BATCH) {
      try (PointerScope scope = new PointerScope()) {
        long length = Math.min(EVALUATION_BATCH, test.size() - first);
        Tensor output = model.forward(test.images().narrow(0, first, length));
        Tensor guess = output.argmax(new LongOptional(1), false);
        hits += guess.eq(test.labels().narrow(0, first, length)).sum().item_long();
      }
    }
    return (double) hits / test.size();
  }

  private static long[] shuffled(int size) {
    long[] order = LongStream.range(0, size).toArray();
    Random random = new Random(1);
    for (int i = size - 1; i > 0; i--) {
      int j = random.nextInt(i + 1);
      long kept = order[i];
      order[i] = order[j];
      order[j] = kept;
    }
    return order;
  }
}

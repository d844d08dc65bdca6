package dev.trireme.ps;

import dev.trireme.api.data.Batch;
import dev.trireme.api.data.Cursor;
import dev.trireme.api.engine.GradientSink;
import dev.trireme.api.engine.Loss;
import dev.trireme.api.engine.Parameter;
import dev.trireme.api.engine.Replica;
import dev.trireme.api.job.OptimizerSpec;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.Shape;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.ps.shard.Updater;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.function.IntConsumer;
import java.util.stream.Stream;

/**
 * A model of three tensors and a table, whose gradients are a formula of worker, step and values;
 * those of the table are zero but for the rows that a batch names.
 */
final class ToyReplica implements Replica {
  static final int TABLE = 3;
  static final int WIDTH = 5;
  static final int ROWS = 2000;
  private static final int[] COUNTS = {700, 20_000, 3, ROWS * WIDTH};
  private static final int ROWS_A_BATCH = 6;

  private final int worker;
  private final List<NativeMemory.Block> blocks = new ArrayList<>();
  private final List<Parameter> parameters = new ArrayList<>();
  private final List<NamedTensor> optimizerState = new ArrayList<>();
  private long counted;
  private final NamedTensor statistic;
  private long step;
  boolean integers;

  /** Told each parameter whose gradient backward has handed over. */
  IntConsumer afterGradient = parameter -> {};

  ToyReplica(int worker, OptimizerSpec optimizer) {
    this.worker = worker;
    for (int i = 0; i < COUNTS.length; i++) {
      TensorBuffer values = allocate(DType.FLOAT32, COUNTS[i]);
      FloatBuffer floats = floats(values);
      for (int at = 0; at < COUNTS[i]; at++) {
        floats.put(at, initial(i, at));
      }
      Shape shape = i == TABLE ? Shape.of(ROWS, WIDTH) : Shape.of(COUNTS[i]);
      parameters.add(new Parameter(i, new NamedTensor(i + ".weight", shape, values)));
      for (String slot : Updater.of(optimizer).slotNames()) {
        optimizerState.add(
            new NamedTensor(
                i + ".weight." + slot, Shape.of(COUNTS[i]), allocate(DType.FLOAT32, COUNTS[i])));
      }
    }
    optimizerState.add(new NamedTensor("step", Shape.of(), allocate(DType.INT64, 1)));
    statistic = new NamedTensor("mean", Shape.of(2), allocate(DType.FLOAT32, 2));
  }

  private TensorBuffer allocate(DType dtype, int count) {
    NativeMemory.Block block = NativeMemory.allocate((long) count * dtype.bytes(), 64);
    blocks.add(block);
    return block.buffer(dtype, count);
  }

  static FloatBuffer floats(TensorBuffer buffer) {
    return NativeMemory.view(buffer.address(), (int) buffer.byteCount()).asFloatBuffer();
  }

  /** All that a checkpoint or another rank gets of it. */
  List<byte[]> state() {
    return tensors()
        .map(
            data -> {
              byte[] bytes = new byte[(int) data.byteCount()];
              NativeMemory.view(data.address(), bytes.length).get(0, bytes);
              return bytes;
            })
        .toList();
  }

  /** Takes that of another. */
  void state(List<byte[]> other) {
    Iterator<byte[]> next = other.iterator();
    tensors()
        .forEach(
            data -> NativeMemory.view(data.address(), (int) data.byteCount()).put(0, next.next()));
  }

  private Stream<TensorBuffer> tensors() {
    return Stream.concat(
            parameters.stream().map(Parameter::tensor),
            Stream.concat(optimizerState.stream(), Stream.of(statistic)))
        .map(NamedTensor::data);
  }

  /** The step that the next backward is of. */
  void step(long next) {
    step = next;
  }

  static int row(int worker, long step, int index) {
    return (int) ((worker * 701 + step * 13 + index * index * 37) % ROWS);
  }

  /** Whether a worker's batch names the row that an element of the table is in. */
  static boolean isNamed(int worker, long step, int parameter, int at) {
    boolean named = parameter != TABLE;
    for (int i = 0; i < ROWS_A_BATCH && !named; i++) {
      named = row(worker, step, i) == at / WIDTH;
    }
    return named;
  }

  /** The batch of a step: rows of the table. */
  Batch batch(long ofStep) {
    TensorBuffer features = allocate(DType.INT64, ROWS_A_BATCH);
    for (int i = 0; i < ROWS_A_BATCH; i++) {
      NativeMemory.view(features.address(), 8 * ROWS_A_BATCH)
          .putLong(8 * i, row(worker, ofStep, i));
    }
    return new Batch(
        Cursor.START,
        Cursor.START,
        4,
        2,
        features,
        Shape.of(2, ROWS_A_BATCH / 2),
        TensorBuffer.NONE,
        Shape.of(2, 0));
  }

  /** The gradient of one element. */
  static float gradient(int worker, long step, int parameter, int at, float value) {
    if (!isNamed(worker, step, parameter, at)) {
      return 0;
    }
    return 0.1f * value + ((worker * 31 + step * 7 + parameter * 5 + at) % 13 - 6) * 0.01f;
  }

  /** A multiple of a quarter, so that integers are added to it exactly. */
  static float initial(int parameter, int at) {
    return (parameter + 1) * 0.5f - at % 16 * 0.25f;
  }

  static int count(int parameter) {
    return COUNTS[parameter];
  }

  static float integer(int worker, long step, int parameter, int at) {
    if (!isNamed(worker, step, parameter, at)) {
      return 0;
    }
    return (worker * 31 + step * 7 + parameter * 5 + at) % 13 - 6;
  }

  @Override
  public List<Parameter> parameters() {
    return List.copyOf(parameters);
  }

  @Override
  public List<Integer> tables() {
    return List.of(TABLE);
  }

  @Override
  public List<NamedTensor> statistics() {
    return List.of(statistic);
  }

  @Override
  public Loss forward(Batch batch, long seed) {
    floats(statistic.data()).put(0, worker).put(1, step);
    return new Loss(worker + 1, 1, 4);
  }

  @Override
  public void backward(GradientSink sink) {
    for (int i = COUNTS.length - 1; i >= 0; i--) {
      try (NativeMemory.Block block = NativeMemory.allocate(4L * COUNTS[i], 64)) {
        TensorBuffer gradient = block.buffer(DType.FLOAT32, COUNTS[i]);
        FloatBuffer to = floats(gradient);
        FloatBuffer values = floats(parameters.get(i).tensor().data());
        for (int at = 0; at < COUNTS[i]; at++) {
          to.put(
              at,
              integers
                  ? integer(worker, step, i, at)
                  : gradient(worker, step, i, at, values.get(at)));
        }
        sink.ready(i, gradient);
      }
      afterGradient.accept(i);
    }
  }

  @Override
  public void bindGradients(List<TensorBuffer> reduced) {}

  @Override
  public void optimize(double learningRate) {
    throw new UnsupportedOperationException("the servers' work");
  }

  @Override
  public void counted(long updates) {
    counted = updates;
  }

  /** What it was told last of the number of updates. */
  long counted() {
    return counted;
  }

  @Override
  public Loss evaluate(Batch batch) {
    return Loss.NONE;
  }

  @Override
  public List<NamedTensor> modelState() {
    return parameters.stream().map(Parameter::tensor).toList();
  }

  @Override
  public List<NamedTensor> optimizerState() {
    return List.copyOf(optimizerState);
  }

  @Override
  public long nativeBytes() {
    return 0;
  }

  @Override
  public void close() {
    blocks.forEach(NativeMemory.Block::close);
  }
}

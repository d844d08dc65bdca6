package dev.trireme.checkpoint;

import dev.trireme.api.checkpoint.CheckpointContent;
import dev.trireme.api.data.Cursor;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.Shape;
import dev.trireme.api.tensor.StateHash;
import dev.trireme.api.train.Progress;
import dev.trireme.checkpoint.format.TensorSpec;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** A state dict in native memory, for tests. */
final class State implements AutoCloseable {
  static final long SEED = 17;
  static final String SPEC = "name: \"tést\"\ntrain: {steps: 3}\n";

  private final List<NativeMemory.Block> blocks = new ArrayList<>();
  private final List<NamedTensor> tensors = new ArrayList<>();

  private State(Map<String, TensorSpec> specs) {
    for (TensorSpec spec : specs.values()) {
      NativeMemory.Block block = NativeMemory.allocate(spec.byteCount(), 64);
      blocks.add(block);
      tensors.add(
          new NamedTensor(
              spec.name(), spec.shape(), block.buffer(spec.dtype(), spec.shape().elements())));
    }
  }

  /** A state of every dtype, with a scalar, an empty tensor and a name that JSON must escape. */
  static Map<String, TensorSpec> model() {
    Map<String, TensorSpec> specs = new LinkedHashMap<>();
    put(specs, "model.0.weight", DType.FLOAT32, 32, 3, 3);
    put(specs, "model.0.bias", DType.FLOAT32, 32);
    put(specs, "model.bn.num_batches_tracked", DType.INT64);
    put(specs, "model.half", DType.FLOAT16, 5);
    put(specs, "model.brain", DType.BFLOAT16, 7, 3);
    put(specs, "model.empty", DType.FLOAT32, 0, 4);
    put(specs, "model.\"quoted\"\\path/ü", DType.UINT8, 13);
    put(specs, "optimizer.0.weight.exp_avg", DType.FLOAT64, 11);
    put(specs, "optimizer.step", DType.INT32, 1);
    return specs;
  }

  static void put(Map<String, TensorSpec> specs, String name, DType dtype, long... dims) {
    specs.put(name, new TensorSpec(name, dtype, Shape.of(dims)));
  }

  /** Of the usual tensors, all zero. */
  static State zeros() {
    return zeros(model());
  }

  static State zeros(Map<String, TensorSpec> specs) {
    return new State(specs);
  }

  /** Of the usual tensors, with bits that are a function of the seed. */
  static State random(long seed) {
    State state = new State(model());
    state.fill(seed);
    return state;
  }

  /** Draws every bit anew. */
  void fill(long seed) {
    Random random = new Random(seed);
    for (NativeMemory.Block block : blocks) {
      byte[] bytes = new byte[Math.toIntExact(block.bytes())];
      random.nextBytes(bytes);
      NativeMemory.write(bytes, 0, bytes.length, block.address());
    }
  }

  List<NamedTensor> tensors() {
    return tensors;
  }

  String hash() {
    return StateHash.of(tensors);
  }

  /** This state as the content of a checkpoint. */
  CheckpointContent at(long generation, long step) {
    return new CheckpointContent(
        generation, new Progress(step, new Cursor(2, step * 64)), SEED, SPEC, tensors);
  }

  @Override
  public void close() {
    blocks.forEach(NativeMemory.Block::close);
  }
}

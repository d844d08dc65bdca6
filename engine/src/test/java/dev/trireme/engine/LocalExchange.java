package dev.trireme.engine;

import dev.trireme.api.engine.GradientSink;
import dev.trireme.api.engine.Replica;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** Stands in for the exchange of gradients: adds up what is handed over, one buffer a parameter. */
final class LocalExchange implements GradientSink, AutoCloseable {
  private final NativeMemory.Block block;
  private final List<TensorBuffer> buffers = new ArrayList<>();
  private final List<Integer> order = new ArrayList<>();

  LocalExchange(Replica replica) {
    long count = replica.parameters().stream().mapToLong(p -> p.tensor().data().count()).sum();
    block = NativeMemory.allocate(count * 4, 64);
    TensorBuffer all = block.buffer(DType.FLOAT32, count);
    long at = 0;
    for (var parameter : replica.parameters()) {
      long length = parameter.tensor().data().count();
      buffers.add(all.slice(at, length));
      at += length;
    }
    replica.bindGradients(buffers);
  }

  /** Forgets what was added up. */
  void clear() {
    NativeMemory.fill(block.address(), block.bytes(), (byte) 0);
    order.clear();
  }

  @Override
  public void ready(int parameter, TensorBuffer gradient) {
    order.add(parameter);
    ByteBuffer from = view(gradient);
    ByteBuffer to = view(buffers.get(parameter));
    for (int i = 0; i < gradient.byteCount(); i += 4) {
      to.putFloat(i, to.getFloat(i) + from.getFloat(i));
    }
  }

  /** Adds to one element of a parameter's sum. */
  void add(int parameter, int element, float value) {
    ByteBuffer sum = view(buffers.get(parameter));
    sum.putFloat(element * Float.BYTES, sum.getFloat(element * Float.BYTES) + value);
  }

  /** The parameters in the order in which they were handed over. */
  List<Integer> order() {
    return List.copyOf(order);
  }

  float[] gradient(int parameter) {
    return floats(buffers.get(parameter));
  }

  static float[] floats(TensorBuffer buffer) {
    float[] values = new float[(int) buffer.count()];
    view(buffer).asFloatBuffer().get(values);
    return values;
  }

  private static ByteBuffer view(TensorBuffer buffer) {
    return NativeMemory.view(buffer.address(), (int) buffer.byteCount());
  }

  @Override
  public void close() {
    block.close();
  }
}

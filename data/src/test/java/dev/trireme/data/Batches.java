package dev.trireme.data;

import dev.trireme.api.data.Batch;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.nio.ByteBuffer;

/** Copies what a batch holds, so that tests can look at it. */
final class Batches {
  private Batches() {}

  static float[] features(Batch batch) {
    float[] values = new float[(int) batch.features().count()];
    view(batch.features()).asFloatBuffer().get(values);
    return values;
  }

  static long[] labels(Batch batch) {
    long[] values = new long[(int) batch.labels().count()];
    view(batch.labels()).asLongBuffer().get(values);
    return values;
  }

  private static ByteBuffer view(TensorBuffer buffer) {
    return NativeMemory.view(buffer.address(), (int) buffer.byteCount());
  }
}

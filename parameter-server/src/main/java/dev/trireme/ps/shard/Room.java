package dev.trireme.ps.shard;

import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.nio.ByteBuffer;
import java.util.Optional;

/**
 * Native memory for one message at a time, as large as the largest so far needed.
 *
 * <p>Threading: one thread.
 */
public final class Room implements AutoCloseable {
  private Optional<NativeMemory.Block> block = Optional.empty();

  /** So many bytes; what was in it is lost where they are more than before. */
  public TensorBuffer of(long bytes) {
    if (block.isEmpty() || block.get().bytes() < bytes) {
      long grown = block.map(b -> b.bytes() + b.bytes() / 2).orElse(0L);
      close();
      block = Optional.of(NativeMemory.allocate(Math.max(64, Math.max(bytes, grown)), 64));
    }
    return block.get().buffer(DType.UINT8, bytes);
  }

  /** A view of a buffer's bytes. */
  public static ByteBuffer view(TensorBuffer buffer) {
    return NativeMemory.view(buffer.address(), Math.toIntExact(buffer.byteCount()));
  }

  @Override
  public void close() {
    block.ifPresent(NativeMemory.Block::close);
    block = Optional.empty();
  }
}
